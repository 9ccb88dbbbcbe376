//! Workloads made of other ones: operations inserted, removed, swapped and repeated, their arguments exchanged, two
//! workloads spliced. The last operation, which makes all durable, stays.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// No workload gets longer by it than this, unless it is so already: what a long one takes is better spent on several.
const LONGEST: usize = 40;

/// At most so many operations are inserted, removed or repeated at once.
const RUN: usize = 4;

/// At most so many changes are made at once.
const CHANGES: usize = 4;

/// A sequence of numbers that looks random, the same on every machine.
pub(super) struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number (splitmix64).
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the bound; 0 if that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }

    /// Where a run of a few begins and ends in a list of so many.
    fn run(&mut self, of: usize) -> (usize, usize) {
        let from = self.below(of);
        (from, (from + 1 + self.below(RUN)).min(of))
    }
}

/// The operations after a few random changes. `generated` says what a seed gives.
pub(super) fn mutated<T>(mut ops: Vec<T>, random: &mut Random, generated: &dyn Fn(u64) -> Vec<T>) -> Vec<T>
where
    T: Clone + Serialize + DeserializeOwned,
{
    let Some(last) = ops.pop() else { return ops };
    for _ in 0..=random.below(CHANGES) {
        match random.below(5) {
            0 => insert(&mut ops, random, generated),
            1 => remove(&mut ops, random),
            2 => swap(&mut ops, random),
            3 => repeat(&mut ops, random),
            _ => exchange(&mut ops, random),
        }
    }
    ops.push(last);
    ops
}

/// The beginning of one list of operations and the end of another one.
pub(super) fn spliced<T: Clone>(first: &[T], second: &[T], random: &mut Random) -> Vec<T> {
    let kept = 1 + random.below(first.len());
    let head = &first[..kept.min(first.len())];
    let longest = LONGEST.saturating_sub(head.len()).max(1);
    let from = random.below(second.len()).max(second.len().saturating_sub(longest));
    [head, &second[from..]].concat()
}

/// Inserts a few operations of another workload.
fn insert<T: Clone>(ops: &mut Vec<T>, random: &mut Random, generated: &dyn Fn(u64) -> Vec<T>) {
    let others = generated(random.number());
    let (from, to) = random.run(others.len());
    put_in(ops, random.below(ops.len() + 1), others[from..to].to_vec());
}

/// Removes a few operations.
fn remove<T>(ops: &mut Vec<T>, random: &mut Random) {
    let (from, to) = random.run(ops.len());
    ops.drain(from..to);
}

/// Swaps two operations.
fn swap<T>(ops: &mut [T], random: &mut Random) {
    if !ops.is_empty() {
        ops.swap(random.below(ops.len()), random.below(ops.len()));
    }
}

/// Does a few operations once more, later or earlier.
fn repeat<T: Clone>(ops: &mut Vec<T>, random: &mut Random) {
    let (from, to) = random.run(ops.len());
    let again = ops[from..to].to_vec();
    put_in(ops, random.below(ops.len() + 1), again);
}

fn put_in<T>(ops: &mut Vec<T>, at: usize, more: Vec<T>) {
    if ops.len() + more.len() < LONGEST {
        ops.splice(at..at, more);
    }
}

/// Gives an operation an argument that another one has.
fn exchange<T: Serialize + DeserializeOwned>(ops: &mut [T], random: &mut Random) {
    let all: Vec<Value> = ops.iter().map(|op| serde_json::to_value(op).unwrap_or_default()).collect();
    let nth = random.below(ops.len());
    let Some(mut changed) = all.get(nth).cloned() else { return };
    let places = arguments(&changed);
    if places.is_empty() {
        return;
    }
    let place = &places[random.below(places.len())];
    let alike = |value: &Value| arguments(value).into_iter().filter(|other| other.kind == place.kind);
    let mut others: Vec<Value> = all.iter().flat_map(alike).map(|other| other.value).collect();
    others.retain(|other| *other != place.value);
    let other = random.below(others.len());
    let given = changed.pointer_mut(&place.at).zip(others.into_iter().nth(other));
    if let Some((argument, other)) = given {
        *argument = other;
        // What the type refuses is no operation.
        if let Ok(op) = serde_json::from_value(changed) {
            ops[nth] = op;
        }
    }
}

