//! From both ends of the tree, few deviations first.
//!
//! A level holds the leaves that differ in so many answers from *all persisted* or from *nothing persisted*; the ends
//! take turns, and within a level the question that was asked first deviates first. A leaf can be reached from both
//! ends; it counts where it deviates less, from the end that comes first if it is in the middle. So every leaf counts once, with
//! no record of the leaves met. Where the walk from one end has been told to end, what lies beyond counts at the other.

use super::Strategy;
use crate::choice::{Path, Plan, Pole, Rest};
use rustc_hash::{FxHashSet, FxHasher};
use std::collections::VecDeque;
use std::hash::Hasher;

/// When what is planned takes more memory than this, the rest is walked depth first.
const MEMORY: usize = 16 << 20;

pub(crate) struct Deviations {
    from: [End; 2],
    /// Whose turn it is.
    turn: usize,
    limit: Option<usize>,
    /// The plans that have not been learned from, the next one first: their end, and how many answers they force.
    waiting: VecDeque<(usize, usize)>,
    /// What is planned takes so much memory.
    memory: usize,
}

/// The walk from one end of the tree.
struct End {
    pole: Pole,
    /// The number of deviations of the plans in `now`.
    level: usize,
    started: bool,
    /// Depth first, the deepest last; only when memory is short.
    deep: Vec<Branches>,
    now: VecDeque<Branches>,
    next: VecDeque<Branches>,
    /// The leaves at which the walk has ended: hashes of the answers that lead there, up to the last that was forced.
    ended: FxHashSet<u64>,
}

impl Deviations {
    /// A walk from `first` and then from the other end, level by level, that stops after `limit` deviations or goes on to the end.
    pub(crate) fn new(limit: Option<usize>, first: Pole) -> Deviations {
        let end = |pole| End {
            pole,
            level: 0,
            started: false,
            deep: Vec::new(),
            now: VecDeque::new(),
            next: VecDeque::new(),
            ended: FxHashSet::default(),
        };
        let mut from = [end(Pole::Newest), end(Pole::Oldest)];
        if first == Pole::Oldest {
            from.reverse();
        }
        Deviations { from, turn: 0, limit, waiting: VecDeque::new(), memory: 0 }
    }

    /// Goes on to the end whose turn it is, and to its next level when this one is done.
    fn advance(&mut self) {
        for _ in 0..2 * self.from.len() {
            if self.from[self.turn].has_plans() {
                return;
            }
            self.from[self.turn].begin_next_level();
            self.turn = 1 - self.turn;
        }
    }
}

impl Strategy for Deviations {
    fn level(&self) -> Option<usize> {
        let end = &self.from[self.turn];
        end.has_plans().then_some(2 * end.level + self.turn)
    }

    fn plans(&mut self, room: usize) -> Vec<Plan> {
        let turn = self.turn;
        let end = &mut self.from[turn];
        let mut plans = Vec::new();
        if !end.started {
            end.started = true;
            plans.push(Plan::pole(end.pole));
        }
        while plans.len() < room {
            let deep = !end.deep.is_empty();
            let Some(branches) = end.deep.last_mut().or(end.now.front_mut()) else { break };
            plans.extend(branches.take(room - plans.len()));
            if branches.is_empty() {
                let done = if deep { end.deep.pop() } else { end.now.pop_front() };
                self.memory -= done.map_or(0, |branches| branches.memory());
            }
        }
        self.waiting.extend(plans.iter().map(|plan| (turn, plan.forced.len())));
        plans
    }

    fn learn(&mut self, path: &Path, ends: bool) -> bool {
        let (turn, forced) = self.waiting.pop_front().expect("a plan was made for every path");
        let deviations = [0, 1].map(|nth: usize| path.deviations(self.from[nth].pole));
        let end = &mut self.from[turn];
        let branches = Branches::new(end.pole, path, forced);
        let last = self.limit.is_some_and(|limit| deviations[turn] >= limit);
        if ends && forced > 0 && !branches.is_empty() {
            end.ended.extend(prefixes(&path.answers).nth(forced));
        } else if !branches.is_empty() && !last {
            self.memory += branches.memory();
            match self.memory > MEMORY {
                true => end.deep.push(branches),
                false => end.next.push_back(branches),
            }
        }
        if self.waiting.is_empty() {
            self.advance();
        }
        let nearer = if turn == 0 { deviations[0] <= deviations[1] } else { deviations[1] < deviations[0] };
        nearer || self.from[1 - turn].is_beyond(path)
    }
}

/// A hash of the first answers, for each number of them, beginning with none.
fn prefixes(answers: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let mut hasher = FxHasher::default();
    let longer = answers.iter().map(move |answer| {
        hasher.write_u64(u64::from(*answer) + 1);
        hasher.finish()
    });
    std::iter::once(0).chain(longer)
}

impl End {
    fn has_plans(&self) -> bool {
        !self.started || !self.deep.is_empty() || !self.now.is_empty()
    }

    /// Whether the walk has ended before this leaf: at one that some of its deviations lead to.
    fn is_beyond(&self, path: &Path) -> bool {
        if self.ended.is_empty() {
            return false;
        }
        let answered = path.questions.iter().zip(&path.answers);
        let last = answered.rev().position(|(question, answer)| self.pole.answer(question) != *answer);
        let forced = last.map_or(0, |last| path.answers.len() - last);
        prefixes(&path.answers).take(forced).any(|prefix| self.ended.contains(&prefix))
    }

    fn begin_next_level(&mut self) {
        if !self.next.is_empty() {
            self.now = std::mem::take(&mut self.next);
            self.level += 1;
        }
    }
}

/// The leaves beside a path: for every question after those that were forced, every other answer.
pub(crate) struct Branches {
    pole: Pole,
    /// The path: only what is needed to plan others, for there may be millions.
    path: Box<[Answered]>,
    /// The next question to answer otherwise, and how many of its other answers have been planned.
    at: usize,
    planned: u8,
}

/// What was answered to a question, and how many outcomes it has.
#[derive(Clone, Copy)]
struct Answered {
    answer: u8,
    outcomes: u8,
}

impl Branches {
    /// The branches that leave a path after the answers that its plan forced.
    pub(crate) fn new(pole: Pole, path: &Path, forced: usize) -> Branches {
        let answered = path.questions.iter().zip(&path.answers);
        let path =
            answered.map(|(question, answer)| Answered { answer: *answer, outcomes: question.outcomes() });
        Branches { pole, path: path.collect(), at: forced, planned: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.path.len()
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.path)
    }
}

impl Iterator for Branches {
    type Item = Plan;

    fn next(&mut self) -> Option<Plan> {
        let Answered { answer: usual, outcomes } = *self.path.get(self.at)?;
        let others = (0..outcomes).filter(|answer| *answer != usual);
        let answer =
            others.clone().nth(usize::from(self.planned)).expect("a question has two outcomes at least");
        let before = self.path[..self.at].iter().map(|answered| answered.answer);
        let forced = before.chain([answer]).collect();
        self.planned += 1;
        if usize::from(self.planned) == others.count() {
            (self.at, self.planned) = (self.at + 1, 0);
        }
        Some(Plan { forced, rest: Rest::Pole(self.pole) })
    }
}
