//! What a crash leaves open beside bytes: a disk that died, a sector that cannot be read, a message that was lost.
//!
//! A flag is a cell that holds no bytes but the number of an outcome, 0 being the one where nothing is amiss. Flags that
//! can fail together form a group, of which at most so many are not 0: *at most one fault* is such a group, and so is a
//! single flag of which nothing else says anything.

use super::contents::{ContentId, Contents};
use super::steps;
use super::ways::Ways;
use crate::choice::{Choices, Question};
use num_bigint::BigUint;
use num_traits::{One, Zero};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group of flags, by their places in it.
pub(crate) struct Flags {
    questions: Vec<Question>,
    /// At most so many of them are not 0.
    most: usize,
    /// The contents that stand for the outcomes.
    outcomes: Arc<[ContentId]>,
    /// Those of which nothing was open in the epoch before; none, if that is empty.
    new: Vec<bool>,
    /// By number of unusual outcomes: how many flags have so many.
    all: BTreeMap<u64, u64>,
    /// Those of them that are not new.
    old: BTreeMap<u64, u64>,
}

/// What is known of a group of flags: outcomes by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlagState {
    known: FxHashMap<u32, u8>,
    /// How many of them are not 0.
    raised: usize,
}

impl FlagState {
    fn note(&mut self, place: u32, outcome: u8) {
        self.known.insert(place, outcome);
        self.raised += usize::from(outcome > 0);
    }
}

/// The contents that stand for so many outcomes.
pub(super) fn contents(contents: &mut Contents, outcomes: u8) -> Arc<[ContentId]> {
    (0..outcomes).map(|outcome| contents.intern(&[outcome])).collect()
}

impl Flags {
    pub(super) fn new(stored: &mut Contents, questions: Vec<Question>, most: usize) -> Flags {
        let highest = questions.iter().map(Question::outcomes).max().unwrap_or(1);
        Flags::of(contents(stored, highest), questions, most)
    }

    /// Flags with the contents that stand for their outcomes.
    pub(super) fn of(outcomes: Arc<[ContentId]>, questions: Vec<Question>, most: usize) -> Flags {
        let mut all = BTreeMap::new();
        for question in &questions {
            *all.entry(u64::from(question.outcomes()) - 1).or_default() += 1;
        }
        Flags { questions, most, outcomes, new: Vec::new(), old: all.clone(), all }
    }

    /// The same, some of which were not open in the epoch before.
    pub(super) fn with_new(mut self, new: Vec<bool>) -> Flags {
        self.old = self.all.clone();
        for (question, _) in self.questions.iter().zip(&new).filter(|(_, new)| **new) {
            self.old.entry(u64::from(question.outcomes()) - 1).and_modify(|count| *count -= 1);
        }
        Flags { new, ..self }
    }

    fn is_new(&self, place: usize) -> bool {
        self.new.get(place).is_some_and(|new| *new)
    }

    /// Finds out the outcome of a flag. When as many as possible are raised already, the others need not be asked.
    pub(super) fn resolve(&self, place: usize, state: &mut FlagState, choices: &mut Choices) -> ContentId {
        let outcome = match state.known.get(&(place as u32)) {
            Some(outcome) => *outcome,
            None if state.raised >= self.most => 0,
            None => {
                let outcome = choices.ask(self.questions[place]);
                state.note(place as u32, outcome);
                outcome
            }
        };
        self.outcomes[usize::from(outcome)]
    }

    /// How many outcomes of all flags together agree with what is known.
    pub(super) fn remaining(&self, state: &FlagState) -> Ways {
        self.count(state, self.all.clone(), |_| true)
    }

    /// Those of them that the epoch before has too: nothing that is new has happened.
    pub(super) fn shared(&self, state: &FlagState) -> Ways {
        if state.known.iter().any(|(place, outcome)| *outcome > 0 && self.is_new(*place as usize)) {
            return Ways::Few(0);
        }
        self.count(state, self.old.clone(), |place| !self.is_new(place))
    }

