//! A node as holder of a page, asked by the directory: the look-up in its own page frame directory decides (GM-19).

use super::bugs::Bug;
use super::frames::State;
use super::message::{How, Message};
use super::node::Node;
use super::page::{Tenure, Uid};
use crashcheck::NodeId;

impl Node {
    /// A message of the directory to a holder.
    pub(super) fn held_by_me(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Forward { uid, tenure, to, number, how } => {
                let is_answered = self.forward(uid, tenure, to, number, how);
                if !is_answered {
                    self.delayed.push((from, message));
                }
            }
            Message::Discard { uid, tenure } => {
                self.discard(uid, tenure);
                self.send(from, Message::Discarded { uid, tenure });
            }
            _ => {}
        }
    }

    /// Gives a page to a node that asked the directory for it. A changed page is written back first; false while that
    /// lasts.
    fn forward(&mut self, uid: Uid, tenure: Tenure, to: NodeId, number: u64, how: How) -> bool {
        let marks = !self.bugs.has(Bug::CopyMarkedPrivate);
        let has_home = self.is_member(uid.home());
        let found = self.frames.held(uid, tenure);
        let answer = match (found, how) {
            (Some(frame), How::Peek) => {
                let (version, page) = (frame.content_version(), frame.page);
                Message::Page { uid, number, version, shared: false, page }
            }
            (Some(frame), _) if frame.dirty && has_home => {
                self.start_store(uid);
                return false;
            }
            (Some(frame), How::Copy) if !frame.dirty => {
                if marks {
                    frame.state = State::Shared;
                }
                Message::Page { uid, number, version: frame.version, shared: marks, page: frame.page }
            }
            (Some(frame), How::Move) if !frame.dirty => {
                let (version, page) = (frame.version, frame.page);
                self.frames.remove_held(uid, tenure);
                Message::Page { uid, number, version, shared: false, page }
            }
            // It cannot be written back, as its home is down: who asked will fail there as well.
            (Some(_), _) => Message::Missing { uid, number, shared: true },
            (None, _) => self.not_here(uid, tenure, number, how),
        };
        self.send(to, answer);
        true
    }

    /// The page is not in a frame: it waits for one, or is still on its way, or has long been dropped.
    fn not_here(&mut self, uid: Uid, tenure: Tenure, number: u64, how: How) -> Message {
        match how {
            How::Move => match self.take_put(uid, tenure) {
                Some((version, page)) => return Message::Page { uid, number, version, shared: false, page },
                None => self.refuse(tenure),
            },
            How::Copy => self.share_when_it_comes(tenure),
            How::Peek => {}
        }
        Message::Missing { uid, number, shared: how == How::Copy }
    }

    fn discard(&mut self, uid: Uid, tenure: Tenure) {
        if self.take_put(uid, tenure).is_none() {
            self.ask_again(tenure);
            self.refuse(tenure);
        }
    }

    /// Answers those who waited for a page to be on the disk; whether there was one.
    pub(super) fn answer_delayed(&mut self) -> bool {
        let mut delayed = std::mem::take(&mut self.delayed);
        let before = delayed.len();
        delayed.retain(|(_, message)| match *message {
            Message::Forward { uid, tenure, to, number, how } => !self.forward(uid, tenure, to, number, how),
            _ => false,
        });
        let answered = delayed.len() < before;
        self.delayed.extend(delayed);
        answered
    }
}
