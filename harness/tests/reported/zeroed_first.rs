//! After sled 851: recovery zeroes segments before the snapshot that replaces them is durable.

use super::common::{assert_survives, clear, device, explored, found, read, sealed, unsealed, write};
use crashcheck::{Ack, Device, Disk, Result, System};
use serde::{Deserialize, Serialize};

const SNAPSHOT: u64 = 0;
const SEGMENT: u64 = 1;
const BLOCKS: u64 = 16;

const SINGLE: u8 = 1;
const FIRST_OF_BATCH: u8 = 2;
const SECOND_OF_BATCH: u8 = 3;

/// A snapshot of all values, and a segment with those that came after it, each with its number.
///
/// Where a batch was cut off, recovery throws its beginning away with the whole segment, and saves the good values of
/// that in a new snapshot. If the power fails once more between the two, they are gone. The repaired form writes the
/// snapshot first.
struct ZeroedFirst {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Operation {
    Append(u8),
    AppendBatch(u8, u8),
}

struct Open {
    disk: Disk,
    values: Vec<u8>,
    /// Where the segment ends.
    end: u64,
}

impl Open {
    fn snapshot(&self) -> Result<()> {
        let mut content = [0; 32];
        content[0] = self.values.len() as u8;
        content[1..=self.values.len()].copy_from_slice(&self.values);
        write(&self.disk.labelled("snapshot"), SNAPSHOT, &sealed(&content))?;
        Ok(self.disk.flush()?)
    }

    fn append(&mut self, kind: u8, value: u8) -> Result<()> {
        let record = sealed(&[kind, self.values.len() as u8, value]);
        write(&self.disk.labelled("record"), self.end, &record)?;
        self.disk.flush()?;
        self.end += 1;
        self.values.push(value);
        Ok(())
    }
}

impl System for ZeroedFirst {
    type Op = Operation;
    type Live = Open;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", BLOCKS)]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Open { disk: disk.clone(), values: Vec::new(), end: SEGMENT }.snapshot()
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let snapshot: [u8; 32] = unsealed(&read(&disk, SNAPSHOT)?).ok_or("the snapshot does not check")?;
        let values = snapshot[1..=usize::from(snapshot[0])].to_vec();
        let mut open = Open { disk, values, end: SEGMENT };
        let mut is_cut_off = false;
        while let Some([kind, number, value]) = unsealed(&read(&open.disk, open.end)?)
            && usize::from(number) == open.values.len()
        {
            open.values.push(value);
            open.end += 1;
            is_cut_off = kind == FIRST_OF_BATCH;
        }
        if is_cut_off {
            open.values.pop();
            open.end = SEGMENT;
            if self.repaired {
                open.snapshot()?;
                clear(&open.disk, SEGMENT..BLOCKS)?;
            } else {
                clear(&open.disk, SEGMENT..BLOCKS)?;
                open.snapshot()?;
            }
        }
        Ok(open)
    }

    fn apply(&self, open: &mut Open, operation: &Operation) -> Result<Ack> {
        match *operation {
            Operation::Append(value) => open.append(SINGLE, value)?,
            Operation::AppendBatch(first, second) => {
                open.append(FIRST_OF_BATCH, first)?;
                open.append(SECOND_OF_BATCH, second)?;
            }
        }
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<Vec<u8>> {
        Ok(open.values.clone())
    }

    fn model(&self, values: &mut Vec<u8>, operation: &Operation) {
        match *operation {
            Operation::Append(value) => values.push(value),
            Operation::AppendBatch(first, second) => values.extend([first, second]),
        }
    }
}

const OPERATIONS: [Operation; 3] = [Operation::Append(1), Operation::AppendBatch(2, 3), Operation::Append(4)];

#[test]
fn a_crash_of_recovery_between_zeroing_and_saving_is_found_by_default() {
    let exploration = explored(ZeroedFirst { repaired: false }, OPERATIONS);
    let finding = found(&exploration, "durable");
    let [life] = &finding.lives[..] else { panic!("it takes a crash of recovery: {finding}") };
    assert_eq!((life.life, &life.showed), (2, &None), "{finding}");
    assert!(life.crash_point.ends_with("during recovery"), "{finding}");
}

#[test]
fn a_recovery_that_saves_before_it_zeroes_survives() {
    assert_survives(&explored(ZeroedFirst { repaired: true }, OPERATIONS));
}
