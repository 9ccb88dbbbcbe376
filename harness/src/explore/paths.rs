//! Which paths recovery has taken: what it asked that was open, what it wrote, and what came of it, by kinds and not by
//! numbers. Two states that differ only in which block it was are on one path.
//!
//! A path is taken note of step by step, each with the one before it: a whole path is new almost always, and a step is new
//! only where recovery does something that it has not done before.

use super::instance::Shows;
use super::leaf::Leaf;
use super::naming::without_numbers;
use crate::choice::Question;
use crate::disk::kind_of;
use crashcheck_trace::{EventId, Trace};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

/// Different steps of recovery, each with the one before it, as hashes: of what it asked, of what it wrote, and its ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(BTreeSet<u64>);

impl Paths {
    /// A path of one step.
    #[cfg(test)]
    pub(crate) fn of(step: u64) -> Paths {
        Paths(BTreeSet::from([step]))
    }

    /// Adds those of another exploration; how many of them are new.
    pub(crate) fn extend(&mut self, other: &Paths) -> usize {
        let before = self.0.len();
        self.0.extend(&other.0);
        self.0.len() - before
    }
}

/// A kind of step, as a hash.
type Kind = u64;

/// What a step belongs to.
#[derive(Clone, Copy, Hash)]
enum Of {
    Asked,
    Wrote,
    End,
}

/// Takes note of the paths in an exploration of one workload.
#[derive(Default)]
pub(super) struct Noting {
    paths: Paths,
    /// The same steps, to look them up: most of them are met again and again.
    known: FxHashSet<u64>,
    /// By event of the recorded workload, which kind of write it is.
    kinds: FxHashMap<EventId, Kind>,
}

impl Noting {
    pub(super) fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Adds the path of a recovery from a crash of this trace, or of a later life.
    pub(super) fn add(&mut self, trace: &Trace, leaf: &Leaf) {
        let answered = leaf.path.questions.iter().zip(&leaf.path.answers);
        let asked =
            answered.map(|(question, answer)| hash(&(self.kind(trace, leaf, question), answer))).collect();
        self.add_steps(Of::Asked, asked);
        if let Some(story) = &leaf.end.story {
            let events = story.life.trace.events.iter().take(story.life.recovered);
            let labels = events.filter_map(|event| event.label());
            self.add_steps(Of::Wrote, labels.map(|label| hash(&kind_of(Some(label)))).collect());
        }
        let recovered = &leaf.end.recovered.kind;
        let found = recovered.found.as_deref().map(without_numbers);
        let shows = match &recovered.shows {
            Shows::State { .. } => None,
            Shows::Words(words) => Some(without_numbers(words)),
        };
        self.add_step(hash(&(Of::End, found, shows)));
    }

    /// Adds steps, of which the same one after itself is none.
    fn add_steps(&mut self, of: Of, mut steps: Vec<Kind>) {
        steps.dedup();
        steps.windows(2).for_each(|pair| self.add_step(hash(&(of, pair))));
    }

    fn add_step(&mut self, step: u64) {
        if self.known.insert(step) {
            self.paths.0.insert(step);
        }
    }

    /// What is asked about, without numbers.
    fn kind(&mut self, trace: &Trace, leaf: &Leaf, question: &Question) -> Kind {
        let of = |trace: &Trace, event: EventId| {
            hash(&trace.events.get(event.index()).map(|event| kind_of(event.label())))
        };
        let which = std::mem::discriminant(question);
        let about = match *question {
            Question::Survived { life, event, .. }
            | Question::Garbled { life, event, .. }
            | Question::Arrived { life, event, .. } => {
                match usize::from(life).checked_sub(2).and_then(|nth| leaf.stories.get(nth)) {
                    None => *self.kinds.entry(event).or_insert_with(|| of(trace, event)),
                    Some(story) => of(&story.life.trace, event),
                }
            }
            Question::WriteLost { event, .. } | Question::Misdirected { event, .. } => {
                *self.kinds.entry(event).or_insert_with(|| of(trace, event))
            }
            Question::PowerFailed { .. }
            | Question::FailedIn { .. }
            | Question::DeviceLost { .. }
            | Question::Unreadable { .. }
            | Question::Corrupt { .. }
            | Question::Flipped { .. }
            | Question::FlushFailed { .. }
            | Question::NodeDown { .. } => 0,
        };
        hash(&(which, about))
    }
}

fn hash<T: Hash>(what: &T) -> u64 {
    FxBuildHasher.hash_one(what)
}
