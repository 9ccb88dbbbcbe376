//! The walk of a value tree towards something smaller that still fails for the same reason.
//!
//! | file | holds |
//! |---|---|
//! | `list.rs` | a list that gets shorter, and its elements simpler, as a value tree |
//! | `answers.rs` | the answers of a crash state that deviate, as such a list |
//! | `log.rs` | what a descent has learned, on disk |

mod answers;
mod list;
mod log;

pub(crate) use answers::simplest;
pub(crate) use list::List;
pub(crate) use log::Log;

use proptest::strategy::ValueTree;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::Serialize;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a descent may go on, and how far it is.
pub(crate) struct Bounds<'a> {
    until: Instant,
    /// When telling what came of it must be over as well.
    told: Option<Instant>,
    stop: &'a AtomicBool,
    log: Log,
    /// How many candidates were judged.
    pub(crate) candidates: u64,
    /// How many of them fail.
    pub(crate) steps: u64,
    /// Why it ended before nothing smaller fails.
    pub(crate) ended: Option<String>,
}

impl<'a> Bounds<'a> {
    /// So much time, until told to stop. What an earlier descent has learned is taken from its log.
    pub(crate) fn new(time: Duration, stop: &'a AtomicBool, log: Log) -> Self {
        let now = Instant::now();
        // A time that no clock reaches is no limit that anybody would notice.
        let until = now.checked_add(time).unwrap_or(now + Duration::from_secs(1 << 32));
        Bounds { until, told: None, stop, log, candidates: 0, steps: 0, ended: None }
    }

    /// The same, and so much more time to tell what came of it.
    pub(crate) fn and_to_tell(mut self, time: Option<Duration>) -> Self {
        self.told = time.and_then(|time| self.until.checked_add(time));
        self
    }

    /// How much time is left to tell what came of it; a second always is. `None` without a limit.
    pub(crate) fn left_to_tell(&self) -> Option<Duration> {
        let left = self.told.map(|told| told.saturating_duration_since(Instant::now()));
        left.map(|left| left.max(Duration::from_secs(1)))
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Whether a candidate fails; `None` when it is over.
    fn judge(&mut self, fails: impl FnOnce(&Self) -> Option<bool>) -> Option<bool> {
        let verdict = match self.log.next() {
            Some(verdict) => Some(verdict),
            None => self.judge_anew(fails),
        }?;
        self.candidates += 1;
        self.steps += u64::from(verdict);
        Some(verdict)
    }

    fn judge_anew(&mut self, fails: impl FnOnce(&Self) -> Option<bool>) -> Option<bool> {
        let over = |bounds: &Self| match () {
            () if bounds.stop.load(Ordering::Relaxed) => Some("it was interrupted".to_owned()),
            () if bounds.left().is_zero() => Some("the time for shrinking was used up".to_owned()),
            () => None,
        };
        self.ended = over(self);
        if self.ended.is_some() {
            return None;
        }
        let verdict = fails(self);
        // What was not explored to its end says nothing if the end came from outside.
        self.ended = match verdict {
            Some(true) => None,
            _ => over(self),
        };
        let verdict = verdict.filter(|_| self.ended.is_none())?;
        self.log.push(verdict);
        Some(verdict)
    }
}

/// The smallest value found that fails; `None` if none does but the one that the tree begins with. A value that comes
/// again is not judged again.
pub(crate) fn descend<T: ValueTree<Value: Serialize>>(
    tree: &mut T,
    bounds: &mut Bounds<'_>,
    mut fails: impl FnMut(&T::Value, &Bounds<'_>) -> Option<bool>,
) -> Option<T::Value> {
    // A value that cannot be written as text is judged each time.
    let identity =
        |value: &T::Value| serde_json::to_string(value).ok().map(|text| FxBuildHasher.hash_one(text));
    let mut known: FxHashMap<u64, bool> =
        identity(&tree.current()).map(|id| (id, true)).into_iter().collect();
    let (mut smallest, mut failing) = (None, true);
    while if failing { tree.simplify() } else { tree.complicate() } {
        let candidate = tree.current();
        let id = identity(&candidate);
        let before = id.and_then(|id| known.get(&id).copied());
        failing = match before {
            Some(failing) => failing,
            None => match bounds.judge(|bounds| fails(&candidate, bounds)) {
                Some(failing) => failing,
                None => break,
            },
        };
        known.extend(id.map(|id| (id, failing)));
        if failing {
            smallest = Some(candidate);
        }
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn list() -> List<u32, fn(&u32) -> Vec<u32>> {
        List::new((0..40).collect(), |item| (0..*item).rev().take(2).collect())
    }

    fn needs(list: &[u32]) -> bool {
        list.contains(&3) && list.iter().any(|item| *item > 20)
    }

    #[test]
    fn a_descent_that_was_cut_off_anywhere_goes_on_to_the_same_end() {
        let never = AtomicBool::new(false);
        let hour = Duration::from_secs(3600);
        let mut bounds = Bounds::new(hour, &never, Log::none());
        let whole = descend(&mut list(), &mut bounds, |list, _| Some(needs(list)));
        assert_eq!(whole.as_deref(), Some(&[3, 21][..]));
        let folder = tempfile::tempdir().expect("a folder");
        for cut in 0..bounds.candidates {
            let file = folder.path().join(format!("{cut}"));
            let (stop, judged) = (AtomicBool::new(false), Cell::new(0));
            let judge = |list: &Vec<u32>, _: &Bounds<'_>| {
                judged.set(judged.get() + 1);
                stop.store(judged.get() == cut, Ordering::Relaxed);
                Some(needs(list))
            };
            let mut first = Bounds::new(hour, &stop, Log::at(&file));
            descend(&mut list(), &mut first, judge);
            let mut second = Bounds::new(hour, &never, Log::at(&file));
            let judged = Cell::new(0);
            let end = descend(&mut list(), &mut second, |list, _| {
                judged.set(judged.get() + 1);
                Some(needs(list))
            });
            assert_eq!(end, whole, "cut off after {cut}");
            assert_eq!((second.candidates, second.steps), (bounds.candidates, bounds.steps));
            // The candidate at which it was cut off is judged again if it passed.
            assert!(judged.get() + cut <= bounds.candidates + 1, "it began again after {cut}");
        }
    }

    #[test]
    fn no_time_is_no_candidate_and_says_so() {
        let never = AtomicBool::new(false);
        let mut bounds = Bounds::new(Duration::ZERO, &never, Log::none());
        assert_eq!(descend(&mut list(), &mut bounds, |_, _| panic!("judged")), None);
        assert!(bounds.ended.is_some_and(|why| why.contains("time")));
    }
}
