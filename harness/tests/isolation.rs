//! What recovery does wrong beyond its answers: a finding, not the end of the run.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::supervise::{finished, is_supervised, limit_memory, supervise};
use crashcheck::{Ack, Bytes, Disk, Limits, Options, Result, StrategyKind, System, explore};
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Two blocks, written one after the other without a flush. Recovery misbehaves where only the second survived.
struct Pair(Fault);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Panic,
    Spin,
    ReadForever,
    IgnoreErrorsForever,
    Exit,
    EatMemory,
    Overflow,
}

fn overflow(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { overflow(depth + 1).wrapping_add(std::hint::black_box(depth)) }
}

impl Fault {
    fn strike(self, disk: &Disk) -> Result<()> {
        let mut block = [0];
        match self {
            Fault::None => {}
            Fault::Panic => panic!("the second block came alone"),
            Fault::Spin => loop {
                std::thread::sleep(Duration::from_millis(1));
            },
            Fault::ReadForever => loop {
                disk.read(Bytes(0), &mut block)?;
            },
            Fault::IgnoreErrorsForever => loop {
                let _ = disk.read(Bytes(0), &mut block);
            },
            Fault::Exit => std::process::exit(0),
            Fault::EatMemory => {
                let mut eaten: Vec<Vec<u8>> = Vec::new();
                loop {
                    eaten.push(vec![1; 64 << 20]);
                }
            }
            Fault::Overflow => drop(overflow(0)),
        }
        Ok(())
    }
}

impl System for Pair {
    type Op = u8;
    type Live = Disk;
    type View = (u8, u8);

