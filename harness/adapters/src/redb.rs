//! [redb], an embedded database of one file, on the recording disk.
//!
//! The file is a device in blocks of one byte, so its length is state: a crash may undo a growth of the file and keep a
//! write that came after it. An operation is a whole transaction, because that is what redb promises to keep or to undo.
//!
//! ```
//! use crashcheck::explore;
//! use crashcheck_adapters::redb::Redb;
//! use crashcheck_adapters::table::{Step, delete, put};
//!
//! let steps = [Step::Later(vec![put(1, 5000, 7), put(2, 30, 8)]), Step::Commit(vec![delete(1)]), Step::Compact];
//! explore(Redb::default()).workload(steps).check();
//! ```
//!
//! [redb]: https://www.redb.org

use super::engine::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};
use super::table::{self, Change, Seen, Step, View, delete, put};
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Bytes, Device, Disk, DiskError, Reference, Result, System, UnknownBug, Workload,
};
use std::collections::BTreeMap;
use std::fmt;
use std::io;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("table");

/// Small, so that opening a crash state costs little. It holds every workload here, as redb's own default of 1 GiB does:
/// nothing is written before its transaction commits.
const CACHE: usize = 64 << 20;

/// What does not fit into a new file, whatever else is in it: 1 MiB.
const GROWTH: u32 = 1 << 20;

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

impl System for Redb {
    type Op = Step;
    type Live = Database;
    type View = View;

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

    fn apply(&self, database: &mut Database, step: &Step) -> Result<Ack> {
        match step {
            Step::Commit(changes) => {
                commit(database, Durability::Immediate, changes)?;
                Ok(Ack::Durable)
            }
            Step::Later(changes) => {
                commit(database, Durability::None, changes)?;
                Ok(Ack::Volatile)
            }
            // It commits what was committed without durability before it does anything.
            Step::Compact => {
                database.compact()?;
                Ok(Ack::Durable)
            }
            Step::Checkpoint => Ok(Ack::Refused),
        }
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

    fn model(&self, view: &mut View, step: &Step) {
        table::model(view, step);
    }

    fn simpler(&self, step: &Step) -> Vec<Step> {
        table::simpler(step, GROWTH)
    }

    fn differences(&self, expected: &View, recovered: &View) -> Vec<Difference> {
        table::differences(expected, recovered)
    }

    fn check(&self, database: &mut Database) -> Result<()> {
        if database.check_integrity()? {
            return Ok(());
        }
        Err("redb's check_integrity found damage that open had not repaired".into())
    }

    fn probe(&self, _view: &View) -> Vec<Step> {
        table::probe()
    }
}

fn commit(database: &Database, durability: Durability, changes: &[Change]) -> Result<()> {
    let mut write = database.begin_write()?;
    write.set_durability(durability)?;
    let mut table = write.open_table(TABLE)?;
    for change in changes {
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
    Ok(write.commit()?)
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

    fn workloads() -> Vec<Workload<Step>> {
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
            Workload {
                name: "compact",
                about: "values that are deleted, then the file is made as small as it can be",
                setup: Vec::new(),
                ops: compact(),
            },
        ]
    }

    fn generated(seed: u64) -> Vec<Step> {
        table::generated(seed, vec![Step::Compact], true)
    }
}

fn growth() -> Vec<Step> {
    let mut ops = vec![Step::Commit(vec![put(1, 100, 1), put(2, 3000, 2)])];
    for round in 0..4_u16 {
        let values =
            (0..8_u16).map(|n| put(10 + 8 * round + n, 20_000 + 5000 * u32::from(n), u32::from(round)));
        ops.push(Step::Commit(values.collect()));
    }
    ops.push(Step::Commit((10..18).map(delete).collect()));
    ops.push(Step::Later(vec![put(1, 60_000, 5)]));
    ops.push(Step::Commit(vec![put(3, 90_000, 6), delete(2)]));
    ops
}

fn small() -> Vec<Step> {
    vec![
        Step::Commit(vec![put(1, 10, 1)]),
        Step::Commit(vec![put(2, 700, 2), put(3, 3, 3)]),
        Step::Later(vec![put(1, 20, 4)]),
        Step::Later(vec![delete(3), put(4, 4000, 5)]),
        Step::Commit(vec![put(5, 0, 6)]),
        Step::Commit(vec![delete(1), delete(2)]),
        Step::Later(vec![put(1, 30, 7)]),
    ]
}

fn compact() -> Vec<Step> {
    vec![
        Step::Commit((0..12).map(|key| put(key, 30_000, u32::from(key))).collect()),
        Step::Commit((0..11).map(delete).collect()),
        Step::Later(vec![put(20, 100, 1)]),
        Step::Compact,
        Step::Commit(vec![put(21, 5000, 2)]),
    ]
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
