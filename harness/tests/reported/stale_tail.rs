//! After daos 11819: a hole in a log is filled, and the stale record behind it comes alive.

use super::common::{assert_survives, clear, device, explored, found, read, sealed, unsealed, write};
use crashcheck::{Ack, Device, Disk, Result, System};
use serde::{Deserialize, Serialize};

const BLOCKS: u64 = 16;

/// A log with a record in each block, which ends before the first that does not check or has another number.
///
/// Records that are in flight together survive in any order, so that one may be left behind the end. The next record of
/// the same size fills the hole, and the old one counts again. The repaired form clears what is behind the end first.
struct StaleTail {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Operation {
    Append(u8),
    Sync,
}

struct Open {
    disk: Disk,
    values: Vec<u8>,
}

impl System for StaleTail {
    type Op = Operation;
    type Live = Open;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", BLOCKS)]
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let mut values = Vec::new();
        while let Some([number, value]) = unsealed(&read(&disk, values.len() as u64)?)
            && usize::from(number) == values.len()
        {
            values.push(value);
        }
        if self.repaired {
            clear(&disk, values.len() as u64..BLOCKS)?;
        }
        Ok(Open { disk, values })
    }

    fn apply(&self, open: &mut Open, operation: &Operation) -> Result<Ack> {
        match *operation {
            Operation::Append(value) => {
                let number = open.values.len();
                write(&open.disk.labelled("record"), number as u64, &sealed(&[number as u8, value]))?;
                open.values.push(value);
                Ok(Ack::Volatile)
            }
            Operation::Sync => {
                open.disk.flush()?;
                Ok(Ack::Durable)
            }
        }
    }

    fn view(&self, open: &mut Open) -> Result<Vec<u8>> {
        Ok(open.values.clone())
    }

    fn model(&self, values: &mut Vec<u8>, operation: &Operation) {
        if let Operation::Append(value) = *operation {
            values.push(value);
        }
    }

    fn probe(&self, _: &Vec<u8>) -> Vec<Operation> {
        vec![Operation::Append(50)]
    }
}

const OPERATIONS: [Operation; 5] =
    [Operation::Append(1), Operation::Append(2), Operation::Append(3), Operation::Sync, Operation::Append(4)];

#[test]
fn a_stale_record_behind_a_filled_hole_is_found() {
    let exploration = explored(StaleTail { repaired: false }, OPERATIONS);
    let finding = found(&exploration, "no-resurrection");
    let [life] = &finding.lives[..] else { panic!("it takes a second life: {finding}") };
    let filled = life.operations.first().expect("an operation after recovery");
    assert!(filled.text.starts_with("Append"), "{finding}");
    assert!(finding.state.ends_with("lost") && finding.state.contains("(record, "), "a hole: {finding}");
}

#[test]
fn a_log_that_clears_what_is_behind_its_end_survives() {
    assert_survives(&explored(StaleTail { repaired: true }, OPERATIONS));
}
