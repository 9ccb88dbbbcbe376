//! A list that gets shorter, and its elements simpler, as a proptest value tree.

use proptest::strategy::ValueTree;
use std::fmt::Debug;

/// First runs of elements are left out: halves, quarters, … single ones, each from the end. Then elements are replaced by
/// simpler ones, one after the other, and of a short list any two are left out. All is repeated until nothing makes it
/// smaller.
pub(crate) struct List<T, F> {
    /// The smallest list that is known to fail.
    fails: Vec<T>,
    /// What is tried now.
    tried: Vec<T>,
    /// What may stand in the place of an element, the simplest first.
    simpler: F,
    next: Next,
    /// Whether something was left out or replaced since elements were last left out one by one.
    changed: bool,
}

/// Two elements are left out of lists of so many; there are few pairs.
const PAIRS: usize = 16;

/// What is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// To leave out so many elements before a position.
    LeaveOut { count: usize, before: usize },
    /// To put the n-th simpler one in the place of an element.
    Simplify { index: usize, nth: usize },
    /// To leave out the one and the other, which belong together: what makes something and what removes it.
    LeaveOutTwo { one: usize, other: usize },
    /// Nothing.
    Done,
}

impl<T: Clone, F: Fn(&T) -> Vec<T>> List<T, F> {
    /// A list that fails.
    pub(crate) fn new(items: Vec<T>, simpler: F) -> Self {
        let next = Next::LeaveOut { count: items.len().div_ceil(2), before: items.len() };
        List { tried: items.clone(), fails: items, simpler, next, changed: false }
    }

    /// Makes up the next candidate; false if there is none.
    fn propose(&mut self) -> bool {
        loop {
            match self.next {
                Next::LeaveOut { count, before } if count > 0 && before > 0 => {
                    let from = before.saturating_sub(count);
                    self.tried = [&self.fails[..from], &self.fails[before..]].concat();
                    return true;
                }
                Next::LeaveOut { count, .. } if count > 1 => {
                    self.next = Next::LeaveOut { count: count / 2, before: self.fails.len() };
                }
                Next::LeaveOut { .. } => self.next = Next::Simplify { index: 0, nth: 0 },
                Next::Simplify { index, nth } if index < self.fails.len() => {
                    match (self.simpler)(&self.fails[index]).into_iter().nth(nth) {
                        Some(simpler) => {
                            self.tried.clone_from(&self.fails);
                            self.tried[index] = simpler;
                            return true;
                        }
                        None => self.next = Next::Simplify { index: index + 1, nth: 0 },
                    }
                }
                Next::Simplify { .. } | Next::LeaveOutTwo { .. } if self.changed => {
                    self.changed = false;
                    self.next = Next::LeaveOut { count: 1, before: self.fails.len() };
                }
                Next::Simplify { .. } if self.fails.len() <= PAIRS => {
                    self.next = Next::LeaveOutTwo { one: 0, other: 1 };
                }
                Next::LeaveOutTwo { one, other } if other < self.fails.len() => {
                    self.tried.clone_from(&self.fails);
                    self.tried.remove(other);
                    self.tried.remove(one);
                    return true;
                }
                Next::LeaveOutTwo { one, .. } if one + 2 < self.fails.len() => {
                    self.next = Next::LeaveOutTwo { one: one + 1, other: one + 2 };
                }
                Next::Simplify { .. } | Next::LeaveOutTwo { .. } | Next::Done => {
                    self.next = Next::Done;
                    self.tried.clone_from(&self.fails);
                    return false;
                }
            }
        }
    }
}

impl<T: Clone + Debug, F: Fn(&T) -> Vec<T>> ValueTree for List<T, F> {
    type Value = Vec<T>;

    fn current(&self) -> Vec<T> {
        self.tried.clone()
    }

