//! What a node is asked to do by those who use it, and the page fault, with its way through the directories: POD,
//! GCD, PFD, disk.

use super::GmsError;
use super::bugs::{Bug, Bugs};
use super::frames::{Frame, State};
use super::message::Message;
use super::node::Node;
use super::page::{PAGE, Page, Tenure, Uid, Version};
use super::replace::Room;
use crate::fs::Fill;
use crashcheck::NodeId;

/// What a node is asked to do; one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Use a page.
    Read(Uid),
    /// Change a page, in memory.
    Write(Uid, Fill),
    /// Make everything durable that was changed here.
    WriteBack,
    /// End the epoch with this number, and wait for the next one.
    EndEpoch(u64),
    /// Show a page without taking it into memory.
    Peek(Uid),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Done {
    /// It is done.
    Yes,
    /// This is the page.
    Seen(Version, Page),
}

/// A page that is not in the memory of the node that needs it.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The number of the last request; answers to others are too late.
    pub(super) number: u64,
    pub(super) step: Step,
    /// Somebody else has got the page meanwhile.
    pub(super) shared: bool,
    peek: bool,
}

/// How far a fault has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There must be a frame, or a page that can leave its frame at once.
    Room,
    /// The directory was asked.
    Asked,
    /// The disk was asked.
    Loading,
}

impl Node {
    /// Hands the node something to do.
    ///
    /// # Errors
    /// If its own disk fails.
    pub fn begin(&mut self, task: Task) -> Result<(), crashcheck::DiskError> {
        self.task = Some(task);
        (self.done, self.fault, self.owning) = (None, None, false);
        self.work()
    }

    /// One step of what the node was asked to do; whether there was one.
    pub(super) fn go_on_with_task(&mut self) -> bool {
        match self.task {
            None => false,
            Some(Task::Read(uid)) => self.read(uid),
            Some(Task::Write(uid, fill)) => self.write(uid, fill),
            Some(Task::Peek(uid)) => self.peek(uid),
            Some(Task::WriteBack) => self.write_back(),
            Some(Task::EndEpoch(number)) => self.end_epoch(number),
        }
    }

    fn read(&mut self, uid: Uid) -> bool {
        let now = self.now;
        if self.must_fault(uid) {
            return self.go_on_with_fault(uid, false);
        }
        self.frames.find_mut(uid).into_iter().for_each(|frame| frame.touch(now));
        self.finish(Ok(Done::Yes));
        true
    }

    /// Whether the page is not in the local part of this node's memory. If it is in the global part, the directory
    /// has to agree: the news that it was put here may have come late, and somebody else may have got it.
    fn must_fault(&self, uid: Uid) -> bool {
        self.frames.find(uid).is_none_or(|frame| frame.state == State::Global)
    }

    fn write(&mut self, uid: Uid, fill: Fill) -> bool {
        if self.must_fault(uid) {
            return self.go_on_with_fault(uid, false);
        }
        let now = self.now;
        let Some(frame) = self.frames.find_mut(uid) else { return false };
        if frame.state == State::Shared {
            let tenure = frame.tenure;
            let asks = !self.owning;
            if asks {
                self.owning = true;
                self.send(self.keeper(uid), Message::Own { uid, tenure });
            }
            return asks;
        }
        frame.touch(now);
        frame.fill(uid.filled(fill));
        self.finish(Ok(Done::Yes));
        true
    }

    fn peek(&mut self, uid: Uid) -> bool {
        let local = self.frames.find(uid).filter(|frame| frame.state != State::Global);
        let Some(frame) = local else { return self.go_on_with_fault(uid, true) };
        let seen = Done::Seen(frame.content_version(), frame.page);
        self.finish(Ok(seen));
        true
    }

    /// Begins a fault, or goes on with one that waits for a frame; whether there was a step.
    fn go_on_with_fault(&mut self, uid: Uid, peek: bool) -> bool {
        let fault = self.fault.get_or_insert(Fault { number: 0, step: Step::Room, shared: false, peek });
        if fault.step != Step::Room {
            return false;
        }
        if !self.is_member(self.keeper(uid)) {
            // Only the home itself keeps this page.
            self.finish(Err(GmsError::Unavailable { uid, home: uid.home() }));
            return true;
        }
        let room = if peek { Room::Ready } else { self.make_room() };
        match room {
            Room::Waits => return false,
            Room::Full => self.finish(Err(GmsError::Full { node: self.id })),
            Room::Ready => {
                self.serial += 1;
                let number = self.serial;
                if let Some(fault) = &mut self.fault {
                    (fault.step, fault.number) = (Step::Asked, number);
                }
                self.send(self.keeper(uid), Message::Get { uid, number, peek });
            }
        }
        true
    }

