//! Two members that hold the same, and what makes each of them trustworthy: no copy is believed before it was compared
//! with everything that is known of it, and a bad one is written anew from a good one.

use super::IntegrityError;
use super::bugs::{Bug, Bugs};
use super::checksum::{Checksum, Sum};
use super::format::{FORMATTED, Identity, Member, Page, Place, Pointer, content, identity, is_whole, seal};
use crashcheck::{Disk, DiskError};
use std::fmt;

/// What is wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The member has failed (HM-11).
    Lost,
    /// The member cannot read it (HM-12).
    Unreadable,
    /// It is not what was once written, whatever that was (HM-12, DI-02).
    Corrupt,
    /// It was written for another place (DI-06).
    Misplaced(Identity),
    /// It was right once, or is a block that nobody should look for here (DI-07).
    Stale,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost => write!(f, "the member has failed"),
            Fault::Unreadable => write!(f, "the member cannot read it"),
            Fault::Corrupt => write!(f, "it does not have its checksum"),
            Fault::Misplaced(Identity { member, place }) => {
                write!(f, "it was written for block {} of member {}", place.0, member.0)
            }
            Fault::Stale => write!(f, "it is not what was written last"),
        }
    }
}

/// A copy with its checksum, or what is wrong with it.
pub(super) type Copy = Result<Page, Fault>;

/// What was met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Copies that their member could not read.
    pub unreadable: u64,
    /// Copies that were corrupt.
    pub corrupt: u64,
    /// Copies that were written for another place.
    pub misplaced: u64,
    /// Copies of what was written earlier.
    pub stale: u64,
    /// Copies that were written anew.
    pub repaired: u64,
}

impl Met {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Lost => {}
            Fault::Unreadable => self.unreadable += 1,
            Fault::Corrupt => self.corrupt += 1,
            Fault::Misplaced(_) => self.misplaced += 1,
            Fault::Stale => self.stale += 1,
        }
    }

    /// How many copies were bad, in whatever way.
    pub fn bad(&self) -> u64 {
        self.unreadable + self.corrupt + self.misplaced + self.stale
    }
}

/// Two members.
pub(super) struct Mirror {
    members: [Disk; 2],
    lost: [bool; 2],
    pub(super) kind: Checksum,
    pub(super) bugs: Bugs,
    pub(super) met: Met,
}

impl Mirror {
    pub(super) fn new(members: &[Disk; 2], kind: Checksum, bugs: Bugs) -> Mirror {
        Mirror { members: members.clone(), lost: [false; 2], kind, bugs, met: Met::default() }
    }

    /// The checksum of a content, for whoever points at it.
    pub(super) fn sum(&self, page: &Page) -> Sum {
        self.kind.of(page)
    }

    /// Whether both members work, as far as is known.
    pub(super) fn is_whole(&self) -> bool {
        self.lost == [false; 2]
    }

    /// Whether this member works, as far as is known.
    pub(super) fn works(&self, member: Member) -> bool {
        !self.lost[usize::from(member.0)]
    }

    /// The content of a block: that of the first good copy. The other is written anew if it was bad.
    pub(super) fn read(&mut self, pointer: Pointer) -> Result<Page, IntegrityError> {
        let first = Member((pointer.place.0 % 2) as u8);
        let mut bad = Vec::new();
        for member in [first, first.other()] {
            match self.copy(member, pointer.place, Some(pointer.sum))? {
                Ok(page) => {
                    for (member, fault) in bad {
                        self.repair(member, fault, pointer.place, &page)?;
                    }
                    return Ok(page);
                }
                Err(fault) => bad.push((member, fault)),
            }
        }
        Err(self.no_copy(pointer.place, &bad))
    }

