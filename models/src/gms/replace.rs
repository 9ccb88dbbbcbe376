//! Replacement: which page leaves a frame, and where it goes (Feeley and others 1995, sections 3.1 and 3.2).
//!
//! | case | the page was | what leaves | where it goes |
//! |---|---|---|---|
//! | 1 | in the global part of another node | the oldest global page | to that node, in exchange |
//! | 2 | the same, and there is no global page here | the oldest local page | to that node, in exchange |
//! | 3 | in no memory | the oldest global page, or else local one | to a node drawn by weight; dropped if older than MinAge |
//! | 4 | in the local part of another node | as in case 3; the other node keeps its copy | as in case 3 |
//!
//! What leaves is equal to its copy on disk: a changed page is written back first, and its frame is not used before
//! that is durable (GM-05, GM-06). A page that others may share is dropped: a page in a global part is in no local
//! part (GM-02).

use super::bugs::Bug;
use super::fault::is_clean;
use super::frames::{Frame, State, Storing};
use super::message::Message;
use super::node::{Incoming, Node};
use super::page::{Page, Tenure, Time, Uid, Version};
use crashcheck::NodeId;

/// Whether a page can be put into a frame now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A frame is free, or holds what can leave it at once.
    Ready,
    /// A changed page is on its way to the disk.
    Waits,
    /// Nothing can leave: all pages are changed, and their homes are down.
    Full,
}

impl Node {
    /// Sees to it that a frame can be had; what is in it stays there until the new page has come.
    pub(super) fn make_room(&mut self) -> Room {
        if self.frames.has_free() {
            return Room::Ready;
        }
        let bugs = self.bugs;
        let may_go = |frame: &Frame| is_clean(frame, bugs) || self.is_member(frame.uid.home());
        let Some(victim) = self.frames.victim_of_fault(self.now, may_go) else { return Room::Full };
        if is_clean(victim, bugs) {
            return Room::Ready;
        }
        let uid = victim.uid;
        let is_old = self.now.since(victim.used) > self.epoch.plan.min_age;
        if is_old && bugs.has(Bug::OldDroppedUnsaved) {
            self.frames.find_mut(uid).into_iter().for_each(|frame| frame.dirty = false);
            return Room::Ready;
        }
        self.start_store(uid);
        if bugs.has(Bug::VictimNotAwaited)
            && let Some(frame) = self.frames.find_mut(uid)
        {
            frame.dirty = false;
            return Room::Ready;
        }
        Room::Waits
    }

    /// Frees a frame for a page that has come. A node that gave that page away gets another one for it.
    pub(super) fn free_a_frame(&mut self, source: Option<NodeId>) {
        if self.frames.has_free() {
            return;
        }
        let bugs = self.bugs;
        let victim = self.frames.victim_of_fault(self.now, |frame| is_clean(frame, bugs));
        let Some(frame) = victim.map(|frame| frame.uid).and_then(|uid| self.frames.remove(uid)) else {
            return;
        };
        let age = self.now.since(frame.used);
        let is_old = age > self.epoch.plan.min_age;
        let mut drawn = || {
            let random = self.random.number();
            self.epoch.plan.draw(self.id, random)
        };
        let to = match source {
            _ if frame.state == State::Shared => None,
            Some(source) => Some(source),
            None if is_old => None,
            None => drawn(),
        };
        match to.filter(|to| self.is_member(*to)) {
            Some(to) => self.put_to(to, &frame),
            None => {
                self.drop_page(frame.uid, frame.tenure);
                self.count_replacement();
            }
        }
    }

    fn put_to(&mut self, to: NodeId, frame: &Frame) {
        self.serial += 1;
        let tenure = Tenure { origin: self.id, number: self.serial };
        let (uid, age, page) = (frame.uid, self.now.since(frame.used), frame.page);
        self.send(to, Message::Put { uid, tenure, age, version: frame.content_version(), page });
        self.send(self.keeper(uid), Message::Moved { uid, from: frame.tenure, to, tenure });
    }

    /// Notes that a page is gone. The directory hears of it with others (GM-19).
    pub(super) fn drop_page(&mut self, uid: Uid, tenure: Tenure) {
        self.dropped.push((uid, tenure));
        self.report_dropped_beyond(self.geometry.unreported);
    }

