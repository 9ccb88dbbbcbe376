//! What the engine itself costs: `cargo bench -p crashcheck --bench engine`.
//!
//! The system under test does as good as nothing: its recovery reads every slot of a board, each of which may have been
//! written, so that no state is like another. What is left is the engine. What it adds to a real recovery is measured
//! by the bench `journal` of crashcheck-models.

mod board;

use crashcheck::trace::Trace;
use crashcheck::{Disk, Profile, StrategyKind, System, census, explore, record};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const SLOT: usize = 4096;
/// 2^12 crash states.
const SLOTS: u64 = 12;

type Board = board::Board<SLOT, SLOTS>;
const BOARD: Board = board::Board;

fn walks(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(1 << SLOTS)).sample_size(20);
    for kind in [StrategyKind::Deviations, StrategyKind::Complete, StrategyKind::Random] {
        for jobs in [1, 2] {
            let budget = crashcheck::Budget { states: Some(1 << SLOTS), ..Default::default() };
            let board = explore(BOARD).strategy(kind).budget(budget).jobs(jobs).workload(0..SLOTS);
            group.bench_function(format!("{kind}, {jobs} threads"), |b| b.iter(|| board.run()));
        }
    }
    group.finish();
}

fn plain_disk(c: &mut Criterion) {
    let mut group = c.benchmark_group("plain");
    group.throughput(Throughput::Elements(1));
    let mut disk = Disk::plain(&BOARD.devices());
    group.bench_function("three views", |b| {
        b.iter(|| (0..3).map(|_| BOARD.view(black_box(&mut disk)).expect("power")).sum::<u32>());
    });
    group.finish();
}

/// A trace of many epochs, all of which change the same slots.
fn long_trace() -> Trace {
    let ops = (0..2000).map(|nth| nth % SLOTS);
    record(&BOARD, ops.collect()).expect("a board needs no recovery").trace
}

fn layout(c: &mut Criterion) {
    let (trace, profile) = (long_trace(), Profile::default());
    c.bench_function("census of 2000 writes", |b| b.iter(|| census(black_box(&trace), &profile)));
}

criterion_group!(benches, walks, plain_disk, layout);
criterion_main!(benches);
