//! The crash state of a finding, made simple: fewer answers that deviate from an end of the tree of choices.

use super::{Bounds, List, Log, descend};
use crate::choice::{Path, Plan, Pole, Question, Rest};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Whatever deviates, and how: one element of the list that is shrunk.
type Deviation = (Question, u8);

/// The path with the fewest deviations found, if there is one with fewer than this. `run` looks at the state that a plan
/// leads to, and returns its path if it fails for the same reason.
///
/// An answer that deviates belongs to its question, wherever that is asked; all others are those of the pole. So leaving a
/// deviation out leaves the others as they are, however the questions after it change.
pub(crate) fn simplest(path: &Path, mut run: impl FnMut(Plan) -> Option<Path>) -> Option<Path> {
    let fewest = |path: &Path| Pole::BOTH.map(|pole| path.deviations(pole)).into_iter().min().unwrap_or(0);
    let mut best = path.clone();
    for pole in Pole::BOTH {
        let asked = best.questions.iter().copied().zip(best.answers.iter().copied());
        let deviations: Vec<Deviation> =
            asked.filter(|(question, answer)| pole.answer(question) != *answer).collect();
        let never = AtomicBool::new(false);
        let mut bounds = Bounds::new(Duration::MAX, &never, Log::none());
        let mut tree = List::new((0..deviations.len()).collect::<Vec<usize>>(), |_: &usize| Vec::new());
        let mut found = best.clone();
        descend(&mut tree, &mut bounds, |kept: &Vec<usize>, _| {
            let kept = kept.iter().map(|index| deviations[*index]).collect();
            let path = run(plan(pole, kept));
            let fails = path.is_some();
            if let Some(path) = path.filter(|path| fewest(path) < fewest(&found)) {
                found = path;
            }
            Some(fails)
        });
        best = found;
    }
    (fewest(&best) < fewest(path)).then_some(best)
}

/// The plan that deviates from a pole in these answers alone.
fn plan(pole: Pole, deviations: Vec<Deviation>) -> Plan {
    let answer = move |question: &Question| {
        let deviates = deviations.iter().find(|(deviating, _)| deviating == question);
        deviates.map_or_else(|| pole.answer(question), |(_, answer)| *answer)
    };
    Plan { forced: Vec::new(), rest: Rest::Rule(Arc::new(answer)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choices;
    use crashcheck_trace::EventId;

    /// Asks of eight writes whether they survived, the newest first, and fails if these are lost and those are not.
    fn run(plan: Plan, lost: &[u32], kept: &[u32]) -> Option<Path> {
        let mut choices = Choices::new(plan);
        let mut survived =
            |event| choices.ask(Question::Survived { life: 1, event: EventId(event), unit: 0 }) == 0;
        let survived: Vec<u32> = (0..8).rev().filter(|event| survived(*event)).collect();
        let fails = kept.iter().all(|event| survived.contains(event))
            && !lost.iter().any(|event| survived.contains(event));
        fails.then(|| choices.path().clone())
    }

    fn from(forced: [u8; 8]) -> Plan {
        Plan { forced: forced.into(), rest: Rest::Pole(Pole::Oldest) }
    }

    #[test]
    fn only_the_writes_that_matter_deviate() {
        let run = |plan| run(plan, &[5, 3], &[7, 0, 1]);
        let path = run(from([0, 1, 1, 1, 1, 1, 0, 0])).expect("fails");
        assert_eq!((path.deviations(Pole::Newest), path.deviations(Pole::Oldest)), (5, 3));
        let simple = simplest(&path, run).expect("simpler");
        assert_eq!(simple.deviations(Pole::Newest), 2);
        assert!(simplest(&simple, run).is_none());
    }

    #[test]
    fn the_nearer_end_of_the_tree_is_found() {
        let run = |plan| run(plan, &[5, 3, 7, 0], &[2]);
        let path = run(from([1, 0, 1, 0, 1, 0, 0, 1])).expect("fails");
        let simple = simplest(&path, run).expect("simpler");
        assert_eq!(simple.deviations(Pole::Oldest), 1);
    }
}
