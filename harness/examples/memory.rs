//! The memory of an exploration whose states cannot be pruned: `cargo run --release --example memory -- 10000000`.
//!
//! Every slot of a board is written, nothing is flushed, and recovery reads every slot, so that each crash state is a
//! recovery of its own with an outcome of its own. The peak must not grow with the number of states.

use crashcheck::{Ack, Budget, Bytes, Device, Disk, History, Result, System, Violation, explore};

const SLOT: u64 = 512;
/// 2^24 crash states.
const SLOTS: u64 = 24;

struct Board;

impl System for Board {
    type Op = u64;
    type Live = Disk;
    type View = u32;

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes(SLOT), Bytes(SLOTS * SLOT))]
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, slot: &u64) -> Result<Ack> {
        disk.write(Bytes(slot * SLOT), &[*slot as u8 + 1; SLOT as usize])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<u32> {
        let mut board = 0;
        let mut slot = [0; SLOT as usize];
        for nth in 0..SLOTS {
            disk.read(Bytes(nth * SLOT), &mut slot)?;
            board |= u32::from(slot[0] != 0) << nth;
        }
        Ok(board)
    }

    fn model(&self, board: &mut u32, slot: &u64) {
        *board |= 1 << slot;
    }

    /// Any set of slots may have survived.
    fn judge(&self, _: &u32, _: &History<'_, Self>) -> Result<(), Violation> {
        Ok(())
    }
}

fn main() {
    let states = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(100_000);
    let budget = Budget { states: Some(states), ..Budget::default() };
    let explored = explore(Board).budget(budget).workload(0..SLOTS).run().expect("a board needs no recovery");
    println!(
        "{} recoveries in {:.1} s, peak {}",
        explored.coverage.recoveries,
        explored.timing.seconds,
        peak().unwrap_or_else(|| "not known on this system".to_owned())
    );
}

/// The largest amount of memory that this process had so far, as Linux says it.
fn peak() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
