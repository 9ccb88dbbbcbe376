//! What the connections to one database have between them: locks, and the shared memory of a write-ahead log.
//!
//! All of it is of this process, and gone with the last connection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// So many locks has the shared memory (`SQLITE_SHM_NLOCK`).
const SLOTS: usize = 8;

/// The databases that are open.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Mutex<Shared>>>> = Mutex::new(BTreeMap::new());

/// How far a connection has locked a database, as SQLite numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Another connection has a lock that is in the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

#[derive(Default)]
struct Shared {
    /// How many connections read, the one that writes among them.
    readers: u32,
    /// A connection has reserved the right to write.
    reserved: bool,
    /// No further connection may begin to read.
    closed: bool,
    /// Of each lock of the shared memory how many have it; -1 is one that has it alone.
    slots: [i32; SLOTS],
    /// The shared memory. It stays where it is as long as anybody has mapped it.
    regions: Vec<Box<[AtomicU64]>>,
    mapped: u32,
}

/// The locks of one connection.
pub(crate) struct Locks {
    shared: Arc<Mutex<Shared>>,
    level: Level,
    has_reserved: bool,
    /// The locks of the shared memory that it has with others, and alone.
    held: [Option<Hold>; SLOTS],
    is_mapped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    WithOthers,
    Alone,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Locks {
    /// Those of a new connection to the database at a path.
    pub(crate) fn of(path: &Path) -> Locks {
        let mut open = lock(&OPEN);
        open.retain(|_, shared| shared.strong_count() > 0);
        let shared = open.get(path).and_then(Weak::upgrade).unwrap_or_default();
        open.insert(path.to_owned(), Arc::downgrade(&shared));
        Locks { shared, level: Level::None, has_reserved: false, held: [None; SLOTS], is_mapped: false }
    }

    /// Raises the lock on the database.
    pub(crate) fn raise(&mut self, to: Level) -> Result<(), Busy> {
        if self.level >= to {
            return Ok(());
        }
        let mut shared = lock(&self.shared);
        if self.level == Level::None {
            if shared.closed {
                return Err(Busy);
            }
            shared.readers += 1;
            self.level = Level::Shared;
        }
        if to == Level::Shared {
            return Ok(());
        }
        if shared.reserved && !self.has_reserved {
            return Err(Busy);
        }
        (shared.reserved, self.has_reserved) = (true, true);
        self.level = self.level.max(Level::Reserved);
        if to == Level::Reserved {
            return Ok(());
        }
        shared.closed = true;
        self.level = Level::Pending;
        if shared.readers > 1 {
            return Err(Busy);
        }
        self.level = Level::Exclusive;
        Ok(())
    }

    /// Lowers it, to `Shared` or `None`.
    pub(crate) fn lower(&mut self, to: Level) {
        let mut shared = lock(&self.shared);
        if self.has_reserved {
            (shared.reserved, shared.closed, self.has_reserved) = (false, false, false);
        }
        if to == Level::None && self.level > Level::None {
            shared.readers -= 1;
        }
        self.level = self.level.min(to);
    }

    /// Whether any connection has reserved the right to write.
    pub(crate) fn is_reserved(&self) -> bool {
        lock(&self.shared).reserved
    }

    /// A region of the shared memory, which is made, of zeros, if it is to be; `None` if it is not there.
    pub(crate) fn region(&mut self, index: usize, bytes: usize, extend: bool) -> Option<*const AtomicU64> {
        let mut shared = lock(&self.shared);
        if !self.is_mapped {
            self.is_mapped = true;
            shared.mapped += 1;
        }
        if extend {
            let made = shared.regions.len().max(index + 1);
            shared.regions.resize_with(made, || (0..bytes.div_ceil(8)).map(|_| AtomicU64::new(0)).collect());
        }
        shared.regions.get(index).map(|region| region.as_ptr())
    }

    /// No longer uses the shared memory.
    pub(crate) fn unmap(&mut self) {
        self.give_back(0..SLOTS);
        let mut shared = lock(&self.shared);
        if std::mem::take(&mut self.is_mapped) {
            shared.mapped -= 1;
        }
        if shared.mapped == 0 {
            shared.regions.clear();
        }
    }

    /// Takes some locks of the shared memory, all of them or none.
    pub(crate) fn take(&mut self, slots: std::ops::Range<usize>, hold: Hold) -> Result<(), Busy> {
        let mut shared = lock(&self.shared);
        let is_free = |slot: usize| match hold {
            Hold::WithOthers => shared.slots[slot] >= 0,
            Hold::Alone => shared.slots[slot] == 0,
        };
        let wanted: Vec<usize> = slots.filter(|slot| self.held[*slot] != Some(hold)).collect();
        if !wanted.iter().all(|slot| is_free(*slot)) {
            return Err(Busy);
        }
        for slot in wanted {
            self.held[slot] = Some(hold);
            match hold {
                Hold::WithOthers => shared.slots[slot] += 1,
                Hold::Alone => shared.slots[slot] = -1,
            }
        }
        Ok(())
    }

    /// Gives locks of the shared memory back.
    pub(crate) fn give_back(&mut self, slots: std::ops::Range<usize>) {
        let mut shared = lock(&self.shared);
        for slot in slots {
            match self.held[slot].take() {
                Some(Hold::WithOthers) => shared.slots[slot] -= 1,
                Some(Hold::Alone) => shared.slots[slot] = 0,
                None => {}
            }
        }
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.unmap();
        self.lower(Level::None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_while_others_read_and_commits_alone() {
        let path = Path::new("/test/locks");
        let (mut writer, mut reader, mut other) = (Locks::of(path), Locks::of(path), Locks::of(path));
        assert_eq!(reader.raise(Level::Shared), Ok(()));
        assert_eq!(writer.raise(Level::Reserved), Ok(()));
        assert!(reader.is_reserved());
        assert_eq!(reader.raise(Level::Reserved), Err(Busy), "one may write");
        assert_eq!(writer.raise(Level::Exclusive), Err(Busy), "another reads");
        assert_eq!(other.raise(Level::Shared), Err(Busy), "one waits to commit");
        reader.lower(Level::None);
        assert_eq!(writer.raise(Level::Exclusive), Ok(()));
        writer.lower(Level::Shared);
        assert_eq!(other.raise(Level::Reserved), Ok(()), "the writer only reads now");
        drop(other);
        assert_eq!(writer.raise(Level::Exclusive), Ok(()), "what is closed has no locks");
    }

    #[test]
    fn shared_memory_is_one_and_goes_with_the_last_who_uses_it() {
        let path = Path::new("/test/memory");
        let (mut one, mut other) = (Locks::of(path), Locks::of(path));
        assert_eq!(one.region(0, 32, false), None);
        let region = one.region(0, 32, true).unwrap();
        assert_eq!(other.region(0, 32, false), Some(region));
        assert_eq!(one.take(0..2, Hold::WithOthers), Ok(()));
        assert_eq!(other.take(1..3, Hold::Alone), Err(Busy));
        assert_eq!(other.take(2..3, Hold::Alone), Ok(()));
        one.give_back(0..2);
        assert_eq!(other.take(1..2, Hold::Alone), Ok(()));
        one.unmap();
        assert_eq!(other.region(0, 32, false), Some(region));
        other.unmap();
        assert_eq!(one.take(1..3, Hold::Alone), Ok(()));
        assert_eq!(one.region(0, 32, false), None);
    }
}