    /// The answer to a request of this node has come; one to an earlier request is not listened to.
    pub(super) fn answered(&mut self, from: NodeId, message: &Message) {
        match *message {
            Message::Granted { uid, tenure } => {
                self.owning = false;
                if let Some(frame) = self.frames.held(uid, tenure) {
                    frame.state = State::Private;
                }
            }
            Message::Denied { uid, tenure } => {
                self.owning = false;
                self.frames.remove_held(uid, tenure);
            }
            Message::Page { uid, number, version, shared, page } if self.expects(number, Step::Asked) => {
                let source = (!shared).then_some(from);
                self.arrive(uid, version, page, shared, source);
            }
            Message::Absent { uid, number, coming } if self.expects(number, Step::Asked) => {
                self.absent(uid, coming);
            }
            Message::Missing { uid, number, .. }
                if self.expects(number, Step::Asked) && self.bugs.has(Bug::StaleDirectoryTrusted) =>
            {
                self.arrive(uid, Version(0), [0; PAGE], false, None);
            }
            Message::Missing { uid, number, shared } if self.expects(number, Step::Asked) => {
                if let Some(fault) = &mut self.fault {
                    fault.shared |= shared;
                }
                self.ask_home(uid);
            }
            Message::Loaded { uid, number, version, page } if self.expects(number, Step::Loading) => {
                self.arrive(uid, version, page, false, None);
            }
            Message::Unreadable { uid, number } if self.expects(number, Step::Loading) => {
                self.give_up(uid, GmsError::Unreadable { uid });
            }
            _ => {}
        }
    }

    fn expects(&self, number: u64, step: Step) -> bool {
        self.fault.as_ref().is_some_and(|fault| (fault.number, fault.step) == (number, step))
    }

    /// Nobody else has the page; but it may have been put into the global part here, or be on its way there.
    fn absent(&mut self, uid: Uid, coming: Option<Tenure>) {
        if self.fault.as_ref().is_some_and(|fault| fault.peek) {
            return self.ask_home(uid);
        }
        let here = coming.and_then(|tenure| self.take_put(uid, tenure));
        match here {
            Some((version, page)) => self.arrive(uid, version, page, false, None),
            None => {
                coming.into_iter().for_each(|tenure| self.refuse(tenure));
                self.ask_home(uid);
            }
        }
    }

    fn ask_home(&mut self, uid: Uid) {
        if !self.is_member(uid.home()) {
            return self.give_up(uid, GmsError::Unavailable { uid, home: uid.home() });
        }
        let Some(fault) = &mut self.fault else { return };
        fault.step = Step::Loading;
        let number = fault.number;
        self.send(uid.home(), Message::Load { uid, number });
    }

    /// The page cannot be had; the directory, which has this node down for it, must know.
    fn give_up(&mut self, uid: Uid, error: GmsError) {
        if let Some(Fault { peek: false, number, .. }) = self.fault {
            let tenure = Tenure { origin: self.id, number };
            self.send(self.keeper(uid), Message::Dropped { pages: vec![(uid, tenure)] });
        }
        self.finish(Err(error));
    }

    /// The page is here. With `source` it was given away by a node which has a free frame now.
    fn arrive(&mut self, uid: Uid, version: Version, page: Page, shared: bool, source: Option<NodeId>) {
        let Some(fault) = self.fault.take() else { return };
        if fault.peek {
            return self.finish(Ok(Done::Seen(version, page)));
        }
        // What was put into the global part meanwhile is not what the directory means.
        if let Some(frame) = self.frames.remove(uid) {
            self.drop_page(uid, frame.tenure);
        }
        self.free_a_frame(source);
        let tenure = Tenure { origin: self.id, number: fault.number };
        let state = if shared || fault.shared { State::Shared } else { State::Private };
        self.frames.insert(Frame::clean(uid, tenure, state, version, self.now, page));
    }

    /// The directory wants a page back whose request is still under way.
    pub(super) fn ask_again(&mut self, tenure: Tenure) {
        let own = tenure.origin == self.id;
        if let Some(fault) = self.fault.as_mut().filter(|fault| own && fault.number == tenure.number) {
            (fault.step, fault.shared) = (Step::Room, false);
        }
    }

    /// The directory lets another node share a page whose request is still under way.
    pub(super) fn share_when_it_comes(&mut self, tenure: Tenure) {
        let own = tenure.origin == self.id;
        if let Some(fault) = self.fault.as_mut().filter(|fault| own && fault.number == tenure.number) {
            fault.shared = true;
        }
    }

    /// Sends everything that was changed to its home; whether there was a step.
    fn write_back(&mut self) -> bool {
        self.report_dropped_beyond(0);
        let dirty: Vec<Uid> = self.frames.iter().filter(|frame| frame.dirty).map(|frame| frame.uid).collect();
        let mut steps = false;
        for uid in &dirty {
            steps |= self.start_store(*uid);
        }
        let waits = dirty.iter().any(|uid| self.is_member(uid.home()));
        if !waits {
            let unavailable = |uid: &Uid| GmsError::Unavailable { uid: *uid, home: uid.home() };
            self.finish(dirty.first().map_or(Ok(Done::Yes), |uid| Err(unavailable(uid))));
        }
        steps || !waits
    }
}

/// Whether a page may leave memory: when it is equal to its copy on disk.
pub(super) fn is_clean(frame: &Frame, bugs: Bugs) -> bool {
    !frame.dirty || bugs.has(Bug::DirtySentAsClean)
}