    fn open(&self, disk: Disk) -> Result<Disk> {
        if self.view(&mut disk.clone())? == (0, 2) {
            self.0.strike(&disk)?;
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, value: &u8) -> Result<Ack> {
        disk.write(Bytes(4096 * u64::from(*value)), &[*value])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<(u8, u8)> {
        let mut blocks = [[0], [0]];
        disk.read(Bytes(4096), &mut blocks[0])?;
        disk.read(Bytes(8192), &mut blocks[1])?;
        Ok((blocks[0][0], blocks[1][0]))
    }

    fn model(&self, view: &mut (u8, u8), value: &u8) {
        if *value == 1 { view.0 = 1 } else { view.1 = 2 }
    }

    fn judge(&self, _: &(u8, u8), _: &crashcheck::History<'_, Self>) -> Result<(), crashcheck::Violation> {
        Ok(())
    }
}

fn run(fault: Fault) -> Exploration {
    let limits = Limits {
        device_operations: 1000,
        time: Duration::from_secs(if fault == Fault::Spin { 1 } else { 60 }),
    };
    let options = Options { limits, lives: 1, ..Options::default() };
    explore(Pair(fault)).options(options).workload([1, 2]).run().expect("the system works without a crash")
}

fn assert_found(exploration: &Exploration, words: &str) {
    assert_eq!(exploration.verdict, Verdict::Lost);
    assert_eq!(exploration.findings.len(), 1);
    let finding = &exploration.findings[0];
    assert_eq!(finding.promise, "recovers");
    assert!(finding.detail.contains(words), "{}", finding.detail);
    assert!(exploration.coverage.complete, "the other states were explored as well");
    assert_eq!(exploration.coverage.total, "4");
    assert_eq!(finding.states, "1");
}

#[test]
fn without_a_fault_nothing_is_found() {
    let exploration = run(Fault::None);
    assert_eq!(exploration.verdict, Verdict::Survived);
    assert!(exploration.coverage.complete);
}

#[test]
fn a_panic_is_a_finding() {
    assert_found(&run(Fault::Panic), "the second block came alone");
}

#[test]
fn a_recovery_that_does_not_come_back_is_a_finding() {
    assert_found(&run(Fault::Spin), "did not come back");
}

#[test]
fn a_loop_of_device_operations_is_a_finding() {
    assert_found(&run(Fault::ReadForever), "more than 1000 device operations");
}

#[test]
fn a_loop_that_ignores_errors_is_a_finding() {
    assert_found(&run(Fault::IgnoreErrorsForever), "more than 1000 device operations");
}

/// The test runs itself again as a child, in which the recovery takes the process down.
fn survives_the_death_of_its_process(test: &str, fault: Fault) {
    if is_supervised() {
        if fault == Fault::EatMemory {
            limit_memory(Bytes(2 << 30)).expect("a limit");
        }
        let exploration = run(fault);
        assert_found(&exploration, "took its process down");
        finished();
        return;
    }
    let command = || {
        let mut command = Command::new(std::env::current_exe().expect("a test binary"));
        command.args(["--exact", test, "--test-threads=1", "--nocapture"]);
        command
    };
    let status = supervise(command, &AtomicUsize::new(0)).expect("the run comes to its end");
    assert!(status.success(), "{status}");
}

#[test]
fn a_recovery_that_exits_is_a_finding() {
    survives_the_death_of_its_process("a_recovery_that_exits_is_a_finding", Fault::Exit);
}

#[test]
fn a_recovery_that_eats_all_memory_is_a_finding() {
    survives_the_death_of_its_process("a_recovery_that_eats_all_memory_is_a_finding", Fault::EatMemory);
}

#[test]
fn a_recovery_that_overflows_its_stack_is_a_finding() {
    survives_the_death_of_its_process("a_recovery_that_overflows_its_stack_is_a_finding", Fault::Overflow);
}

/// Reads its two blocks in an order that changes from run to run.
struct Fickle(AtomicU64);

impl System for Fickle {
    type Op = u8;
    type Live = Disk;
    type View = (u8, u8);

    fn open(&self, disk: Disk) -> Result<Disk> {
        let mut block = [0];
        // Every state is opened twice.
        let first = self.0.fetch_add(1, Ordering::Relaxed) / 2 % 2;
        disk.read(Bytes(4096 * (1 + first)), &mut block)?;
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, value: &u8) -> Result<Ack> {
        Pair(Fault::None).apply(disk, value)
    }

    fn view(&self, disk: &mut Disk) -> Result<(u8, u8)> {
        Pair(Fault::None).view(disk)
    }

    fn model(&self, view: &mut (u8, u8), value: &u8) {
        Pair(Fault::None).model(view, value);
    }
}

#[test]
fn a_recovery_that_is_not_deterministic_is_noticed_and_explored_whole() {
    for strategy in [StrategyKind::Deviations, StrategyKind::Complete] {
        let explorer = explore(Fickle(AtomicU64::new(0))).strategy(strategy).jobs(1);
        let exploration = explorer.workload([1, 2]).run().expect("the system works without a crash");
        assert!(
            exploration.notes.iter().any(|note| note.contains("not deterministic")),
            "{:?}",
            exploration.notes
        );
        assert!(exploration.coverage.complete);
        assert_eq!(exploration.coverage.recoveries, 4);
        // The second write may survive alone, and no prefix of the operations shows that.
        assert_eq!(exploration.findings.len(), 1);
        assert_eq!(exploration.findings[0].promise, "atomic");
    }
}

/// Panics at a 9.
struct Rash;

impl System for Rash {
    type Op = u8;
    type Live = ();
    type View = u8;

    fn open(&self, _: Disk) -> Result<()> {
        Ok(())
    }

    fn apply(&self, (): &mut (), op: &u8) -> Result<Ack> {
        assert!(*op != 9, "not a nine");
        Ok(Ack::Durable)
    }

    fn view(&self, (): &mut ()) -> Result<u8> {
        Ok(0)
    }

    fn model(&self, _: &mut u8, _: &u8) {}
}

#[test]
fn a_panic_without_any_crash_is_told_as_such() {
    let explorer = |op| explore(Rash).in_process().workload([op]);
    assert!(explorer(8).run().is_ok());
    let error = explorer(9).run().expect_err("it cannot be recorded").to_string();
    assert!(error.contains("the system panicked without any crash: not a nine"), "{error}");
}
