//! After rocksdb 11149: a second log goes on before the first is durable, and replay does not see the hole.

use super::common::{
    assert_missing, assert_nothing_comes_back, assert_survives, clear, device, explored, found, read, sealed,
    unsealed, write,
};
use crashcheck::{Ack, Device, DeviceId, Disk, Result, System};
use serde::{Deserialize, Serialize};

const LOGS: [&str; 2] = ["4.log", "8.log"];
const BLOCKS: u64 = 12;

/// Two logs, one after the other, with a record in each block.
///
/// Replay goes on with the second log wherever the first ends, and nothing makes the first durable before the second is
/// written: records from the middle are missing. The repaired form replays a record only if its number is the next.
/// Both clear what they have not replayed, which could otherwise come back.
struct TwoLogs {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Operation {
    Append(u8),
    /// Goes on with the second log.
    Rotate,
}

struct Open {
    logs: [Disk; 2],
    values: Vec<u8>,
    /// The log in use, and its next block.
    log: usize,
    next: u64,
}

impl System for TwoLogs {
    type Op = Operation;
    type Live = Open;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        LOGS.map(|name| device(name, BLOCKS)).to_vec()
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let logs = [0, 1].map(|log| disk.device(DeviceId(log)));
        let mut open = Open { logs, values: Vec::new(), log: 0, next: 0 };
        for (log, disk) in open.logs.iter().enumerate() {
            let mut block = 0;
            while let Some([number, value]) = unsealed(&read(disk, block)?)
                && (!self.repaired || usize::from(number) == open.values.len())
            {
                open.values.push(value);
                block += 1;
                (open.log, open.next) = (log, block);
            }
            clear(disk, block..BLOCKS)?;
        }
        Ok(open)
    }

    fn apply(&self, open: &mut Open, operation: &Operation) -> Result<Ack> {
        match *operation {
            Operation::Append(value) => {
                let disk = open.logs[open.log].labelled(&format!("record of {}", LOGS[open.log]));
                write(&disk, open.next, &sealed(&[open.values.len() as u8, value]))?;
                open.next += 1;
                open.values.push(value);
            }
            Operation::Rotate if open.log == 0 => (open.log, open.next) = (1, 0),
            Operation::Rotate => {}
        }
        Ok(Ack::Volatile)
    }

    fn view(&self, open: &mut Open) -> Result<Vec<u8>> {
        Ok(open.values.clone())
    }

    fn model(&self, values: &mut Vec<u8>, operation: &Operation) {
        if let Operation::Append(value) = *operation {
            values.push(value);
        }
    }
}

const OPERATIONS: [Operation; 5] = [
    Operation::Append(1),
    Operation::Append(2),
    Operation::Rotate,
    Operation::Append(3),
    Operation::Append(4),
];

#[test]
fn a_hole_between_two_logs_is_found() {
    let exploration = explored(TwoLogs { repaired: false }, OPERATIONS);
    let finding = found(&exploration, "atomic");
    assert_missing(finding, &[("record of 4.log", "record of 8.log")], "4.log");
    assert_nothing_comes_back(&exploration);
}

#[test]
fn a_replay_that_ends_at_the_hole_survives() {
    assert_survives(&explored(TwoLogs { repaired: true }, OPERATIONS));
}
