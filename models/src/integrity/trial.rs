//! Whether a volume that was just opened is what it should be: [what its members hold](super::check), and what it would
//! make of them. The latter is tried [aside](super::aside), where one of the copies of a block is bad, because a member
//! was wrong without a word:
//!
//! | tried | demanded |
//! |---|---|
//! | opening, with one copy of the newest root bad | both are good, and stay so if the power fails (DI-04) |
//! | reading every block | the copy that a read begins with is good: it has met that (DI-04) |
//! | a scrub, with one copy of the newest root bad once more | all copies are good, and stay so if the power fails (DI-08) |

use super::IntegrityError;
use super::aside::Aside;
use super::check::{Bad, Reader};
use super::format::{Generation, Member};
use super::live::Live;
use super::recover;
use crashcheck::Disk;

impl Live {
    /// Whether the volume is well-formed: what its members hold is what the format says and what the volume goes by, and
    /// it would mend what is bad of that.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), IntegrityError> {
        let members = Member::BOTH.map(|member| self.mirror.member(member));
        match Reader::of(&members)?.look(Some(self))?.is_empty() {
            true => Ok(()),
            false => self.would_mend(members),
        }
    }

    /// Tries what the volume would make of members of which one has a bad copy of something.
    fn would_mend(&self, members: [Disk; 2]) -> Result<(), IntegrityError> {
        let aside = members.map(Aside::over);
        let disks = aside.each_ref().map(Aside::disk);
        let without_power = aside.each_ref().map(Aside::without_power);
        let place = Generation(Reader::of(&disks)?.generation()).place();
        // Of each of the two places another copy.
        let spoilt = Member((place.0 % 2) as u8);
        let spoil = || aside[usize::from(spoilt.0)].spoil(place);
        let root_is_good = |by| {
            let fault = super::check::root_fault(&without_power, spoilt, place)?;
            left_bad(by, fault.map(|fault| (spoilt, place, fault)))
        };
        spoil();
        let mut live = recover::open_on(&disks, self.mirror.bugs)?;
        root_is_good("opening")?;
        for block in live.map.mapped().collect::<Vec<_>>() {
            live.read_block(block)?;
        }
        let bad = Reader::of(&disks)?.look(None)?;
        let begun_with = |(member, place, _): &Bad| u32::from(member.0) == place.0 % 2;
        left_bad("a read", bad.into_iter().find(begun_with))?;
        spoil();
        live.scrub()?;
        root_is_good("a scrub")?;
        left_bad("a scrub", Reader::of(&without_power)?.look(None)?.first().copied())
    }
}

/// Whether nothing is bad that somebody should have mended.
fn left_bad(by: &'static str, bad: Option<Bad>) -> Result<(), IntegrityError> {
    match bad {
        None => Ok(()),
        Some((member, place, fault)) => {
            Err(IntegrityError::LeftBad { by, member, place, what: fault.to_string() })
        }
    }
}
