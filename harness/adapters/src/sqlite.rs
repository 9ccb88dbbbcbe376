//! [SQLite], with its files in a tree of files that crashes: [`crashcheck_sqlite_vfs`].
//!
//! What a commit promises is for two pragmas to say, `journal_mode` and `synchronous`. [`Sqlite`] has the modes with what is
//! needed for a commit to be durable; its bug switches set `synchronous` to less, and go on promising the same.
//!
//! ```
//! use crashcheck::explore;
//! use crashcheck_adapters::sqlite::{Sqlite, Wal};
//! use crashcheck_adapters::table::{Step, delete, put};
//!
//! let steps = [Step::Commit(vec![put(1, 5000, 7), put(2, 30, 8)]), Step::Checkpoint, Step::Commit(vec![delete(1)]), Step::Compact];
//! explore(Sqlite::<Wal>::default()).workload(steps).check();
//! ```
//!
//! [SQLite]: https://www.sqlite.org/pragma.html#pragma_synchronous

use crate::table::{self, Change, Seen, Step, View, delete, put};
use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BugSwitch, Device, Disk, Reference, Result, Subject, System, UnknownBug, Workload, fs,
};
use rusqlite::{Connection, OpenFlags};
use std::marker::PhantomData;

/// The file; SQLite names the others after it.
const FILE: &str = "db";

/// What does not fit into the pages that there are: some more of 4 KiB.
const GROWTH: u32 = 20_000;

/// Makes the table.
pub const TABLE: &str = "CREATE TABLE kv(key INTEGER PRIMARY KEY, value BLOB NOT NULL)";

/// SQLite with a journal of some mode.
#[derive(Clone, Debug)]
pub struct Sqlite<J> {
    synchronous: &'static str,
    mode: PhantomData<J>,
}

/// How SQLite undoes what has not been committed.
pub trait JournalMode: Send + Sync + 'static {
    /// What the system is called.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// `PRAGMA journal_mode`.
    const MODE: &'static str;
    /// `PRAGMA synchronous`: the least with which a commit is durable on return.
    const SYNCHRONOUS: &'static str;
    /// What is less than that.
    const LESS: &'static [BugSwitch];
}

/// A rollback journal, which is deleted by a commit.
#[derive(Clone, Copy, Debug)]
pub struct Delete;

/// A write-ahead log.
#[derive(Clone, Copy, Debug)]
pub struct Wal;

/// `synchronous` at less than what is needed.
const fn less(name: &'static str, about: &'static str, breaks: &'static [&'static str]) -> BugSwitch {
    BugSwitch { name, about, breaks, checks: &[], workload: "compact", profile: "posix", lives: 1 }
}

const OFF: BugSwitch = less(
    "off",
    "synchronous = OFF: nothing is synced, so that a crash may leave anything",
    &["durable", "recovers", "well-formed"],
);

impl JournalMode for Delete {
    const NAME: &'static str = "sqlite";
    const ABOUT: &'static str =
        "SQLite with a rollback journal (journal_mode = DELETE) and synchronous = EXTRA, through a VFS";
    const MODE: &'static str = "DELETE";
    const SYNCHRONOUS: &'static str = "EXTRA";
    const LESS: &'static [BugSwitch] = &[
        less(
            "full",
            "synchronous = FULL: the directory is not synced after a commit has deleted the journal, which may come back and undo it",
            &["durable", "well-formed"],
        ),
        OFF,
    ];
}

impl JournalMode for Wal {
    const NAME: &'static str = "sqlite-wal";
    const ABOUT: &'static str =
        "SQLite with a write-ahead log (journal_mode = WAL) and synchronous = FULL, through a VFS";
    const MODE: &'static str = "WAL";
    const SYNCHRONOUS: &'static str = "FULL";
    const LESS: &'static [BugSwitch] = &[
        less(
            "normal",
            "synchronous = NORMAL: the log is synced by checkpoints and not by commits",
            &["durable"],
        ),
        OFF,
    ];
}

/// SQLite in each mode, for the command.
pub fn all() -> [Box<dyn Subject>; 2] {
    [crashcheck::subject::<Sqlite<Delete>>(), crashcheck::subject::<Sqlite<Wal>>()]
}

impl<J: JournalMode> Default for Sqlite<J> {
    fn default() -> Self {
        Sqlite { synchronous: J::SYNCHRONOUS, mode: PhantomData }
    }
}

/// An open database. The connection ends before what it is on.
#[derive(Debug)]
pub struct Live {
    connection: Connection,
    _mount: fs::Mount,
}

impl<J: JournalMode> System for Sqlite<J> {
    type Op = Step;
    type Live = Live;
    type View = View;