    /// What was tried fails as well: goes on from there.
    fn simplify(&mut self) -> bool {
        if self.tried.len() < self.fails.len() {
            if let Next::LeaveOut { count, before } = self.next {
                self.next = Next::LeaveOut { count, before: before.saturating_sub(count) };
            }
            self.changed = true;
        } else if let Next::Simplify { index, .. } = self.next {
            // Not so on the first call, when nothing was tried yet.
            self.next = Next::Simplify { index, nth: 0 };
            self.changed = true;
        }
        self.fails.clone_from(&self.tried);
        self.propose()
    }

    /// What was tried does not fail: tries something else.
    fn complicate(&mut self) -> bool {
        self.next = match self.next {
            Next::LeaveOut { count, before } => {
                Next::LeaveOut { count, before: before.saturating_sub(count) }
            }
            Next::Simplify { index, nth } => Next::Simplify { index, nth: nth + 1 },
            Next::LeaveOutTwo { one, other } => Next::LeaveOutTwo { one, other: other + 1 },
            Next::Done => Next::Done,
        };
        self.propose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The smallest list found, and how many candidates that took.
    fn smallest(items: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> (Vec<u8>, usize) {
        let simpler = |item: &u8| (0..*item).collect();
        let (mut tree, mut best, mut failing, mut candidates) =
            (List::new(items.clone(), simpler), items, true, 0);
        while if failing { tree.simplify() } else { tree.complicate() } {
            failing = fails(&tree.current());
            candidates += 1;
            if failing {
                best = tree.current();
            }
        }
        (best, candidates)
    }

    #[test]
    fn what_matters_stays_and_gets_simple() {
        let needs = |list: &[u8]| list.iter().any(|item| *item >= 3) && list.contains(&7);
        assert_eq!(smallest(vec![9, 1, 7, 4, 2, 2, 2, 8], needs).0, [7]);
        let sum = |list: &[u8]| list.iter().map(|item| u32::from(*item)).sum::<u32>() >= 10;
        assert_eq!(smallest(vec![4, 4, 4, 4], sum).0.len(), 3);
    }

    #[test]
    fn two_that_belong_together_go_together() {
        // 5 and 6 are there both or neither.
        let fails = |list: &[u8]| list.contains(&9) && list.contains(&5) == list.contains(&6);
        let only_left_out = |items: Vec<u8>| {
            let mut tree = List::new(items, |_: &u8| Vec::new());
            let (mut best, mut failing) = (tree.current(), true);
            while if failing { tree.simplify() } else { tree.complicate() } {
                failing = fails(&tree.current());
                best = if failing { tree.current() } else { best };
            }
            best
        };
        assert_eq!(only_left_out(vec![5, 9, 6]), [9]);
    }

    #[test]
    fn a_list_that_always_fails_becomes_empty_at_once() {
        let (list, candidates) = smallest(vec![1; 64], |_| true);
        assert!(list.is_empty() && candidates <= 3, "{candidates}");
    }

    proptest! {
        #[test]
        fn nothing_more_can_be_left_out_or_simplified(
            items in prop::collection::vec(0..9u8, 1..12), needed in prop::collection::vec((0..9u8, 1..3usize), 0..4)
        ) {
            let fails = |list: &[u8]| needed.iter().all(|(least, times)| {
                list.iter().filter(|item| *item >= least).count() >= *times
            });
            prop_assume!(fails(&items));
            let (best, _) = smallest(items, fails);
            prop_assert!(fails(&best));
            for index in 0..best.len() {
                let mut fewer = best.clone();
                fewer.remove(index);
                prop_assert!(!fails(&fewer), "{best:?} without {index}");
                for other in 0..fewer.len() {
                    let mut fewer = fewer.clone();
                    fewer.remove(other);
                    prop_assert!(!fails(&fewer), "{best:?} without {index} and {other} of the rest");
                }
                for simpler in 0..best[index] {
                    let mut simple = best.clone();
                    simple[index] = simpler;
                    prop_assert!(!fails(&simple), "{best:?}: {simpler} at {index}");
                }
            }
        }
    }
}
