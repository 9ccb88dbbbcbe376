//! After Typhon 715: recovery moves the checkpoint past the log, and what it has recovered is in neither.

use super::common::{assert_survives, device, explored, found, read, sealed, unsealed, write};
use crashcheck::{Ack, Device, Disk, Result, System};

const ROOT: u64 = 0;
const LOG: u64 = 1;

/// A root with the values up to the checkpoint, and a log with those after it.
///
/// Recovery replays the log and then seals it: the checkpoint moves to its end, so that it is not replayed again. But the
/// values in the root remain those of the old checkpoint. The repaired form seals with all values.
struct RecoverySeal {
    repaired: bool,
}

struct Open {
    disk: Disk,
    values: Vec<u8>,
}

/// The root: how long the log is that is not replayed again, and the values.
fn write_root(disk: &Disk, checkpoint: usize, values: &[u8]) -> Result<()> {
    let mut root = [0; 32];
    (root[0], root[1]) = (checkpoint as u8, values.len() as u8);
    root[2..2 + values.len()].copy_from_slice(values);
    write(&disk.labelled("root"), ROOT, &sealed(&root))?;
    Ok(disk.flush()?)
}

impl System for RecoverySeal {
    type Op = u8;
    type Live = Open;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", 16)]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        write_root(disk, 0, &[])
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let root: [u8; 32] = unsealed(&read(&disk, ROOT)?).ok_or("the root does not check")?;
        let (checkpoint, count) = (usize::from(root[0]), usize::from(root[1]));
        let sealed_values = &root[2..2 + count];
        let (mut values, mut end) = (sealed_values.to_vec(), checkpoint);
        while let Some([number, value]) = unsealed(&read(&disk, LOG + end as u64)?)
            && usize::from(number) == end
        {
            values.push(value);
            end += 1;
        }
        if end > checkpoint {
            write_root(&disk, end, if self.repaired { &values } else { sealed_values })?;
        }
        Ok(Open { disk, values })
    }

    fn apply(&self, open: &mut Open, value: &u8) -> Result<Ack> {
        let number = open.values.len();
        write(&open.disk.labelled("record"), LOG + number as u64, &sealed(&[number as u8, *value]))?;
        open.disk.flush()?;
        open.values.push(*value);
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<Vec<u8>> {
        Ok(open.values.clone())
    }

    fn model(&self, values: &mut Vec<u8>, value: &u8) {
        values.push(*value);
    }
}

const VALUES: [u8; 3] = [1, 2, 3];

#[test]
fn a_second_recovery_that_shows_less_than_the_first_is_found() {
    let exploration = explored(RecoverySeal { repaired: false }, VALUES);
    let finding = found(&exploration, "idempotent");
    assert!(finding.lives.is_empty(), "recovery is run again without another crash: {finding}");
    let cause = finding.cause.as_ref().expect("it is looked for by default");
    assert!(cause.missing.is_empty() && cause.fix.is_none(), "the fault is in recovery: {finding}");
}

#[test]
fn a_seal_with_all_that_was_recovered_survives() {
    assert_survives(&explored(RecoverySeal { repaired: true }, VALUES));
}
