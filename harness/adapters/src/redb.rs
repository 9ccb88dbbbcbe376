//! [redb], an embedded database of one file, on the recording disk.
//!
//! The file is a device in blocks of one byte, so its length is state: a crash may undo a growth of the file and keep a
//! write that came after it. An operation is a whole transaction, because that is what redb promises to keep or to undo.
//!
//! [redb]: https://www.redb.org

use super::engine::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Bytes, Device, Disk, DiskError, Reference, Result, System, UnknownBug, Workload,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("table");

/// Small, so that opening a crash state costs little. It holds every workload here, as redb's own default of 1 GiB does:
/// nothing is written before its transaction commits.
const CACHE: usize = 64 << 20;

/// redb on one file.
#[derive(Clone, Debug)]
pub struct Redb {
    name: String,
}

impl Redb {
    /// The system under another name than `redb`, for a comparison of versions: `redb@4.1.0`.
    pub fn named(name: &str) -> Self {
        Redb { name: name.to_owned() }
    }
}

impl Default for Redb {
    fn default() -> Self {
        Redb::named("redb")
    }
}

/// A transaction.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transaction {
    /// What it does, in this order.
    pub changes: Vec<Change>,
    /// Whether its commit is durable on return (`Durability::Immediate`) or not (`Durability::None`).
    pub durable: bool,
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

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            match change {
                Change::Put { key, value } => {
                    write!(f, "put {key} ({} bytes, seed {}); ", value.len, value.seed)?;
                }
                Change::Delete { key } => write!(f, "delete {key}; ")?,
            }
        }
        f.write_str(if self.durable { "commit" } else { "commit without durability" })
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
    fn of(bytes: &[u8]) -> Self {
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

/// Lengths that values are tried to be shortened to.
const SHORTER: [u32; 4] = [0, 1, 1000, 10_000];

/// What does not fit into a new file of redb, whatever else is in it: 1 MiB. The file has to grow.
const GROWTH: u32 = 1 << 20;

/// Simpler transactions, the simplest first: a single change of one byte, one for which the file grows, half of the changes,
/// one change less, a shorter value, the first key, the plainest bytes.
fn simpler(transaction: &Transaction) -> Vec<Transaction> {
    let Transaction { changes, durable } = transaction;
    let with = |changes: Vec<Change>| Transaction { changes, durable: *durable };
    let mut simpler = Vec::new();
    let (first, second) = changes.split_at(changes.len() / 2);
    if changes.len() > 1 {
        let put = |len| with(vec![Change::Put { key: 0, value: Value { len, seed: 0 } }]);
        simpler.extend([put(1), put(GROWTH)]);
        simpler.extend([first, second].map(|half| with(half.to_vec())));
    }
    if changes.len() > 2 {
        simpler.extend((0..changes.len()).map(|left_out| {
            let mut fewer = changes.clone();
            fewer.remove(left_out);
            with(fewer)
        }));
    }
    for (index, change) in changes.iter().enumerate() {
        simpler.extend(simpler_changes(change).into_iter().map(|change| {
            let mut changed = changes.clone();
            changed[index] = change;
            with(changed)
        }));
    }
    simpler
}

fn simpler_changes(change: &Change) -> Vec<Change> {
    match *change {
        Change::Put { key, value: Value { len, seed } } => {
            let put = |key, len, seed| Change::Put { key, value: Value { len, seed } };
            // With less, the file grows only after others.
            let shortest = if len == GROWTH { GROWTH } else { 0 };
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

/// A key as the workloads write it.
fn key_in_words(key: &[u8]) -> String {
    match <[u8; 2]>::try_from(key) {
        Ok(number) => format!("key {}", u16::from_be_bytes(number)),
        Err(_) => format!("key {key:02x?}"),
    }
}

impl System for Redb {
    type Op = Transaction;
    type Live = Database;
    type View = BTreeMap<Vec<u8>, Seen>;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("file", Bytes(1), Bytes::ZERO)]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        // What is created here is closed again, so the first open has nothing to repair.
        self.open(disk.clone()).map(drop)
    }

    fn open(&self, disk: Disk) -> Result<Database> {
        Ok(Builder::new().set_cache_size(CACHE).create_with_backend(Backend::new(disk))?)
    }

    fn apply(&self, database: &mut Database, transaction: &Transaction) -> Result<Ack> {
        let durability = if transaction.durable { Durability::Immediate } else { Durability::None };
        let mut write = database.begin_write()?;
        write.set_durability(durability)?;
        let mut table = write.open_table(TABLE)?;
        for change in &transaction.changes {
            match change {
                Change::Put { key, value } => {
                    table.insert(key.to_be_bytes().as_slice(), value.bytes().as_slice())?;
                }
                Change::Delete { key } => {
                    table.remove(key.to_be_bytes().as_slice())?;
                }
            }
        }
        drop(table);
        write.commit()?;
        Ok(if transaction.durable { Ack::Durable } else { Ack::Volatile })
    }

    fn view(&self, database: &mut Database) -> Result<Self::View> {
        let read = database.begin_read()?;
        // The table comes into being with the first transaction.
        if read.list_tables()?.next().is_none() {
            return Ok(BTreeMap::new());
        }
        let mut view = BTreeMap::new();
        for entry in read.open_table(TABLE)?.iter()? {
            let (key, value) = entry?;
            view.insert(key.value().to_vec(), Seen::of(value.value()));
        }
        Ok(view)
    }

    fn model(&self, view: &mut Self::View, transaction: &Transaction) {
        for change in &transaction.changes {
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

    fn simpler(&self, transaction: &Transaction) -> Vec<Transaction> {
        simpler(transaction)
    }

    fn differences(&self, expected: &Self::View, recovered: &Self::View) -> Vec<Difference> {
        let keys: BTreeSet<&Vec<u8>> = expected.keys().chain(recovered.keys()).collect();
        let differing = keys.into_iter().filter(|key| expected.get(*key) != recovered.get(*key));
        let difference = |key: &Vec<u8>| Difference {
            what: key_in_words(key),
            expected: expected.get(key).map(Seen::to_string),
            recovered: recovered.get(key).map(Seen::to_string),
        };
        differing.map(difference).collect()
    }

    fn check(&self, database: &mut Database) -> Result<()> {
        if database.check_integrity()? {
            return Ok(());
        }
        Err("redb's check_integrity found damage that open had not repaired".into())
    }

    fn probe(&self, _view: &Self::View) -> Vec<Transaction> {
        vec![commit(vec![put(0, 100, u32::MAX)]), commit(vec![put(1, 20_000, u32::MAX), delete(0)])]
    }
}

impl Reference for Redb {
    const NAME: &'static str = "redb";
    const ABOUT: &'static str =
        "the embedded database redb, a B-tree with two root slots, through its storage backend";
    const MEDIUM: &'static str = "block";
    const BUGS: &'static [BugSwitch] = &[];

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        match bugs.first() {
            None => Ok(Redb::default()),
            Some(name) => Err(UnknownBug {
                system: Self::NAME.to_owned(),
                name: name.clone(),
                known: "none".to_owned(),
            }),
        }
    }

    fn workloads() -> Vec<Workload<Transaction>> {
        vec![
            Workload {
                name: "growth",
                about: "values of tens of KiB until the file has grown several times, then deletes and reuse",
                setup: Vec::new(),
                ops: growth(),
            },
            Workload {
                name: "small",
                about: "small values, replaced and deleted, some commits without durability",
                setup: Vec::new(),
                ops: small(),
            },
        ]
    }

    fn generated(seed: u64) -> Vec<Transaction> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let transactions = proptest::collection::vec(any_transaction(), 4..=12);
        // Nothing of this strategy rejects what it draws.
        transactions.new_tree(&mut runner).expect("a workload").current()
    }
}

/// Any transaction of a few changes to a few keys, with values up to 60,000 bytes.
pub fn any_transaction() -> impl Strategy<Value = Transaction> {
    let len = prop_oneof![3 => 0..200_u32, 2 => 200..5000_u32, 1 => 5000..60_000_u32];
    let value = (len, any::<u32>()).prop_map(|(len, seed)| Value { len, seed });
    let change = prop_oneof![
        3 => (0..12_u16, value).prop_map(|(key, value)| Change::Put { key, value }),
        1 => (0..12_u16).prop_map(|key| Change::Delete { key }),
    ];
    let durable = prop_oneof![3 => Just(true), 1 => Just(false)];
    (proptest::collection::vec(change, 1..6), durable)
        .prop_map(|(changes, durable)| Transaction { changes, durable })
}

fn growth() -> Vec<Transaction> {
    let mut ops = vec![commit(vec![put(1, 100, 1), put(2, 3000, 2)])];
    for round in 0..4_u16 {
        let values =
            (0..8_u16).map(|n| put(10 + 8 * round + n, 20_000 + 5000 * u32::from(n), u32::from(round)));
        ops.push(commit(values.collect()));
    }
    ops.push(commit((10..18).map(delete).collect()));
    ops.push(later(vec![put(1, 60_000, 5)]));
    ops.push(commit(vec![put(3, 90_000, 6), delete(2)]));
    ops
}

fn small() -> Vec<Transaction> {
    vec![
        commit(vec![put(1, 10, 1)]),
        commit(vec![put(2, 700, 2), put(3, 3, 3)]),
        later(vec![put(1, 20, 4)]),
        later(vec![delete(3), put(4, 4000, 5)]),
        commit(vec![put(5, 0, 6)]),
        commit(vec![delete(1), delete(2)]),
        later(vec![put(1, 30, 7)]),
    ]
}

fn commit(changes: Vec<Change>) -> Transaction {
    Transaction { changes, durable: true }
}

fn later(changes: Vec<Change>) -> Transaction {
    Transaction { changes, durable: false }
}

fn put(key: u16, len: u32, seed: u32) -> Change {
    Change::Put { key, value: Value { len, seed } }
}

fn delete(key: u16) -> Change {
    Change::Delete { key }
}

/// The file that redb is given. Its first page begins with the header, which holds the two commit slots; every other page
/// is part of a tree or of the allocator, which only its content could tell.
pub struct Backend {
    disk: Disk,
    header: Disk,
    page: Disk,
}

/// The header and what is left free behind it: one page, whose length is fixed in redb's format.
const HEADER: u64 = 4096;

impl Backend {
    /// A file on a device whose length is state.
    pub fn new(disk: Disk) -> Self {
        Backend { header: disk.labelled("header"), page: disk.labelled("page"), disk }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backend")
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.len().map_err(as_io)?.0)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(Bytes(offset), out).map_err(as_io)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.resize(Bytes(len)).map_err(as_io)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.flush().map_err(as_io)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let file = if offset < HEADER { &self.header } else { &self.page };
        file.write(Bytes(offset), data).map_err(as_io)
    }
}

fn as_io(error: DiskError) -> io::Error {
    let kind = match error {
        DiskError::OutOfRange { .. } => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