    fn count(&self, state: &FlagState, mut open: BTreeMap<u64, u64>, counts: impl Fn(usize) -> bool) -> Ways {
        steps::take(state.known.len());
        for place in state.known.keys().map(|place| *place as usize).filter(|place| counts(*place)) {
            let unusual = u64::from(self.questions[place].outcomes()) - 1;
            open.entry(unusual).and_modify(|count| *count -= 1);
        }
        ways(self.most.saturating_sub(state.raised), &open)
    }
}

/// How many outcomes flags have of which at most so many are raised: by number of unusual outcomes, how many flags have so
/// many.
pub(super) fn ways(most: usize, open: &BTreeMap<u64, u64>) -> Ways {
    let flags: u64 = open.values().sum();
    let room = most.min(usize::try_from(flags).unwrap_or(usize::MAX));
    if room == 1 {
        return Ways::Few(1 + open.iter().map(|(unusual, count)| unusual * count).sum::<u64>());
    }
    // By how many flags are raised.
    let mut ways = vec![BigUint::zero(); room + 1];
    ways[0] = BigUint::one();
    for (unusual, count) in open {
        // In how many ways so many of these are raised.
        let mut these = vec![BigUint::one()];
        for raised in 1..=(*count).min(room as u64) {
            let last = &these[raised as usize - 1];
            these.push(last * (count - raised + 1) * *unusual / raised);
        }
        for raised in (0..=room).rev() {
            let split = these.iter().enumerate().take(raised + 1);
            ways[raised] = split.map(|(here, these)| these * &ways[raised - here]).sum();
        }
    }
    ways.into_iter().sum::<BigUint>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Plan, Pole, Rest};
    use crate::strategy::Branches;
    use crashcheck_trace::DeviceId;
    use proptest::prelude::*;

    /// Every outcome of all flags together.
    fn all(flags: &Flags) -> Vec<Vec<ContentId>> {
        let (mut met, mut open) = (Vec::new(), vec![Vec::new()]);
        while let Some(forced) = open.pop() {
            let mut choices = Choices::new(Plan { forced, rest: Rest::Pole(Pole::Newest) });
            let mut state = FlagState::default();
            let places = 0..flags.questions.len();
            met.push(places.map(|place| flags.resolve(place, &mut state, &mut choices)).collect());
            let branches = Branches::new(Pole::Newest, choices.path(), choices.forced());
            open.extend(branches.map(|plan| plan.forced));
        }
        met
    }

    proptest! {
        #[test]
        fn at_most_so_many_flags_are_raised_and_all_outcomes_are_counted(
            devices in 0u16..6, most in 0usize..4, first in prop::collection::vec((0u16..6, any::<bool>()), 0..4)
        ) {
            let mut contents = Contents::default();
            let questions = (0..devices).map(|device| Question::DeviceLost { device: DeviceId(device) });
            let flags = Flags::new(&mut contents, questions.collect(), most);
            let all = all(&flags);
            let raised = |outcome: &Vec<ContentId>| outcome.iter().filter(|one| **one != ContentId::ZERO).count();
            prop_assert!(all.iter().all(|outcome| raised(outcome) <= most));
            let total = BigUint::from(&flags.remaining(&FlagState::default()));
            prop_assert_eq!(total, BigUint::from(all.len()));
            let mut state = FlagState::default();
            for (place, lost) in first {
                let known = state.known.contains_key(&place.into());
                if place < devices && (!lost || state.raised < most) && !known {
                    state.note(place.into(), u8::from(lost));
                }
            }
            let agrees = |outcome: &&Vec<ContentId>| {
                state.known.iter().all(|(place, lost)| outcome[*place as usize] == flags.outcomes[usize::from(*lost)])
            };
            let left = BigUint::from(&flags.remaining(&state));
            prop_assert_eq!(left, BigUint::from(all.iter().filter(agrees).count()));
        }
    }
}
