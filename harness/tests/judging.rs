//! What is asked of the author of a system beside recovery may go wrong too: that is a finding, never a state that is
//! silently left out.

use crashcheck::outcome::{Difference, Exploration, Verdict};
use crashcheck::{Ack, Bytes, Disk, History, Limits, Options, Result, System, Violation, explore};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Two blocks, written one after the other without a flush. Something goes wrong where only the second survived.
struct Pair(Wrong);

#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    JudgePanics,
    JudgeHangs,
    EqPanics,
    HashPanics,
    DifferencesPanic,
}

/// What the two blocks hold.
#[derive(Clone, Debug)]
struct Shown {
    blocks: (u8, u8),
    wrong: Wrong,
}

impl Shown {
    fn is_struck(&self, by: Wrong) -> bool {
        self.blocks == (0, 2) && self.wrong == by
    }
}

impl std::fmt::Debug for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong")
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Shown) -> bool {
        let struck = [self, other].iter().any(|shown| shown.is_struck(Wrong::EqPanics));
        assert!(!struck, "it cannot be compared");
        self.blocks == other.blocks
    }
}

impl Eq for Shown {}

impl Hash for Shown {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!self.is_struck(Wrong::HashPanics), "it has no hash");
        // All alike, so that they are compared.
        0.hash(state);
    }
}

fn read(disk: &Disk) -> Result<(u8, u8)> {
    let mut blocks = [[0], [0]];
    disk.read(Bytes(4096), &mut blocks[0])?;
    disk.read(Bytes(8192), &mut blocks[1])?;
    Ok((blocks[0][0], blocks[1][0]))
}

impl System for Pair {
    type Op = u8;
    type Live = Disk;
    type View = Shown;

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, value: &u8) -> Result<Ack> {
        disk.write(Bytes(4096 * u64::from(*value)), &[*value])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<Shown> {
        Ok(Shown { blocks: read(disk)?, wrong: self.0 })
    }

    fn model(&self, view: &mut Shown, value: &u8) {
        if *value == 1 { view.blocks.0 = 1 } else { view.blocks.1 = 2 }
    }

    fn judge(&self, view: &Shown, _: &History<'_, Self>) -> Result<(), Violation> {
        assert!(!view.is_struck(Wrong::JudgePanics), "nobody has thought of that");
        while view.is_struck(Wrong::JudgeHangs) {
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.0 == Wrong::DifferencesPanic && view.blocks == (0, 2) {
            true => Err(Violation::new("atomic", "the second block came alone")),
            false => Ok(()),
        }
    }

    fn differences(&self, _: &Shown, _: &Shown) -> Vec<Difference> {
        panic!("there is no difference")
    }
}

fn run(wrong: Wrong) -> Exploration {
    let time = Duration::from_secs(if wrong == Wrong::JudgeHangs { 1 } else { 60 });
    let options =
        Options { limits: Limits { time, ..Limits::default() }, lives: 1, jobs: 2, ..Options::default() };
    explore(Pair(wrong)).options(options).workload([1, 2]).run().expect("the system works without a crash")
}

fn assert_found(wrong: Wrong, promise: &str, words: &str) {
    let exploration = run(wrong);
    assert_eq!(exploration.verdict, Verdict::Lost);
    let [finding] = &exploration.findings[..] else { panic!("{:#?}", exploration.findings) };
    assert_eq!((finding.promise.as_str(), finding.states.as_str()), (promise, "1"), "{finding:#?}");
    assert!(finding.detail.contains(words), "{}", finding.detail);
    assert!(exploration.coverage.complete, "the other states were explored as well");
    assert_eq!((exploration.coverage.total.as_str(), exploration.coverage.represented.as_str()), ("4", "4"));
}

#[test]
fn nothing_wrong_is_nothing_found() {
    let exploration = run(Wrong::Nothing);
    assert_eq!(exploration.verdict, Verdict::Survived);
    assert!(exploration.coverage.complete);
}

#[test]
fn a_judge_that_panics_is_a_finding() {
    assert_found(Wrong::JudgePanics, "judged", "the judge panicked: nobody has thought of that at ");
}

#[test]
fn a_judge_that_hangs_is_a_finding() {
    assert_found(Wrong::JudgeHangs, "judged", "judging what recovery shows did not come back within 1 s");
}

#[test]
fn a_view_that_cannot_be_compared_is_a_finding() {
    assert_found(Wrong::EqPanics, "recovers", "it cannot be compared");
}

#[test]
fn a_view_without_a_hash_is_a_finding() {
    assert_found(Wrong::HashPanics, "recovers", "it has no hash");
}

#[test]
fn differences_that_panic_cost_only_themselves() {
    assert_found(Wrong::DifferencesPanic, "atomic", "came alone");
    let exploration = run(Wrong::DifferencesPanic);
    let told = &exploration.findings[0].differences[0].what;
    assert!(told.contains("there is no difference"), "{told}");
}

#[test]
#[should_panic(expected = "the judge panicked: nobody has thought of that")]
fn check_fails_with_a_judge_that_panics() {
    explore(Pair(Wrong::JudgePanics)).without_regressions().workload([1, 2]).check();
}

/// Recovery that takes long once, as on a machine that was busy or asleep.
struct SlowOnce(AtomicBool);

impl System for SlowOnce {
    type Op = u8;
    type Live = Disk;
    type View = (u8, u8);

    fn open(&self, disk: Disk) -> Result<Disk> {
        if read(&disk)? == (0, 2) && !self.0.swap(true, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1500));
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, value: &u8) -> Result<Ack> {
        disk.write(Bytes(4096 * u64::from(*value)), &[*value])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<(u8, u8)> {
        read(disk)
    }

    fn model(&self, view: &mut (u8, u8), value: &u8) {
        if *value == 1 { view.0 = 1 } else { view.1 = 2 }
    }

    fn judge(&self, _: &(u8, u8), _: &History<'_, Self>) -> Result<(), Violation> {
        Ok(())
    }
}

#[test]
fn what_takes_too_long_only_once_is_no_finding() {
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let options = Options { limits, lives: 1, ..Options::default() };
    let slow = SlowOnce(AtomicBool::new(false));
    let exploration =
        explore(slow).options(options).workload([1, 2]).run().expect("it works without a crash");
    assert_eq!(exploration.verdict, Verdict::Survived, "{:#?}", exploration.findings);
    assert!(exploration.coverage.complete);
}