    /// One copy of a block, compared with what is known of it.
    pub(super) fn copy(
        &mut self,
        member: Member,
        place: Place,
        expected: Option<Sum>,
    ) -> Result<Copy, IntegrityError> {
        if !self.works(member) {
            return Ok(Err(Fault::Lost));
        }
        let mut raw = [0; FORMATTED];
        match self.member(member).read(place.at(), &mut raw) {
            Ok(()) => {}
            Err(error) => return self.failed(member, error).map(Err),
        }
        if self.bugs.has(Bug::ReadUnchecked) {
            return Ok(Ok(content(&raw)));
        }
        if !is_whole(&raw, self.kind) {
            return Ok(Err(Fault::Corrupt));
        }
        if self.bugs.has(Bug::NoPhysicalId) {
            return Ok(Ok(content(&raw)));
        }
        let found = identity(&raw);
        if found != (Identity { member, place }) {
            return Ok(Err(Fault::Misplaced(found)));
        }
        let page = content(&raw);
        let compares = !self.bugs.has(Bug::NoParentChecksum);
        match expected {
            Some(sum) if compares && sum != self.sum(&page) => Ok(Err(Fault::Stale)),
            _ => Ok(Ok(page)),
        }
    }

    /// What it means that a member refused to read or write; other errors are none of a member's own.
    fn failed(&mut self, member: Member, error: DiskError) -> Result<Fault, IntegrityError> {
        match error {
            DiskError::Lost { .. } => {
                self.lost[usize::from(member.0)] = true;
                Ok(Fault::Lost)
            }
            DiskError::Unreadable { .. } => Ok(Fault::Unreadable),
            error => Err(error.into()),
        }
    }

    /// Writes a bad copy anew (DI-04, HM-13).
    pub(super) fn repair(
        &mut self,
        member: Member,
        fault: Fault,
        place: Place,
        good: &Page,
    ) -> Result<(), IntegrityError> {
        self.met.add(fault);
        if fault == Fault::Lost {
            return Ok(());
        }
        if self.bugs.has(Bug::RepairBackwards) {
            let mut raw = [0; FORMATTED];
            self.member(member).read(place.at(), &mut raw)?;
            return self.put(member.other(), place, &content(&raw), "repair");
        }
        self.met.repaired += 1;
        self.put(member, place, good, "repair")
    }

    /// Writes a block to both members: in flight until [`flush`](Mirror::flush).
    pub(super) fn write(&mut self, place: Place, page: &Page, label: &str) -> Result<(), IntegrityError> {
        for member in Member::BOTH {
            self.put(member, place, page, label)?;
        }
        self.still_works()
    }

    /// Writes a block to one member, if that works.
    pub(super) fn put(
        &mut self,
        member: Member,
        place: Place,
        page: &Page,
        label: &str,
    ) -> Result<(), IntegrityError> {
        if !self.works(member) {
            return Ok(());
        }
        let identity = (!self.bugs.has(Bug::NoPhysicalId)).then_some(Identity { member, place });
        let raw = seal(page, identity, self.kind);
        match self.member(member).labelled(label).write(place.at(), &raw) {
            Ok(()) => Ok(()),
            Err(error) => self.failed(member, error).map(|_| ()),
        }
    }

    /// Makes all durable that was written to the members that work.
    pub(super) fn flush(&mut self) -> Result<(), IntegrityError> {
        for member in Member::BOTH {
            if self.works(member)
                && let Err(error) = self.member(member).flush()
            {
                self.failed(member, error)?;
            }
        }
        self.still_works()
    }

    /// Whether a member is left.
    pub(super) fn still_works(&self) -> Result<(), IntegrityError> {
        match self.lost {
            [true, true] => Err(IntegrityError::BothLost),
            _ => Ok(()),
        }
    }

    pub(super) fn no_copy(&self, place: Place, bad: &[(Member, Fault)]) -> IntegrityError {
        let each: Vec<String> =
            bad.iter().map(|(member, fault)| format!("on member {} {fault}", member.0)).collect();
        IntegrityError::NoGoodCopy { place, why: each.join(", ") }
    }

    /// The device of a member.
    pub(super) fn member(&self, member: Member) -> Disk {
        self.members[usize::from(member.0)].clone()
    }
}
