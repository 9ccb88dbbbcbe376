//! Judges: what recovery shows, against what the history allows.
//!
//! A judge is a function, and judges compose: [`System::judge`] calls as many as the system has
//! promises. The others (*recovers*, *well-formed*, *idempotent*, *usable*) need the system itself and are judged
//! wherever it implements what they need; a leak is for [`System::check`] to see.
//!
//! | judge | demands | names the broken promise |
//! |---|---|---|
//! | [`prefix`] | the state after some legal prefix of the operations | `durable`, `atomic` |
//! | [`each_key`] | of every key by itself a value that it had in such a state | `durable`, `no-resurrection`, `no-foreign-data` |
//! | [`all_of`] | all that several judges demand | that of the first one that complains |

use crate::system::System;
pub use crate::window::Window;
use crashcheck_outcome::Difference;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The workload as the model saw it, up to a crash.
pub struct History<'a, S: System + ?Sized> {
    /// The operations, those after the crash included.
    pub ops: &'a [S::Op],
    /// What a user should see after n operations; one longer than `ops`.
    pub states: &'a [S::View],
    /// What the crash point allows.
    pub window: Window,
    /// What is judged, and which of the states it is, in ascending order, if that has been looked up.
    looked_up: Option<(&'a S::View, &'a [usize])>,
}

impl<'a, S: System + ?Sized> History<'a, S> {
    /// A history as a crash at this point sees it.
    pub fn new(ops: &'a [S::Op], states: &'a [S::View], window: Window) -> Self {
        History { ops, states, window, looked_up: None }
    }

    /// The same, to judge something that is known to equal just these states.
    pub(crate) fn knowing(mut self, view: &'a S::View, states: &'a [usize]) -> Self {
        self.looked_up = Some((view, states));
        self
    }

    /// The same, for a judge of another system with the same operations and views.
    pub fn of<T: System<Op = S::Op, View = S::View>>(&self) -> History<'a, T> {
        let History { ops, states, window, looked_up } = *self;
        History { ops, states, window, looked_up }
    }

    /// The states that a crash here may show if operations are lost only from the end.
    pub fn allowed(&self) -> &[S::View] {
        &self.states[self.window.durable..=self.window.begun]
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The promise: `recovers`, `well-formed`, `durable`, `atomic`, `prefix`, `no-foreign-data`, `idempotent`,
    /// `usable`, `no-leak`, …
    pub promise: String,
    /// What was seen instead, in a sentence.
    pub detail: String,
}

impl Violation {
    /// A broken promise, and what was seen instead.
    pub fn new(promise: &str, detail: impl Into<String>) -> Self {
        Violation { promise: promise.to_owned(), detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.detail)
    }
}

/// What recovery shows must equal the model after some prefix of the operations that holds every durable
/// acknowledgement.
///
/// # Errors
/// `durable` if it shows an earlier state than was promised, `atomic` if it shows a state that no prefix has.
pub fn prefix<S: System + ?Sized>(view: &S::View, history: &History<'_, S>) -> Result<(), Violation> {
    let Window { durable, begun } = history.window;
    let (allowed, older) = match history.looked_up {
        Some((known, states)) if std::ptr::eq(known, view) => {
            let (older, newer) = states.split_at(states.partition_point(|nth| *nth < durable));
            (newer.first().is_some_and(|nth| *nth <= begun), older.last().copied())
        }
        _ if history.allowed().contains(view) => (true, None),
        _ => (false, history.states[..durable].iter().rposition(|state| state == view)),
    };
    if allowed {
        return Ok(());
    }
    if let Some(older) = older {
        return Err(Violation::new(
            "durable",
            format!(
                "operation {durable} was acknowledged as durable, but recovery shows the state after {older}"
            ),
        ));
    }
    Err(Violation::new(
        "atomic",
        format!("recovery shows a state that no prefix of {durable} to {begun} operations gives"),
    ))
}