/// An argument of an operation that is written as JSON.
struct Argument {
    /// Where it stands, as a JSON pointer.
    at: String,
    /// Those of a kind can stand for each other: texts, and numbers in the same place.
    kind: String,
    value: Value,
}

/// The arguments of an operation; the name of one that has none is not among them.
fn arguments(op: &Value) -> Vec<Argument> {
    let mut found = Vec::new();
    if op.is_object() || op.is_array() {
        collect(op, String::new(), "", &mut found);
    }
    found
}

fn collect(value: &Value, at: String, kind: &str, found: &mut Vec<Argument>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(_) => {
            found.push(Argument { at, kind: "text".to_owned(), value: value.clone() });
        }
        Value::Number(_) => found.push(Argument { at, kind: format!("number {kind}"), value: value.clone() }),
        Value::Array(values) => {
            for (nth, value) in values.iter().enumerate() {
                collect(value, format!("{at}/{nth}"), &format!("{kind}/{nth}"), found);
            }
        }
        Value::Object(values) => {
            for (key, value) in values {
                let place = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{place}"), key, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Op {
        Make(String),
        Write { name: String, at: u8, len: u8 },
        Sync,
    }

    fn write(name: &str, at: u8, len: u8) -> Op {
        Op::Write { name: name.to_owned(), at, len }
    }

    fn generated(seed: u64) -> Vec<Op> {
        let nth = (seed % 50) as u8;
        vec![Op::Make("a".to_owned()), write("b", nth, nth + 100), Op::Sync]
    }

    #[test]
    fn arguments_of_a_kind_are_exchanged() {
        let ops = [Op::Make("a".to_owned()), write("b", 1, 100), write("c", 2, 101), Op::Sync];
        let mut made = BTreeSet::new();
        for by in 0..500 {
            let mut ops = ops.clone();
            exchange(&mut ops, &mut Random::new(by));
            made.extend(ops);
        }
        let expected = [
            Op::Make("a".to_owned()),
            Op::Make("b".to_owned()),
            Op::Make("c".to_owned()),
            write("a", 1, 100),
            write("b", 1, 100),
            write("b", 1, 101),
            write("b", 2, 100),
            write("c", 1, 101),
            write("c", 2, 100),
            write("c", 2, 101),
            write("a", 2, 101),
            write("b", 2, 101),
            write("c", 1, 100),
            Op::Sync,
        ];
        let possible: BTreeSet<Op> = expected.into();
        assert!(made.is_subset(&possible), "{:?}", made.difference(&possible));
        assert!(made.len() >= 12, "{made:?}");
    }

    #[test]
    fn every_kind_of_change_is_made() {
        let ops: Vec<Op> = (0..6).flat_map(|nth| [write("a", nth, nth), write("b", nth, 9)]).collect();
        let (mut shorter, mut longer, mut same) = (0, 0, 0);
        for by in 0..200 {
            let made = mutated(ops.clone(), &mut Random::new(by), &generated);
            match made.len().cmp(&ops.len()) {
                std::cmp::Ordering::Less => shorter += 1,
                std::cmp::Ordering::Greater => longer += 1,
                std::cmp::Ordering::Equal => same += 1,
            }
        }
        assert!(shorter > 20 && longer > 20 && same > 20, "{shorter} {longer} {same}");
    }

    proptest! {
        #[test]
        fn the_last_operation_stays_and_no_workload_grows_without_end(
            lens in (0..140usize, 0..140usize), numbers in prop::collection::vec(any::<u64>(), 1..20)
        ) {
            let of = |len: usize| -> Vec<Op> { (0..len).map(|nth| write("a", nth as u8, 0)).chain([Op::Sync]).collect() };
            let (mut ops, other) = (of(lens.0), of(lens.1));
            for number in numbers {
                ops = mutated(ops, &mut Random::new(number), &generated);
                prop_assert_eq!(ops.last(), Some(&Op::Sync));
                ops = spliced(&ops, &other, &mut Random::new(number));
                prop_assert_eq!(ops.last(), Some(&Op::Sync));
            }
            prop_assert!(ops.len() <= LONGEST.max(lens.0 + 1) + 1, "{}", ops.len());
        }

        #[test]
        fn nothing_at_all_can_be_mutated(number: u64) {
            prop_assert_eq!(mutated(Vec::<Op>::new(), &mut Random::new(number), &generated), []);
            prop_assert_eq!(spliced::<Op>(&[], &[], &mut Random::new(number)), []);
        }
    }
}
