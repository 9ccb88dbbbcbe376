//! The groups of a life by epoch, and how many crash states they make.

use super::cell::{AtomId, CellId};
use super::group::Group;
use super::over_time::Products;
use super::phases::Phase;
use super::timeline::Timeline;
use super::ways::{Product, Ways};
use crashcheck_trace::EventId;
use num_bigint::BigUint;
use num_traits::Zero;

impl Timeline {
    /// The groups of an epoch, by their numbers.
    pub(super) fn groups_in(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        self.phases.in_epoch(epoch)
    }

    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases.all
    }

    /// The group of a cell in an epoch, if it has one.
    pub(super) fn group_with(&self, cell: CellId, epoch: u32) -> Option<u32> {
        self.phases.of(cell, epoch)
    }

    /// The phase in which a group still has the same outcomes, the last one that has begun in an epoch.
    pub(super) fn last_alike(&self, nth: u32, epoch: u32) -> u32 {
        let Phase { cells, since, .. } = self.phase(nth);
        let is_alike =
            |other: &&Phase| (other.cells.set, other.since) == (cells.set, *since) && other.first <= epoch;
        nth + self.phases.all[nth as usize + 1..].iter().take_while(is_alike).count() as u32
    }

    /// The cells of a group that hold bytes.
    pub(super) fn cells_in(&self, nth: u32) -> &[CellId] {
        self.phases.cells(nth)
    }

    pub(super) fn products<'a>(&self, factor: impl Fn(u32) -> &'a Ways) -> Products {
        self.phases.over_time.as_ref().expect("the phases are in order").products(factor)
    }

    pub(super) fn phase(&self, nth: u32) -> &Phase {
        &self.phases.all[nth as usize]
    }

    /// A group, made up if that has not been done.
    pub(crate) fn group(&self, nth: u32) -> &Group {
        let phase = self.phase(nth);
        phase.group.get_or_init(|| Box::new(self.make_up(nth)))
    }

    /// A group, made up for a moment.
    pub(super) fn make_up(&self, nth: u32) -> Group {
        let phase = self.phase(nth);
        let group = match self.phases.faults {
            Some((_, set)) if set == phase.cells.set => self.faults.group(self, phase.first),
            _ => Group::new(self, phase.first, &self.members(self.phases.cells(nth), phase.first)),
        };
        debug_assert_eq!((&group.total, &group.shared), (&phase.total, &phase.shared), "counted on the way");
        group
    }

    /// The group of an undecided cell in an epoch, and the place of the cell in it.
    pub(super) fn place(&self, cell: CellId, epoch: u32) -> Option<(u32, u32)> {
        let nth = self.phases.of(cell, epoch)?;
        let place = self.group(nth).cells.binary_search(&cell).ok()?;
        Some((nth, place as u32))
    }

    /// What is in flight in an epoch and can be seen, in the order of issue.
    pub(crate) fn atoms_in(&self, epoch: u32) -> Vec<AtomId> {
        let members = self.groups_in(epoch).flat_map(|nth| self.members(self.phases.cells(nth), epoch));
        let mut atoms: Vec<AtomId> = members.map(|(atom, _)| atom).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }

    /// The events whose writes are in flight in an epoch, in the order of issue.
    pub(crate) fn events_in(&self, epoch: u32) -> Vec<EventId> {
        let mut events: Vec<EventId> =
            self.atoms_in(epoch).iter().map(|atom| self.atoms[atom.0 as usize].event).collect();
        events.dedup();
        events
    }

    /// The cells of an epoch that hold bytes and are undecided, in order of position.
    pub(crate) fn undecided_in(&self, epoch: u32) -> Vec<CellId> {
        let cells = self.groups_in(epoch).flat_map(|nth| self.phases.cells(nth).iter().copied());
        let mut cells: Vec<CellId> = cells.filter(|cell| !self.is_flag(*cell)).collect();
        cells.sort_unstable();
        cells
    }

    /// The crash states of an epoch: the product over its groups.
    pub(crate) fn total(&self, epoch: u32) -> BigUint {
        self.total_product(epoch).map_or_else(BigUint::zero, Product::value)
    }

    /// The same as a product; `None` before the groups are counted.
    pub(super) fn total_product(&self, epoch: u32) -> Option<Product> {
        self.phases.totals.as_ref().map(|totals| totals.of(epoch))
    }

    /// The crash states of every epoch.
    #[cfg(test)]
    pub(crate) fn totals(&self) -> impl Iterator<Item = BigUint> + '_ {
        (0..self.epochs.len() as u32).map(|epoch| self.total(epoch))
    }

    /// Those of them that the epoch before has too: none of the writes issued in this one survived.
    pub(crate) fn shared(&self, epoch: u32) -> BigUint {
        self.shared_product(epoch).map_or_else(BigUint::zero, Product::value)
    }

    /// The same as a product; `None` if there are none.
    pub(super) fn shared_product(&self, epoch: u32) -> Option<Product> {
        self.phases.shared.as_ref().filter(|_| self.shares(epoch)).map(|shared| shared.of(epoch))
    }

    /// Whether an epoch can have states in common with the one before.
    pub(super) fn shares(&self, epoch: u32) -> bool {
        epoch > 0 && self.script.is_none()
    }

    /// The crash states of all epochs, those left out that the epoch before has too.
    pub(crate) fn all_states(&self) -> BigUint {
        let (Some(totals), Some(shared)) = (&self.phases.totals, &self.phases.shared) else {
            return BigUint::zero();
        };
        let all = totals.sum();
        if self.script.is_some() { all } else { all + shared.of(0).value() - shared.sum() }
    }

    /// Whether the numbers of crash states are those of different images, and not bounds on them.
    pub(crate) fn is_exact(&self) -> bool {
        self.phases.all.iter().all(|phase| phase.exact)
    }
}
