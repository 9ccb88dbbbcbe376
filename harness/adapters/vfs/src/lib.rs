//! SQLite's files in a tree of files: a [VFS](https://www.sqlite.org/vfs.html) on [`crashcheck::fs`].
//!
//! A connection opened with [`vfs`] at a path of a [`Mount`](crashcheck::fs::Mount) reads and writes crash states. Everything it
//! asks of a file system is passed on as it is asked, as SQLite's own VFS for Unix does:
//!
//! | SQLite asks | becomes |
//! |---|---|
//! | to sync a file | `fdatasync`, which is the less that SQLite does (`fsync`, if it is built without `HAVE_FDATASYNC`); the first of a new journal or write-ahead log is followed by an `fsync` of its directory |
//! | to delete a file, and to sync the directory (`synchronous = EXTRA`) | `unlink`, and an `fsync` of the directory if it asks so |
//! | to lock a database | a lock among the connections of this process |
//! | for shared memory, the index of a write-ahead log | memory, which no crash leaves: there is no file `-shm` |
//! | for a temporary file | memory |
//! | what time it is | always the same moment, so that recordings are equal |
//!
//! A path of this computer works as well, without locks against other processes.
//!
//! ```
//! use crashcheck::{Ack, Device, Disk, Result, System, explore, fs};
//! use rusqlite::{Connection, OpenFlags};
//!
//! struct Counters;
//!
//! impl System for Counters {
//!     type Op = u8;
//!     type Live = (Connection, fs::Mount);
//!     type View = Vec<(u8, u32)>;
//!
//!     fn devices(&self) -> Vec<Device> { vec![Device::directory(".")] }
//!     fn open(&self, disk: Disk) -> Result<Self::Live> {
//!         let mount = fs::mount(&disk)?;
//!         let (path, vfs) = (mount.path().join("db"), crashcheck_sqlite_vfs::vfs());
//!         let db = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs)?;
//!         db.execute_batch("PRAGMA synchronous = EXTRA; CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n)")?;
//!         Ok((db, mount))
//!     }
//!     fn apply(&self, (db, _): &mut Self::Live, id: &u8) -> Result<Ack> {
//!         db.execute("INSERT INTO t VALUES(?1, 1) ON CONFLICT DO UPDATE SET n = n + 1", [id])?;
//!         Ok(Ack::Durable)
//!     }
//!     fn view(&self, (db, _): &mut Self::Live) -> Result<Self::View> {
//!         let mut select = db.prepare("SELECT id, n FROM t ORDER BY id")?;
//!         Ok(select.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
//!     }
//!     fn model(&self, view: &mut Self::View, id: &u8) {
//!         match view.binary_search_by_key(id, |(id, _)| *id) {
//!             Ok(at) => view[at].1 += 1,
//!             Err(at) => view.insert(at, (*id, 1)),
//!         }
//!     }
//! }
//!
//! explore(Counters).workload([1, 2, 1]).check();
//! ```
//!
//! With `FULL` instead of `EXTRA` this finds that a commit may be lost.

#[expect(unsafe_code, reason = "SQLite calls these functions, with pointers")]
mod calls;
mod locks;
mod open;

pub use calls::vfs;