/// A judge of a system.
pub type Judge<S> = fn(&<S as System>::View, &History<'_, S>) -> Result<(), Violation>;

/// Everything that several judges demand.
///
/// # Errors
/// What the first one says that complains.
pub fn all_of<S: System>(
    judges: &[Judge<S>],
    view: &S::View,
    history: &History<'_, S>,
) -> Result<(), Violation> {
    judges.iter().try_for_each(|judge| judge(view, history))
}

/// Every key by itself must hold what it held in some state that the crash may show: for systems that promise nothing
/// about the order of operations on different keys.
///
/// # Errors
/// `durable` if a key lost what was promised, `no-resurrection` if one holds what was replaced or deleted for good,
/// `no-foreign-data` if one holds what it never held.
pub fn each_key<S, K, V>(view: &BTreeMap<K, V>, history: &History<'_, S>) -> Result<(), Violation>
where
    S: System<View = BTreeMap<K, V>> + ?Sized,
    K: Ord + fmt::Debug,
    V: Eq,
{
    // A key that is in neither is absent, as it is in the first of the states that are allowed.
    let promised = history.allowed().iter().take(1).flat_map(BTreeMap::keys);
    for key in view.keys().chain(promised).collect::<BTreeSet<_>>() {
        let held = view.get(key);
        if history.allowed().iter().any(|state| state.get(key) == held) {
            continue;
        }
        let before = history.states[..history.window.durable].iter().any(|state| state.get(key) == held);
        let (promise, what) = match (held, before) {
            (None, _) => ("durable", "is gone"),
            (Some(_), true) => ("no-resurrection", "holds what was replaced or deleted for good"),
            (Some(_), false) => ("no-foreign-data", "holds what it never held before the crash"),
        };
        return Err(Violation::new(promise, format!("a key {what}: {key:?}")));
    }
    Ok(())
}

/// The lines in which two views differ when they are printed, each with what stands in its place.
pub(crate) fn differing_lines<V: fmt::Debug>(expected: &V, recovered: &V) -> Vec<Difference> {
    let (expected, recovered) = (format!("{expected:#?}"), format!("{recovered:#?}"));
    let (expected, recovered): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), recovered.lines().collect());
    let differs = |(expected, recovered): &(&&str, &&str)| expected != recovered;
    let before = expected.iter().zip(&recovered).take_while(|pair| !differs(pair)).count();
    let most = expected.len().min(recovered.len()) - before;
    let pairs = expected.iter().rev().zip(recovered.iter().rev());
    let after = pairs.take_while(|pair| !differs(pair)).count().min(most);
    let (expected, recovered) =
        (&expected[before..expected.len() - after], &recovered[before..recovered.len() - after]);
    let line = |lines: &[&str], nth: usize| lines.get(nth).map(|line| line.trim().to_owned());
    let differences = (0..expected.len().max(recovered.len())).map(|nth| Difference {
        what: format!("line {}", before + nth + 1),
        expected: line(expected, nth),
        recovered: line(recovered, nth),
    });
    differences.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::system::{Ack, Result as SystemResult};
    use std::hash::Hash;
    use std::marker::PhantomData;

    /// Only for its types.
    struct Keys<K, V>(PhantomData<(K, V)>);

    impl<K, V> System for Keys<K, V>
    where
        K: Clone + fmt::Debug + Ord + Hash + Send + Sync,
        V: Clone + fmt::Debug + Eq + Hash + Send + Sync,
    {
        type Op = ();
        type Live = ();
        type View = BTreeMap<K, V>;

        fn open(&self, _: Disk) -> SystemResult<()> {
            Ok(())
        }

        fn apply(&self, (): &mut (), (): &()) -> SystemResult<Ack> {
            Ok(Ack::Durable)
        }

        fn view(&self, (): &mut ()) -> SystemResult<Self::View> {
            Ok(BTreeMap::new())
        }

        fn model(&self, _: &mut Self::View, (): &()) {}
    }

    type View = BTreeMap<&'static str, u8>;
    type Named = Keys<&'static str, u8>;

    /// a = 1, a = 2 and b = 1, without a; the second is durable, the third has begun.
    fn states() -> Vec<View> {
        vec![View::new(), View::from([("a", 1)]), View::from([("a", 2), ("b", 1)]), View::from([("b", 1)])]
    }

    fn broken(judge: Judge<Named>, view: &View) -> Option<String> {
        let window = Window { durable: 2, begun: 3 };
        let (ops, states) = ([(), (), ()], states());
        judge(view, &History::new(&ops, &states, window)).err().map(|violation| violation.promise)
    }

    #[test]
    fn a_prefix_is_allowed_from_the_durable_to_the_begun_operations() {
        let judged: Vec<_> = states().iter().map(|state| broken(prefix, state)).collect();
        let durable = Some("durable".to_owned());
        assert_eq!(judged, [durable.clone(), durable, None, None]);
        assert_eq!(broken(prefix, &View::from([("a", 2)])), Some("atomic".to_owned()));
    }

    #[test]
    fn each_key_may_be_at_an_operation_of_its_own() {
        assert_eq!(broken(each_key, &View::from([("a", 2), ("b", 1)])), None);
        assert_eq!(broken(each_key, &View::from([("b", 1)])), None);
        assert_eq!(broken(each_key, &View::from([("a", 2)])), Some("durable".to_owned()));
        assert_eq!(broken(each_key, &View::from([("a", 1), ("b", 1)])), Some("no-resurrection".to_owned()));
        assert_eq!(broken(each_key, &View::from([("a", 9), ("b", 1)])), Some("no-foreign-data".to_owned()));
        assert_eq!(broken(each_key, &View::from([("b", 1), ("c", 1)])), Some("no-foreign-data".to_owned()));
    }

    thread_local! {
        static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// A key that counts how often one is compared with another.
    #[derive(Clone, Debug, Eq)]
    struct Key(usize);

    impl PartialEq for Key {
        fn eq(&self, other: &Key) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    impl PartialOrd for Key {
        fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Key {
        fn cmp(&self, other: &Key) -> std::cmp::Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    /// So many operations on 32 keys, of which the last may be lost.
    fn comparisons(ops: usize) -> usize {
        let state = |nth: usize| (0..32.min(nth)).map(|key| (Key(key), nth - key)).collect();
        let states: Vec<BTreeMap<Key, usize>> = (0..=ops).map(state).collect();
        let window = Window { durable: ops - 1, begun: ops };
        let before = COMPARED.get();
        let unit = vec![(); ops];
        let history = History::<Keys<Key, usize>>::new(&unit, &states, window);
        assert_eq!(each_key(&states[ops], &history), Ok(()));
        COMPARED.get() - before
    }

    #[test]
    fn a_long_history_costs_no_more_than_a_short_one() {
        assert_eq!(comparisons(100), comparisons(1000));
    }

    /// What was looked up is judged as what is compared, and only if it is what is judged.
    #[test]
    fn a_state_that_was_looked_up_is_judged_as_one_that_is_compared() {
        let (ops, states) = ([(), (), ()], states());
        let mut seen: Vec<View> = states.clone();
        seen.extend([View::from([("a", 2)]), View::from([("c", 9)])]);
        for window in (0..=3).flat_map(|durable| (durable..=3).map(move |begun| Window { durable, begun })) {
            for view in &seen {
                let same = |nth: &usize| states[*nth] == *view;
                let known: Vec<usize> = (0..states.len()).filter(same).collect();
                let compared: History<'_, Named> = History::new(&ops, &states, window);
                let expected = prefix(view, &compared);
                let looked_up = History::<Named>::new(&ops, &states, window).knowing(view, &known);
                assert_eq!(prefix(view, &looked_up), expected, "{view:?} in {window:?}");
                assert_eq!(prefix(&view.clone(), &looked_up), expected, "another value");
            }
        }
    }

    #[test]
    fn prefix_compares_nothing_that_was_looked_up() {
        let states: Vec<BTreeMap<Key, usize>> =
            (0..1000).map(|nth| BTreeMap::from([(Key(nth), nth)])).collect();
        let ops = vec![(); 999];
        let window = Window { durable: 0, begun: 999 };
        let before = COMPARED.get();
        let history = History::<Keys<Key, usize>>::new(&ops, &states, window).knowing(&states[500], &[500]);
        assert_eq!(prefix(&states[500], &history), Ok(()));
        assert_eq!(COMPARED.get(), before);
    }

    #[test]
    fn judges_compose() {
        let both: Judge<Named> = |view, history| all_of::<Named>(&[each_key, prefix], view, history);
        assert_eq!(broken(both, &View::from([("b", 1)])), None);
        assert_eq!(broken(both, &View::from([("a", 1)])), Some("no-resurrection".to_owned()));
        assert_eq!(broken(both, &View::new()), Some("durable".to_owned()));
    }

    #[test]
    fn only_the_lines_that_differ_are_told() {
        let expected = vec![1, 2, 3, 4];
        let told = |recovered: &[i32]| {
            let differences = differing_lines(&expected, &recovered.to_vec());
            let texts = differences
                .into_iter()
                .map(|it| (it.expected.unwrap_or_default(), it.recovered.unwrap_or_default()));
            texts.collect::<Vec<_>>()
        };
        let pair = |expected: &str, recovered: &str| (expected.to_owned(), recovered.to_owned());
        assert_eq!(told(&[1, 2, 3, 4]), []);
        assert_eq!(told(&[1, 9, 3, 4]), [pair("2,", "9,")]);
        assert_eq!(told(&[1, 2, 4]), [pair("3,", "")]);
        assert_eq!(told(&[1, 2, 3, 3, 4]), [pair("", "3,")]);
    }
}
