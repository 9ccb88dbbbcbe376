//! The memory of a node, which is its page frame directory (PFD) as well: which page is in which frame, in which state.
//!
//! A frame belongs to the local part if the node itself uses the page, and to the global part if it keeps the page
//! for others. The border between them moves with every page (GM-02). "On disk", which Feeley and others list as a
//! state of the PFD, is having no frame.

use super::page::{Age, Page, Partition, Tenure, Time, Uid, Version};

/// The state of a page in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In use here, and nowhere else in memory. Only such a page may be changed.
    Private,
    /// In use here, and perhaps elsewhere as well.
    Shared,
    /// Kept for the others. It is equal to its copy on disk.
    Global,
}

/// Whether a changed page is on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    /// It is not.
    No,
    /// The home has been asked to write it.
    Sent,
    /// The same, but it has been changed since.
    SentAndChanged,
}

/// A page in memory.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which page.
    pub uid: Uid,
    /// The right by which it is here.
    pub tenure: Tenure,
    /// Its state.
    pub state: State,
    /// Whether it differs from its copy on disk.
    pub dirty: bool,
    /// The version of the copy on disk that it is, or was made from.
    pub version: Version,
    /// When it was last touched, as far as the node knows.
    pub used: Time,
    /// Touched since the daemon last looked: of anonymous memory nothing else is known (GM-22).
    pub referenced: bool,
    /// Whether it is on its way to the disk.
    pub storing: Storing,
    /// What it holds.
    pub page: Page,
}

impl Frame {
    /// A page that is equal to its copy on disk.
    pub fn clean(uid: Uid, tenure: Tenure, state: State, version: Version, used: Time, page: Page) -> Frame {
        let (dirty, referenced, storing) = (false, false, Storing::No);
        Frame { uid, tenure, state, dirty, version, used, referenced, storing, page }
    }

    /// The version of its content: one more than on the disk if it was changed.
    pub fn content_version(&self) -> Version {
        if self.dirty { self.version.next() } else { self.version }
    }

    /// Notes that the page is used. When, is seen at once for a page of a file, and by the daemon for anonymous memory.
    pub fn touch(&mut self, now: Time) {
        match self.uid.partition {
            Partition::Files => self.used = now,
            Partition::Swap => self.referenced = true,
        }
    }

    /// Changes the content.
    pub fn fill(&mut self, page: Page) {
        self.page = page;
        self.dirty = true;
        if self.storing == Storing::Sent {
            self.storing = Storing::SentAndChanged;
        }
    }

    /// The home has made a version durable. A node that does not wait may have no such page any more.
    pub fn stored(&mut self, version: Version) {
        self.version = self.version.max(version);
        self.dirty = self.storing == Storing::SentAndChanged;
        self.storing = Storing::No;
    }
}

/// The frames of a node.
#[derive(Clone, Debug)]
pub struct Frames {
    frames: Vec<Frame>,
    count: usize,
}

impl Frames {
    /// So many free frames.
    pub fn new(count: usize) -> Frames {
        Frames { frames: Vec::with_capacity(count), count }
    }

    /// How many frames there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether a frame is free.
    pub fn has_free(&self) -> bool {
        self.frames.len() < self.count
    }

    /// The pages in memory.
    pub fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Frame> {
        self.frames.iter_mut()
    }

    /// The frame that holds a page.
    pub fn find(&self, uid: Uid) -> Option<&Frame> {
        self.frames.iter().find(|frame| frame.uid == uid)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, uid: Uid) -> Option<&mut Frame> {
        self.frames.iter_mut().find(|frame| frame.uid == uid)
    }

    /// The frame that holds a page by this right.
    pub fn held(&mut self, uid: Uid, tenure: Tenure) -> Option<&mut Frame> {
        self.frames.iter_mut().find(|frame| (frame.uid, frame.tenure) == (uid, tenure))
    }

    /// Puts a page into a free frame. There must be one.
    pub fn insert(&mut self, frame: Frame) {
        assert!(self.has_free(), "a page is put into a frame that is not free");
        self.frames.push(frame);
    }

    /// Frees the frame of a page.
    pub fn remove(&mut self, uid: Uid) -> Option<Frame> {
        let at = self.frames.iter().position(|frame| frame.uid == uid)?;
        Some(self.frames.remove(at))
    }

    /// Frees the frame of a page, if it is held by this right.
    pub fn remove_held(&mut self, uid: Uid, tenure: Tenure) -> Option<Frame> {
        let at = self.frames.iter().position(|frame| (frame.uid, frame.tenure) == (uid, tenure))?;
        Some(self.frames.remove(at))
    }

    /// The page that a fault of the node itself replaces: the oldest of the global part, and if there is none the
    /// least recently used of the local part (cases 1 and 2), among those that may go.
    pub fn victim_of_fault(&self, now: Time, may_go: impl Fn(&Frame) -> bool) -> Option<&Frame> {
        let may = || self.frames.iter().filter(|frame| may_go(frame));
        let oldest_global = may().filter(|frame| frame.state == State::Global);
        oldest_global
            .max_by_key(|frame| age(frame, now))
            .or_else(|| may().max_by_key(|frame| age(frame, now)))
    }

    /// The page that one from another node replaces: the oldest of all, and of equally old ones a global one (case 3).
    pub fn victim_of_put(&self, now: Time, may_go: impl Fn(&Frame) -> bool) -> Option<&Frame> {
        let may = self.frames.iter().filter(|frame| may_go(frame));
        may.max_by_key(|frame| (age(frame, now), frame.state == State::Global))
    }

    /// The ages of all frames, free ones included.
    pub fn ages(&self, now: Time) -> Vec<Age> {
        let mut ages: Vec<Age> = self.frames.iter().map(|frame| age(frame, now)).collect();
        ages.resize(self.count, Age::FREE);
        ages
    }

    /// What the daemon does now and then: anonymous pages that were referenced since it last looked are young (GM-22).
    pub fn harvest_references(&mut self, now: Time) {
        for frame in self.frames.iter_mut().filter(|frame| frame.referenced) {
            (frame.referenced, frame.used) = (false, now);
        }
    }
}

fn age(frame: &Frame, now: Time) -> Age {
    now.since(frame.used)
}
