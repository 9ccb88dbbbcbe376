//! An epoch: what can be left by a crash between two durability points, and how much of it agrees with some answers.

use super::cell::CellId;
use super::contents::ContentId;
use super::group::GroupState;
use super::member::Shown;
use super::timeline::Timeline;
use super::ways::Product;
use crate::choice::Choices;
use num_bigint::BigUint;
use num_traits::Zero;
use rustc_hash::FxHashMap;

/// What is known of the groups of an epoch, by their numbers.
pub(crate) type States = FxHashMap<u32, GroupState>;

impl Timeline {
    /// Finds out what an undecided cell holds, asking for what the state of its group leaves open. A flag that is not
    /// open in this epoch is not raised.
    pub(super) fn resolve(
        &self,
        epoch: u32,
        cell: CellId,
        states: &mut States,
        choices: &mut Choices,
    ) -> Shown {
        let nothing = Shown { version: 0, content: ContentId::ZERO };
        let Some((nth, place)) = self.place(cell, epoch) else { return nothing };
        let group = self.group(nth);
        let state = states.entry(nth).or_insert_with(|| GroupState::new(group));
        group.resolve(self, place as usize, state, choices)
    }

    /// How many crash states of an epoch agree with the answers given so far.
    pub(crate) fn represented(&self, epoch: u32, states: &States) -> BigUint {
        let Some(total) = self.total_product(epoch) else { return BigUint::zero() };
        let (mut asked, mut left) = (Product::one(), Product::one());
        for (nth, state) in states {
            let group = self.group(*nth);
            asked.times(&group.total);
            left.times(&group.remaining(state));
        }
        left.instead_of(asked, total)
    }

    /// Those of them that the epoch before has too.
    pub(crate) fn represented_before(&self, epoch: u32, states: &States) -> BigUint {
        let Some(shared) = self.shared_product(epoch) else { return BigUint::zero() };
        let (mut asked, mut left) = (Product::one(), Product::one());
        for (nth, state) in states {
            let group = self.group(*nth);
            let ways = group.shared(state);
            if ways.is_none() {
                return BigUint::zero();
            }
            asked.times(&group.shared);
            left.times(&ways);
        }
        left.instead_of(asked, shared)
    }

    /// The number of events after which the newest surviving write had been issued, if the answers so far are all that
    /// survives.
    pub(crate) fn earliest(&self, epoch: u32, states: &States) -> usize {
        let newest = states.iter().map(|(nth, state)| self.group(*nth).earliest(state)).max();
        newest.unwrap_or(0).max(self.epochs[epoch as usize].from)
    }
}
