//! What the engine itself costs: `cargo bench -p crashcheck --bench engine`.
//!
//! The system under test does as good as nothing: its recovery reads every slot of a board, each of which may have been
//! written, so that no state is like another. What is left is the engine. What it adds to a real recovery is measured
//! by the bench `journal` of crashcheck-models.

use crashcheck::trace::Trace;
use crashcheck::{
    Ack, Bytes, Device, Disk, History, Profile, Result, StrategyKind, System, Violation, census, explore,
    record,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const SLOT: u64 = 4096;
/// 2^12 crash states.
const SLOTS: u64 = 12;

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

fn walks(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(1 << SLOTS)).sample_size(20);
    for kind in [StrategyKind::Deviations, StrategyKind::Complete, StrategyKind::Random] {
        for jobs in [1, 2] {
            let budget = crashcheck::Budget { states: Some(1 << SLOTS), ..Default::default() };
            let board = explore(Board).walk(kind).budget(budget).jobs(jobs).workload(0..SLOTS);
            group.bench_function(format!("{kind}, {jobs} threads"), |b| b.iter(|| board.run()));
        }
    }
    group.finish();
}

fn plain_disk(c: &mut Criterion) {
    let mut group = c.benchmark_group("plain");
    group.throughput(Throughput::Elements(1));
    let mut disk = Disk::plain(&Board.devices());
    group.bench_function("three views", |b| {
        b.iter(|| (0..3).map(|_| Board.view(black_box(&mut disk)).expect("power")).sum::<u32>());
    });
    group.finish();
}

/// A trace of many epochs, all of which change the same slots.
fn long_trace() -> Trace {
    let ops = (0..2000).map(|nth| nth % SLOTS);
    record(&Board, ops.collect()).expect("a board needs no recovery").trace
}

fn layout(c: &mut Criterion) {
    let (trace, profile) = (long_trace(), Profile::default());
    c.bench_function("census of 2000 writes", |b| b.iter(|| census(black_box(&trace), &profile)));
}

criterion_group!(benches, walks, plain_disk, layout);
criterion_main!(benches);