    fn name(&self) -> String {
        J::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        vec![Device::directory(".")]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Ok(self.open(disk.clone())?.connection.execute_batch(TABLE)?)
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        let mount = fs::mount(&disk)?;
        let (path, vfs) = (mount.path().join(FILE), crashcheck_sqlite_vfs::vfs());
        let connection = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs)?;
        self.prepare(&connection)?;
        Ok(Live { connection, _mount: mount })
    }

    fn apply(&self, live: &mut Live, step: &Step) -> Result<Ack> {
        Ok(self.perform(&mut live.connection, step)?)
    }

    fn view(&self, live: &mut Live) -> Result<View> {
        let mut select = live.connection.prepare("SELECT key, value FROM kv")?;
        let mut rows = select.query(())?;
        let mut view = View::new();
        while let Some(row) = rows.next()? {
            let key: i64 = row.get(0)?;
            let key = u16::try_from(key).map_or(key.to_be_bytes().to_vec(), |key| key.to_be_bytes().to_vec());
            view.insert(key, Seen::of(row.get_ref(1)?.as_blob()?));
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

    fn check(&self, live: &mut Live) -> Result<()> {
        let said: String = live.connection.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
        match said.as_str() {
            "ok" => Ok(()),
            _ => Err(format!("PRAGMA integrity_check: {said}").into()),
        }
    }

    fn probe(&self, _view: &View) -> Vec<Step> {
        table::probe()
    }
}

impl<J: JournalMode> Sqlite<J> {
    /// Sets the pragmas of a new connection.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn prepare(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", J::MODE)?;
        connection.pragma_update(None, "synchronous", self.synchronous)
    }

    /// Performs a step.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn perform(&self, connection: &mut Connection, step: &Step) -> rusqlite::Result<Ack> {
        match step {
            Step::Commit(changes) => commit(connection, changes)?,
            Step::Checkpoint if J::MODE == Wal::MODE => {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
            }
            Step::Compact => connection.execute_batch("VACUUM")?,
            Step::Checkpoint | Step::Later(_) => return Ok(Ack::Refused),
        }
        Ok(Ack::Durable)
    }
}

fn commit(connection: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for change in changes {
        match change {
            Change::Put { key, value } => transaction
                .execute("INSERT OR REPLACE INTO kv(key, value) VALUES (?1, ?2)", (key, value.bytes()))?,
            Change::Delete { key } => transaction.execute("DELETE FROM kv WHERE key = ?1", (key,))?,
        };
    }
    transaction.commit()
}

impl<J: JournalMode> Reference for Sqlite<J> {
    const NAME: &'static str = J::NAME;
    const ABOUT: &'static str = J::ABOUT;
    const MEDIUM: &'static str = "files";
    const PROFILES: &'static [&'static str] = &["posix"];
    const BUGS: &'static [BugSwitch] = J::LESS;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        let known = |name: &String| J::LESS.iter().find(|less| less.name == name);
        let unknown = |name: &String| UnknownBug {
            system: J::NAME.to_owned(),
            name: name.clone(),
            known: J::LESS.iter().map(|less| less.name).collect::<Vec<_>>().join(", "),
        };
        // The last one counts, as of a pragma.
        let mut sqlite = Sqlite::default();
        for name in bugs {
            sqlite.synchronous = known(name).ok_or_else(|| unknown(name))?.name;
        }
        Ok(sqlite)
    }

    fn workloads() -> Vec<Workload<Step>> {
        vec![
            Workload {
                name: "small",
                about: "small values, replaced and deleted",
                setup: Vec::new(),
                ops: small(),
            },
            Workload {
                name: "growth",
                about: "values of some pages until the tree has several levels, then deletes and reuse",
                setup: Vec::new(),
                ops: growth(),
            },
            Workload {
                name: "compact",
                about: "a checkpoint, values that are deleted, and a VACUUM",
                setup: Vec::new(),
                ops: compact(),
            },
        ]
    }

    fn generated(seed: u64) -> Vec<Step> {
        table::generated(seed, vec![Step::Checkpoint, Step::Compact], false)
    }
}

fn small() -> Vec<Step> {
    vec![
        Step::Commit(vec![put(1, 10, 1)]),
        Step::Commit(vec![put(2, 700, 2), put(3, 3, 3)]),
        Step::Commit(vec![delete(3), put(4, 4000, 5)]),
        Step::Commit(vec![put(5, 0, 6)]),
        Step::Commit(vec![delete(1), delete(2)]),
    ]
}

fn growth() -> Vec<Step> {
    let mut ops = vec![Step::Commit((0..12).map(|key| put(key, 700, u32::from(key))).collect())];
    ops.extend((0..3).map(|round| Step::Commit(vec![put(20 + round, 9000, u32::from(round))])));
    ops.push(Step::Commit((2..10).map(delete).collect()));
    ops.push(Step::Commit(vec![put(1, 15_000, 5), delete(20)]));
    ops.push(Step::Commit(vec![put(30, 2000, 6)]));
    ops
}

fn compact() -> Vec<Step> {
    vec![
        Step::Commit((0..6).map(|key| put(key, 3000, u32::from(key))).collect()),
        Step::Checkpoint,
        Step::Commit((0..5).map(delete).collect()),
        Step::Compact,
        Step::Commit(vec![put(7, 500, 2)]),
    ]
}