    /// Tells the directory of all pages that were dropped, if they are more than that.
    pub(super) fn report_dropped_beyond(&mut self, most: usize) {
        if self.dropped.len() <= most {
            return;
        }
        let mut dropped = std::mem::take(&mut self.dropped);
        while let Some((uid, _)) = dropped.first() {
            let keeper = self.keeper(*uid);
            let (pages, rest) = dropped.into_iter().partition(|(uid, _)| self.keeper(*uid) == keeper);
            self.send(keeper, Message::Dropped { pages });
            dropped = rest;
        }
    }

    /// Another node has sent a page into the global part of this one.
    pub(super) fn put(&mut self, from: NodeId, message: &Message) {
        let Message::Put { uid, tenure, age, version, page } = *message else { return };
        self.seen.insert(from, tenure.number);
        if self.refused.remove(&tenure) {
            return;
        }
        let used = Time(self.now.0.saturating_sub(age.0));
        self.incoming.push_back(Incoming { uid, tenure, used, version, page });
    }

    /// Puts the next page that has come into a frame; whether there was a step.
    pub(super) fn place_incoming(&mut self) -> bool {
        let Some(next) = self.incoming.front() else { return false };
        let (uid, tenure) = (next.uid, next.tenure);
        if self.frames.find(uid).is_some() {
            // The directory has let this node have it before it heard of this copy.
            self.incoming.pop_front();
            self.drop_page(uid, tenure);
            return true;
        }
        if !self.frames.has_free() {
            let may_go = |frame: &Frame| !frame.dirty || self.is_member(frame.uid.home());
            let victim = self.frames.victim_of_put(self.now, may_go).map(|frame| (frame.uid, frame.dirty));
            match victim {
                // Nothing can leave, so the page is not taken.
                None => {
                    self.incoming.pop_front();
                    self.drop_page(uid, tenure);
                    return true;
                }
                Some((victim, true)) => return self.start_store(victim),
                Some((victim, false)) => {
                    if let Some(frame) = self.frames.remove(victim) {
                        self.drop_page(frame.uid, frame.tenure);
                    }
                }
            }
        }
        if let Some(Incoming { uid, tenure, used, version, page }) = self.incoming.pop_front() {
            self.frames.insert(Frame::clean(uid, tenure, State::Global, version, used, page));
            self.count_replacement();
        }
        true
    }

    /// A page that was put here and that nobody else can find any more: takes it out.
    pub(super) fn take_put(&mut self, uid: Uid, tenure: Tenure) -> Option<(Version, Page)> {
        if let Some(at) = self.incoming.iter().position(|page| (page.uid, page.tenure) == (uid, tenure)) {
            return self.incoming.remove(at).map(|page| (page.version, page.page));
        }
        self.frames.remove_held(uid, tenure).map(|frame| (frame.version, frame.page))
    }

    /// A page that is on its way here is not wanted any more.
    pub(super) fn refuse(&mut self, tenure: Tenure) {
        let seen = self.seen.get(&tenure.origin).copied().unwrap_or(0);
        if tenure.origin != self.id && tenure.number > seen && !self.bugs.has(Bug::RefusalForgotten) {
            self.refused.insert(tenure);
        }
    }

    /// Asks the home of a changed page to write it, unless it has been asked; whether it was asked now.
    pub(super) fn start_store(&mut self, uid: Uid) -> bool {
        if !self.is_member(uid.home()) {
            return false;
        }
        let Some(frame) = self.frames.find_mut(uid).filter(|frame| frame.storing == Storing::No) else {
            return false;
        };
        frame.storing = Storing::Sent;
        let (version, page) = (frame.content_version(), frame.page);
        self.send(uid.home(), Message::Store { uid, version, page });
        true
    }

    /// The home has made a page durable.
    pub(super) fn stored(&mut self, uid: Uid, version: Version) {
        let frame = self.frames.find_mut(uid).filter(|frame| frame.storing != Storing::No);
        frame.into_iter().for_each(|frame| frame.stored(version));
    }

    /// The home has a later version: the page was never this node's to change.
    pub(super) fn outdated(&mut self, uid: Uid, version: Version) {
        if self.frames.find(uid).is_some_and(|frame| frame.content_version() <= version)
            && let Some(frame) = self.frames.remove(uid)
        {
            self.drop_page(uid, frame.tenure);
        }
    }
}
