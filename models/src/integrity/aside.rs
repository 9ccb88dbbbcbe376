//! A device on which something can be tried: what is written is kept beside it, and never reaches it. What was not flushed
//! there can be taken away, as a loss of power would.

use super::format::{FORMATTED, Place};
use crashcheck::{BlockDevice, Bytes, Disk, DiskError, Label};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Blocks by where they begin.
type Blocks = BTreeMap<u64, Vec<u8>>;

/// What was written aside.
#[derive(Default)]
struct Written {
    durable: Blocks,
    /// Since the last flush.
    in_flight: Blocks,
}

/// A member, in blocks of its own size, with what was written aside.
#[derive(Clone)]
pub(super) struct Aside {
    below: Disk,
    written: Arc<Mutex<Written>>,
    /// Whether what is in flight is read as well.
    powered: bool,
}

impl Aside {
    /// That member, to be written to without consequences. It is read and written in whole blocks.
    pub(super) fn over(below: Disk) -> Aside {
        Aside { below, written: Arc::default(), powered: true }
    }

    /// The member with all that was written aside.
    pub(super) fn disk(&self) -> Disk {
        Disk::over(Box::new(self.clone()))
    }

    /// The member as it is if the power fails now, and nothing that is in flight survives.
    pub(super) fn without_power(&self) -> Disk {
        Disk::over(Box::new(Aside { powered: false, ..self.clone() }))
    }

    /// Makes a block bad, for good.
    pub(super) fn spoil(&self, place: Place) {
        self.written().durable.insert(place.at().0, vec![0; FORMATTED]);
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockDevice for Aside {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        self.below.len()
    }

    /// A member that has failed reads nothing, whatever was written aside.
    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        let written = self.written();
        let in_flight = written.in_flight.get(&at.0).filter(|_| self.powered);
        match in_flight.or_else(|| written.durable.get(&at.0)) {
            Some(block) => {
                self.below.len()?;
                buf.copy_from_slice(block);
                Ok(())
            }
            None => self.below.read(at, buf),
        }
    }

    /// A member that has failed takes no writes.
    fn write(&mut self, at: Bytes, data: &[u8], _: bool, _: Option<&Label>) -> Result<(), DiskError> {
        debug_assert!(at.0.is_multiple_of(FORMATTED as u64) && data.len() == FORMATTED, "a whole block");
        if let Err(lost @ DiskError::Lost { .. }) = self.below.len() {
            return Err(lost);
        }
        self.written().in_flight.insert(at.0, data.to_vec());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.below.len()?;
        let written = &mut *self.written();
        written.durable.append(&mut written.in_flight);
        Ok(())
    }
}
