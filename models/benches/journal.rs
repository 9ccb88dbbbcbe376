//! How fast `journal` is explored: `cargo bench -p crashcheck-models --bench journal`.
//!
//! After the figures of criterion it prints a table, taken in turns so that what else the machine does hits all of them
//! alike: recoveries per second on one thread, how much longer an explored state takes than the same recovery and check
//! on plain bytes, and how much faster two threads are than one.

use crashcheck::{
    Ack, Bytes, CrashImage, Device, Disk, History, Recording, System, WithWorkload, explore, record,
};
use crashcheck_models::fs::{Fill, FsOp, Path};
use crashcheck_models::journal::{Journal, Ordered};
use criterion::{Criterion, Throughput};
use std::time::{Duration, Instant};

type Subject = Journal<Ordered>;

/// So many files are written and synced in turn; each sync is a transaction.
const FILES: usize = 10;
const ROUNDS: usize = 120;
/// Measurements for the table, of which the fastest counts: what is slower was disturbed.
const TURNS: usize = 15;

fn workload() -> Vec<FsOp> {
    let path = |nth: usize| Path::root().join(&format!("file-{}", nth % FILES));
    let create = (0..FILES).flat_map(|nth| [FsOp::Create(path(nth)), FsOp::Sync]);
    let write = (0..ROUNDS).flat_map(|nth| {
        let at = Bytes((nth / FILES % 3 * 4096) as u64);
        [FsOp::Write { path: path(nth), at, len: Bytes(6000), fill: Fill(nth as u8) }, FsOp::Sync]
    });
    create.chain(write).collect()
}

fn subject(threads: usize) -> WithWorkload<Subject> {
    explore(Subject::default()).lives(1).jobs(threads).workload(workload())
}

/// How long the walk took, and how many recoveries it ran.
fn explored(subject: &WithWorkload<Subject>) -> (Duration, u64) {
    let explored = subject.run().expect("journal works without a crash");
    assert!(explored.findings.is_empty(), "journal loses nothing");
    (Duration::from_secs_f64(explored.timing.seconds), explored.coverage.recoveries)
}

/// The states that are explored, as plain images.
struct Plain {
    system: Subject,
    recording: Recording<Subject>,
    images: Vec<CrashImage>,
}

impl Plain {
    fn new() -> Plain {
        let system = Subject::default();
        let recording = record(&system, workload()).expect("journal works without a crash");
        Plain { system, recording, images: subject(1).images().expect("journal works without a crash") }
    }

    /// How long recovery and checks of all of them take; not how long it takes to make the images.
    fn all(&self) -> Duration {
        let devices = self.system.devices();
        let device = |base| Device { base, ..devices[0].clone() };
        let each = self.images.iter().map(|image| {
            let devices: Vec<Device> = image.devices.iter().cloned().map(device).collect();
            let disk = Disk::plain(&devices);
            let start = Instant::now();
            self.recover(&disk, image).expect("journal survives");
            start.elapsed()
        });
        each.sum()
    }

    /// What the engine does with a state: recover, check, look, judge, recover again, look, use, look.
    fn recover(&self, disk: &Disk, image: &CrashImage) -> crashcheck::Result<()> {
        let (system, Recording { ops, states, .. }) = (&self.system, &self.recording);
        let mut live = system.open(disk.clone())?;
        system.remark(&live);
        system.check(&mut live)?;
        let view = system.view(&mut live)?;
        for window in &image.windows {
            let verdict = system.judge(&view, &History::new(ops, states, *window));
            verdict.map_err(|violation| violation.to_string())?;
        }
        let mut live = system.open(disk.clone())?;
        let mut expected = system.view(&mut live)?;
        assert_eq!(expected, view, "a second recovery changes nothing");
        for op in system.probe(&view) {
            if system.apply(&mut live, &op)? != Ack::Refused {
                system.model(&mut expected, &op);
            }
        }
        assert_eq!(system.view(&mut live)?, expected, "the system goes on");
        Ok(())
    }
}

fn benches(criterion: &mut Criterion, plain: &Plain) {
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(plain.images.len() as u64)).sample_size(10);
    for threads in [1, 2] {
        let subject = subject(threads);
        let name = format!("explored, {threads} threads");
        group.bench_function(name, |b| b.iter_custom(|n| (0..n).map(|_| explored(&subject).0).sum()));
    }
    group.bench_function("plain", |b| b.iter_custom(|n| (0..n).map(|_| plain.all()).sum()));
    group.finish();
}

fn table(plain: &Plain) {
    let (one, two) = (subject(1), subject(2));
    let mut best = [Duration::MAX; 3];
    let mut recoveries = 0;
    for _ in 0..TURNS {
        let (alone, ran) = explored(&one);
        recoveries = ran;
        for (best, now) in best.iter_mut().zip([alone, explored(&two).0, plain.all()]) {
            *best = now.min(*best);
        }
    }
    assert_eq!(recoveries, plain.images.len() as u64, "both sides see the same states");
    let [one, two, plain] = best.map(|best| best.as_secs_f64() / recoveries as f64);
    println!("journal: {recoveries} recoveries, the fastest of {TURNS} turns");
    println!("  recoveries per second and core     {:>8.0}", 1.0 / one);
    println!("  an explored state                  {:>8.1} us", one * 1e6);
    println!("  the same on plain bytes            {:>8.1} us", plain * 1e6);
    println!("  overhead of the engine             {:>8.2}", one / plain);
    println!("  two threads against one            {:>8.2}", one / two);
}

fn main() {
    let plain = Plain::new();
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion, &plain);
    criterion.final_summary();
    if std::env::args().any(|argument| argument == "--bench") {
        table(&plain);
    }
}
