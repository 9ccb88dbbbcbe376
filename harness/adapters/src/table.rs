//! What the engines have in common: a table of keys and values, steps that change it, and what should be in it then.

use crashcheck::Bytes;
use crashcheck::outcome::Difference;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::{Union, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One step of a workload. An engine that does not have it refuses it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// A transaction of these changes, whose commit is durable when it returns, if the engine promises it.
    Commit(Vec<Change>),
    /// One that may be lost until a later one is durable.
    Later(Vec<Change>),
    /// What is in a log goes where it belongs.
    Checkpoint,
    /// The file becomes as small as it can be.
    Compact,
}

/// One change to the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// Sets a key.
    Put {
        /// Which.
        key: u16,
        /// What.
        value: Value,
    },
    /// Removes a key, if it is there.
    Delete {
        /// Which.
        key: u16,
    },
}

/// A value, told by its length and the seed that its bytes are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Value {
    /// How many bytes.
    pub len: u32,
    /// Equal seeds give equal bytes.
    pub seed: u32,
}

impl Value {
    /// The bytes themselves. They do not repeat within a value and do not compress.
    pub fn bytes(self) -> Vec<u8> {
        let mut state = u64::from(self.seed) << 32 | u64::from(self.len);
        let mut bytes = Vec::with_capacity(self.len as usize + 8);
        while bytes.len() < self.len as usize {
            // One step of splitmix64 (Steele, Lea, Flood 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
        }
        bytes.truncate(self.len as usize);
        bytes
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (changes, end) = match self {
            Step::Commit(changes) => (changes, "commit"),
            Step::Later(changes) => (changes, "commit without durability"),
            Step::Checkpoint => return f.write_str("checkpoint"),
            Step::Compact => return f.write_str("compact"),
        };
        for change in changes {
            match change {
                Change::Put { key, value } => {
                    write!(f, "put {key} ({} bytes, seed {}); ", value.len, value.seed)?;
                }
                Change::Delete { key } => write!(f, "delete {key}; ")?,
            }
        }
        f.write_str(end)
    }
}

/// What a reader of the table finds under a key: enough to tell two values apart, and short in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// How many bytes the value has.
    pub len: Bytes,
    /// A hash of them.
    pub hash: u64,
}

impl Seen {
    /// What is seen of a value.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Seen { len: Bytes::of(bytes.len()), hash: hasher.finish() }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes with the hash {:08x}", self.len.0, self.hash >> 32)
    }
}

/// What a reader of the table finds, by the bytes of the key.
pub type View = BTreeMap<Vec<u8>, Seen>;

/// What a step does to the table.
pub fn model(view: &mut View, step: &Step) {
    let changes = match step {
        Step::Commit(changes) | Step::Later(changes) => changes,
        Step::Checkpoint | Step::Compact => return,
    };
    for change in changes {
        match change {
            Change::Put { key, value } => {
                view.insert(key.to_be_bytes().to_vec(), Seen::of(&value.bytes()));
            }
            Change::Delete { key } => {
                view.remove(key.to_be_bytes().as_slice());
            }
        }
    }
}

/// In which keys two tables differ.
pub fn differences(expected: &View, recovered: &View) -> Vec<Difference> {
    let keys: BTreeSet<&Vec<u8>> = expected.keys().chain(recovered.keys()).collect();
    let differing = keys.into_iter().filter(|key| expected.get(*key) != recovered.get(*key));
    let difference = |key: &Vec<u8>| Difference {
        what: key_in_words(key),
        expected: expected.get(key).map(Seen::to_string),
        recovered: recovered.get(key).map(Seen::to_string),
    };
    differing.map(difference).collect()
}

/// A key as the workloads write it.
fn key_in_words(key: &[u8]) -> String {
    match <[u8; 2]>::try_from(key) {
        Ok(number) => format!("key {}", u16::from_be_bytes(number)),
        Err(_) => format!("key {key:02x?}"),
    }
}

/// Lengths that values are tried to be shortened to.
const SHORTER: [u32; 4] = [0, 1, 1000, 10_000];

