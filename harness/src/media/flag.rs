//! What a crash leaves open beside bytes: a disk that died, a sector that cannot be read, a message that was lost.
//!
//! A flag is a cell that holds no bytes but the number of an outcome, 0 being the one where nothing is amiss. Flags that
//! can fail together form a group, of which at most so many are not 0: *at most one fault* is such a group, and so is a
//! single flag of which nothing else says anything.

use super::contents::{ContentId, Contents};
use super::ways::Ways;
use crate::choice::{Choices, Question};
use num_bigint::BigUint;
use num_traits::{One, Zero};

/// A group of flags, by their places in it.
pub(crate) struct Flags {
    questions: Vec<Question>,
    /// At most so many of them are not 0.
    most: usize,
    /// The contents that stand for the outcomes.
    outcomes: Vec<ContentId>,
    /// Those of which nothing was open in the epoch before; none, if that is empty.
    new: Vec<bool>,
}

/// What is known of a group of flags: outcomes by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlagState(Vec<(u32, u8)>);

impl FlagState {
    fn of(&self, place: u32) -> Option<u8> {
        self.0.iter().find(|(known, _)| *known == place).map(|(_, outcome)| *outcome)
    }

    fn raised(&self) -> usize {
        self.0.iter().filter(|(_, outcome)| *outcome > 0).count()
    }
}

impl Flags {
    pub(super) fn new(contents: &mut Contents, questions: Vec<Question>, most: usize) -> Flags {
        let highest = questions.iter().map(Question::outcomes).max().unwrap_or(1);
        let outcomes = (0..highest).map(|outcome| contents.intern(&[outcome])).collect();
        Flags { questions, most, outcomes, new: Vec::new() }
    }

    /// The same, some of which were not open in the epoch before.
    pub(super) fn with_new(self, new: Vec<bool>) -> Flags {
        Flags { new, ..self }
    }

    fn is_new(&self, place: usize) -> bool {
        self.new.get(place).is_some_and(|new| *new)
    }

    /// Finds out the outcome of a flag. When as many as possible are raised already, the others need not be asked.
    pub(super) fn resolve(&self, place: usize, state: &mut FlagState, choices: &mut Choices) -> ContentId {
        let outcome = match state.of(place as u32) {
            Some(outcome) => outcome,
            None if state.raised() >= self.most => 0,
            None => {
                let outcome = choices.ask(self.questions[place]);
                state.0.push((place as u32, outcome));
                outcome
            }
        };
        self.outcomes[usize::from(outcome)]
    }

    /// How many outcomes of all flags together agree with what is known.
    pub(super) fn remaining(&self, state: &FlagState) -> Ways {
        self.count(state, |_| true)
    }

    /// Those of them that the epoch before has too: nothing that is new has happened.
    pub(super) fn shared(&self, state: &FlagState) -> Ways {
        match state.0.iter().any(|(place, outcome)| *outcome > 0 && self.is_new(*place as usize)) {
            true => Ways::Few(0),
            false => self.count(state, |place| !self.is_new(place)),
        }
    }

    fn count(&self, state: &FlagState, counts: impl Fn(usize) -> bool) -> Ways {
        let room = self.most.saturating_sub(state.raised());
        let open =
            (0..self.questions.len()).filter(|place| counts(*place) && state.of(*place as u32).is_none());
        let unusual = open.map(|place| self.questions[place].outcomes() - 1);
        if room == 0 {
            return Ways::Few(1);
        }
        if room == 1 {
            return Ways::Few(1 + unusual.map(u64::from).sum::<u64>());
        }
        // By how many flags are raised.
        let mut ways = vec![BigUint::zero(); room + 1];
        ways[0] = BigUint::one();
        for more in unusual {
            for raised in (1..=room).rev() {
                let added = &ways[raised - 1] * more;
                ways[raised] += added;
            }
        }
        ways.into_iter().sum::<BigUint>().into()
    }
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
                if place < devices && (!lost || state.raised() < most) && state.of(place.into()).is_none() {
                    state.0.push((place.into(), u8::from(lost)));
                }
            }
            let agrees = |outcome: &&Vec<ContentId>| {
                state.0.iter().all(|(place, lost)| outcome[*place as usize] == flags.outcomes[usize::from(*lost)])
            };
            let left = BigUint::from(&flags.remaining(&state));
            prop_assert_eq!(left, BigUint::from(all.iter().filter(agrees).count()));
        }
    }
}
