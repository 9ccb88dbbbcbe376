//! The memory of an exploration whose states cannot be pruned: `cargo run --release --example memory -- 10000000`.
//!
//! Every slot of a board is written, nothing is flushed, and recovery reads every slot, so that each crash state is a
//! recovery of its own with an outcome of its own. The peak must not grow with the number of states.

#[path = "../benches/board/mod.rs"]
mod board;

use crashcheck::{Budget, explore};

const SLOT: usize = 512;
/// 2^24 crash states.
const SLOTS: u64 = 24;

type Board = board::Board<SLOT, SLOTS>;
const BOARD: Board = board::Board;

fn main() {
    let states = std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(100_000);
    let budget = Budget { states: Some(states), ..Budget::default() };
    let explored = explore(BOARD).budget(budget).workload(0..SLOTS).run().expect("a board needs no recovery");
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
