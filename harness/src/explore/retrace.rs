//! What recovery did in the state of a finding, and where wrong bytes come from: the state is run once more, and those next to it
//! until one passes, with an account of what is done.

use super::leaf::{How, Job, Leaf};
use super::pool::Pool;
use super::recount::{Looked, State, recoveries};
use super::run::Context;
use super::words::nearest;
use crate::choice::{Path, Plan, Pole, Rest};
use crate::media::{Account, Deed, Stage};
use crashcheck_outcome::{Origin, Provenance, Recovery};
use crashcheck_trace::EventId;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So many states are looked at for one that passes.
const NEIGHBOURS: usize = 8;

/// What a recovery did in a state, and where wrong bytes come from.
#[derive(Default)]
pub(super) struct Retraced {
    pub(super) recoveries: Vec<Recovery>,
    pub(super) provenance: Option<Provenance>,
    /// The wanted writes, each with where recovery has read the same bytes and not put them back; absent if that is not so of all.
    pub(super) found: Option<Vec<(EventId, Origin)>>,
}

/// Runs a state once more. Nothing is told of a recovery that cannot be followed. `wanted` are writes that are lost,
/// and `in_words` tells a state that passes, by its path.
pub(super) fn retrace(
    context: &Arc<Context>,
    state: &State<'_>,
    wanted: &[EventId],
    is_again: bool,
    in_words: &dyn Fn(&Path) -> String,
) -> Retraced {
    if context.eager.load(Ordering::Relaxed) {
        return Retraced::default();
    }
    let mut pool = Pool::new(Arc::clone(context), 1);
    let (epoch, lives) = (state.epochs[0], state.epochs.len() as u8);
    let leaf = run(&mut pool, epoch, lives, Plan::replay(state.path.answers.clone()));
    let Some(account) = leaf.account.filter(|_| leaf.path == *state.path && !leaf.diverged) else {
        return Retraced::default();
    };
    let lives = lives_of(&account, context.timeline.script.is_some());
    let mut recoveries: Vec<Recovery> = lives
        .iter()
        .enumerate()
        .flat_map(|(nth, deeds)| recoveries(context, state, deeds, is_again && nth + 1 == lives.len()))
        .collect();
    if let Some(last) = recoveries.last_mut() {
        last.more += account.more;
    }
    let provenance = lives.last().and_then(|deeds| match () {
        () if is_again => {
            let first = Looked::of(context, state, deeds);
            first.again(deeds)?.beside(Stage::LookAgain, &first, "what the first recovery has left")
        }
        () if state.epochs.len() > 1 => None,
        () => {
            let (path, neighbour) = passing(&mut pool, state)?;
            let mine = Looked::of(context, state, deeds);
            let passed = lives_of(&neighbour, false);
            let beside = State { path: &path, ..*state };
            mine.beside(
                Stage::Look,
                &Looked::of(context, &beside, passed.last()?),
                &format!("a state that passes: {}", in_words(&path)),
            )
        }
    });
    let found = lives.first().filter(|_| lives.len() == 1 && !wanted.is_empty());
    let found = found.and_then(|deeds| Looked::of(context, state, deeds).found_again(wanted));
    Retraced { recoveries, provenance, found }
}

/// Runs a state, and writes down what is done.
fn run(pool: &mut Pool, epoch: u32, lives: u8, plan: Plan) -> Leaf {
    let job = Job { through: Some(lives), serial: SERIAL, account: true, ..Job::of_workload(epoch, plan) };
    pool.run(vec![job], false).pop().expect("a leaf for every state")
}

/// The number of a state that is looked at to be told; no walk has so many.
const SERIAL: u64 = 1 << 62;

/// A state next to this one that passes, with what was done in it: with one answer less that is unusual, then both ends of the tree.
fn passing(pool: &mut Pool, state: &State<'_>) -> Option<(Path, Account)> {
    let pole = nearest(state.path);
    let unusual = state.path.questions.iter().zip(&state.path.answers).enumerate();
    let unusual = unusual.filter(|(_, (question, answer))| pole.answer(question) != **answer);
    let usual = unusual.take(NEIGHBOURS).map(|(nth, (question, _))| {
        let mut forced = state.path.answers[..nth].to_vec();
        forced.push(pole.answer(question));
        Plan { forced, rest: Rest::Pole(pole) }
    });
    for plan in usual.chain(Pole::BOTH.map(Plan::pole)) {
        let leaf = run(pool, state.epochs[0], 1, plan);
        if leaf.how == How::Hung {
            return None;
        }
        if leaf.verdict.is_ok() {
            return Some((leaf.path, leaf.account?));
        }
    }
    None
}

/// What each life did. A run of a cluster goes through all lives from the beginning: what it did in the last is all there is.
fn lives_of(account: &Account, is_of_cluster: bool) -> Vec<&[Deed]> {
    let mut lives: Vec<&[Deed]> = Vec::new();
    let begins: Vec<usize> =
        (0..account.deeds.len()).filter(|nth| matches!(account.deeds[*nth], Deed::PowerOn(_))).collect();
    for (nth, begin) in begins.iter().enumerate() {
        let end = begins.get(nth + 1).copied().unwrap_or(account.deeds.len());
        lives.push(&account.deeds[*begin..end]);
    }
    if is_of_cluster { lives.split_off(lives.len().saturating_sub(1)) } else { lives }
}
