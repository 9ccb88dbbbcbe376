//! After turso 7781: the checkpoint copies frames into the database that are not durable in the log.

use super::common::{
    assert_missing, assert_survives, device, explored, found, read, sealed, unsealed, write,
};
use crashcheck::{Ack, Device, DeviceId, Disk, Result, System};
use serde::{Deserialize, Serialize};

const FRAMES: u64 = 1;

/// A database of two pages, and a log. A transaction changes both pages, with a frame for each; frames count if they have
/// the salt in the header of the log.
///
/// The checkpoint writes the pages while the frames they come from are still in flight. After a crash one page may be new,
/// the other old, and nothing in the log to repair that. The repaired form flushes the log first. Recovery ends with a
/// checkpoint, too, so that no frame of an earlier life counts again; where there was no crash, frames are in flight then.
struct Backfill {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Operation {
    Commit([u8; 2]),
    Checkpoint,
}

struct Open {
    database: Disk,
    log: Disk,
    pages: [u8; 2],
    salt: u8,
    /// The next frame.
    next: u64,
}

impl Open {
    /// The next frame, of the transaction that may follow, for this page.
    fn frame(&self, page: u8) -> Result<Option<u8>> {
        let frame = unsealed(&read(&self.log, self.next + u64::from(page))?);
        Ok(frame.and_then(|[salt, number, value]| ((salt, number) == (self.salt, page)).then_some(value)))
    }
}

impl Backfill {
    fn checkpoint(&self, open: &mut Open) -> Result<()> {
        if self.repaired {
            open.log.flush()?;
        }
        for (number, page) in (0..).zip(open.pages) {
            write(&open.database.labelled("page"), number, &[page])?;
        }
        open.database.flush()?;
        (open.salt, open.next) = (open.salt + 1, FRAMES);
        write(&open.log.labelled("header"), 0, &sealed(&[open.salt]))?;
        Ok(open.log.flush()?)
    }
}

impl System for Backfill {
    type Op = Operation;
    type Live = Open;
    type View = [u8; 2];

    fn devices(&self) -> Vec<Device> {
        vec![device("database", 2), device("log", 16)]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        let log = disk.device(DeviceId(1));
        write(&log, 0, &sealed(&[1]))?;
        Ok(log.flush()?)
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let (database, log) = (disk.device(DeviceId(0)), disk.device(DeviceId(1)));
        let [salt] = unsealed(&read(&log, 0)?).ok_or("the header of the log does not check")?;
        let pages = [read(&database, 0)?[0], read(&database, 1)?[0]];
        let mut open = Open { database, log, pages, salt, next: FRAMES };
        while let (Some(first), Some(second)) = (open.frame(0)?, open.frame(1)?) {
            open.pages = [first, second];
            open.next += 2;
        }
        self.checkpoint(&mut open)?;
        Ok(open)
    }

    fn apply(&self, open: &mut Open, operation: &Operation) -> Result<Ack> {
        match *operation {
            Operation::Commit(pages) => {
                for (number, page) in (0..).zip(pages) {
                    let log = open.log.labelled(&format!("frame {number}"));
                    write(&log, open.next, &sealed(&[open.salt, number, page]))?;
                    open.next += 1;
                }
                open.pages = pages;
                Ok(Ack::Volatile)
            }
            Operation::Checkpoint => {
                self.checkpoint(open)?;
                Ok(Ack::Durable)
            }
        }
    }

    fn view(&self, open: &mut Open) -> Result<[u8; 2]> {
        Ok(open.pages)
    }

    fn model(&self, pages: &mut [u8; 2], operation: &Operation) {
        if let Operation::Commit(new) = *operation {
            *pages = new;
        }
    }
}

const OPERATIONS: [Operation; 4] = [
    Operation::Commit([1, 101]),
    Operation::Commit([2, 102]),
    Operation::Checkpoint,
    Operation::Commit([3, 103]),
];

#[test]
fn pages_that_are_ahead_of_their_frames_are_found() {
    let exploration = explored(Backfill { repaired: false }, OPERATIONS);
    let finding = found(&exploration, "atomic");
    assert_missing(finding, &[("frame 0", "page"), ("frame 1", "page")], "log");
}

#[test]
fn a_checkpoint_that_flushes_the_log_first_survives() {
    assert_survives(&explored(Backfill { repaired: true }, OPERATIONS));
}
