#![allow(missing_docs)]
use crashcheck::{Ack, Bytes, Disk, Result, System, explore};

/// A log of numbers. A record is a block: the number, and a checksum over it and all before it.
struct Log;

struct Open { disk: Disk, entries: Vec<u8> }

fn record(entries: &[u8]) -> [u8; 512] {
    let sum = entries.iter().fold(7u8, |sum, entry| sum.wrapping_mul(31).wrapping_add(*entry));
    let mut block = [0; 512];
    block[..3].copy_from_slice(&[b'R', entries[entries.len() - 1], sum]);
    block
}

impl System for Log {
    type Op = u8;
    type Live = Open;
    type View = Vec<u8>;

    fn open(&self, disk: Disk) -> Result<Open> {                        // your recovery runs here
        let (mut entries, mut block) = (Vec::new(), [0; 512]);
        loop {
            disk.read(Bytes(512 * entries.len() as u64), &mut block)?;
            entries.push(block[1]);
            if block != record(&entries) {
                entries.pop();
                return Ok(Open { disk, entries });
            }
        }
    }

    fn apply(&self, log: &mut Open, number: &u8) -> Result<Ack> {
        log.entries.push(*number);
        log.disk.write(Bytes(512 * (log.entries.len() - 1) as u64), &record(&log.entries))?;
        if *number % 3 != 0 {
            return Ok(Ack::Volatile);                                   // a crash may undo it
        }
        Ok(Ack::Durable)                                                // this and all before it must survive
    }

    fn view(&self, log: &mut Open) -> Result<Vec<u8>> {
        Ok(log.entries.clone())
    }

    fn model(&self, view: &mut Vec<u8>, number: &u8) {
        view.push(*number);
    }
}

fn main() { explore(Log).workload([1, 2, 3, 4, 5, 6]).check(); }
