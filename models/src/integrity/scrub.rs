//! Scrubbing: reading every copy of everything, so that a fault is found while the other copy is still good (DI-08).

use super::IntegrityError;
use super::bugs::Bug;
use super::format::{Member, Page, Place};
use super::live::Live;
use super::mirror::Fault;

/// What a pass over a volume has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Copies that were read.
    pub copies: u64,
    /// Copies that were bad although their member works, and why.
    pub bad: Vec<(Member, Place, Fault)>,
}

impl Live {
    /// Reads every copy of the root, of the map and of all data, and writes the bad ones anew. What the root before the
    /// newest leads to is of no use: the next commit takes its place.
    ///
    /// # Errors
    /// If something has no good copy; the rest is scrubbed nevertheless.
    pub fn scrub(&mut self) -> Result<Scrubbed, IntegrityError> {
        let writes_back = !self.mirror.bugs.has(Bug::ScrubReadOnly);
        let before = self.mirror.met.repaired;
        let scrubbed = self.pass(writes_back);
        if self.mirror.met.repaired > before {
            self.mirror.flush()?;
        }
        scrubbed
    }

    /// Reads every copy, and changes nothing.
    ///
    /// # Errors
    /// If something has no good copy.
    pub fn audit(&mut self) -> Result<Scrubbed, IntegrityError> {
        self.pass(false)
    }

    fn pass(&mut self, writes_back: bool) -> Result<Scrubbed, IntegrityError> {
        let (mut scrubbed, mut lost) = (Scrubbed::default(), Ok(()));
        let root = self.root().encode();
        self.pass_root(&root, writes_back, &mut scrubbed)?;
        for pointer in self.map.pointers() {
            let mut copies = Vec::new();
            for member in Member::BOTH {
                copies.push((member, self.mirror.copy(member, pointer.place, Some(pointer.sum))?));
            }
            let good = copies.iter().find_map(|(_, copy)| copy.ok());
            let bad = copies.iter().filter_map(|(member, copy)| Some((*member, copy.err()?)));
            let bad: Vec<(Member, Fault)> = bad.collect();
            match good {
                Some(good) => self.mend(pointer.place, &bad, &good, writes_back, &mut scrubbed)?,
                None => lost = lost.and_then(|()| Err(self.mirror.no_copy(pointer.place, &bad))),
            }
        }
        lost.map(|()| scrubbed)
    }

    /// The root is known without reading it: it is what the volume was opened with or has written.
    fn pass_root(
        &mut self,
        root: &Page,
        writes_back: bool,
        scrubbed: &mut Scrubbed,
    ) -> Result<(), IntegrityError> {
        let place = self.generation.place();
        let sum = self.mirror.sum(root);
        let mut bad = Vec::new();
        for member in Member::BOTH {
            if let Err(fault) = self.mirror.copy(member, place, Some(sum))? {
                bad.push((member, fault));
            }
        }
        self.mend(place, &bad, root, writes_back, scrubbed)
    }

    fn mend(
        &mut self,
        place: Place,
        bad: &[(Member, Fault)],
        good: &Page,
        writes_back: bool,
        scrubbed: &mut Scrubbed,
    ) -> Result<(), IntegrityError> {
        scrubbed.copies +=
            Member::BOTH.into_iter().filter(|member| self.mirror.works(*member)).count() as u64;
        for (member, fault) in bad {
            if writes_back {
                self.mirror.repair(*member, *fault, place, good)?;
            }
            if *fault != Fault::Lost {
                scrubbed.bad.push((*member, place, *fault));
            }
        }
        Ok(())
    }
}