/// Simpler steps, the simplest first: a single change of one byte, one of `growth` bytes, for which a new file of the engine has to
/// grow, half of the changes, one change less, a shorter value, the first key, the plainest bytes.
pub fn simpler(step: &Step, growth: u32) -> Vec<Step> {
    match step {
        Step::Commit(changes) => simpler_changes(changes, growth).into_iter().map(Step::Commit).collect(),
        Step::Later(changes) => simpler_changes(changes, growth).into_iter().map(Step::Later).collect(),
        Step::Checkpoint | Step::Compact => Vec::new(),
    }
}

fn simpler_changes(changes: &[Change], growth: u32) -> Vec<Vec<Change>> {
    let mut simpler = Vec::new();
    let (first, second) = changes.split_at(changes.len() / 2);
    if changes.len() > 1 {
        let put = |len| vec![Change::Put { key: 0, value: Value { len, seed: 0 } }];
        simpler.extend([put(1), put(growth)]);
        simpler.extend([first, second].map(<[Change]>::to_vec));
    }
    if changes.len() > 2 {
        simpler.extend((0..changes.len()).map(|left_out| {
            let mut fewer = changes.to_vec();
            fewer.remove(left_out);
            fewer
        }));
    }
    for (index, change) in changes.iter().enumerate() {
        simpler.extend(simpler_change(change, growth).into_iter().map(|change| {
            let mut changed = changes.to_vec();
            changed[index] = change;
            changed
        }));
    }
    simpler
}

fn simpler_change(change: &Change, growth: u32) -> Vec<Change> {
    match *change {
        Change::Put { key, value: Value { len, seed } } => {
            let put = |key, len, seed| Change::Put { key, value: Value { len, seed } };
            // With less, the file grows only after others.
            let shortest = if len == growth { growth } else { 0 };
            let shorter = SHORTER.into_iter().chain([len / 2]).collect::<BTreeSet<u32>>().into_iter();
            let mut simpler: Vec<Change> = shorter
                .filter(|shorter| (shortest..len).contains(shorter))
                .map(|len| put(key, len, seed))
                .collect();
            simpler.extend((key > 0).then(|| put(0, len, seed)));
            simpler.extend((seed > 0).then(|| put(key, len, 0)));
            simpler
        }
        Change::Delete { key } => (key > 0).then_some(Change::Delete { key: 0 }).into_iter().collect(),
    }
}

/// What must work after every recovery.
pub fn probe() -> Vec<Step> {
    vec![Step::Commit(vec![put(0, 100, u32::MAX)]), Step::Commit(vec![put(1, 20_000, u32::MAX), delete(0)])]
}

/// A workload made from a seed: transactions of a few changes to a few keys, with values up to 60,000 bytes, and sometimes one of
/// these other steps.
pub fn generated(seed: u64, others: Vec<Step>, without_durability: bool) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut kinds = vec![(6, any_changes().prop_map(Step::Commit).boxed())];
    if without_durability {
        kinds.push((2, any_changes().prop_map(Step::Later).boxed()));
    }
    kinds.extend(others.into_iter().map(|step| (1, Just(step).boxed())));
    let steps = proptest::collection::vec(Union::new_weighted(kinds), 4..=12);
    // Nothing of this strategy rejects what it draws.
    steps.new_tree(&mut runner).expect("a workload").current()
}

fn any_changes() -> impl Strategy<Value = Vec<Change>> {
    let len = prop_oneof![3 => 0..200_u32, 2 => 200..5000_u32, 1 => 5000..60_000_u32];
    let value = (len, any::<u32>()).prop_map(|(len, seed)| Value { len, seed });
    let change = prop_oneof![
        3 => (0..12_u16, value).prop_map(|(key, value)| Change::Put { key, value }),
        1 => (0..12_u16).prop_map(|key| Change::Delete { key }),
    ];
    proptest::collection::vec(change, 1..6)
}

/// Sets a key to a value of so many bytes.
pub fn put(key: u16, len: u32, seed: u32) -> Change {
    Change::Put { key, value: Value { len, seed } }
}

/// Removes a key.
pub fn delete(key: u16) -> Change {
    Change::Delete { key }
}
