//! What `check` does in a test with a recovery that takes its process down: a finding, not the end of the tests.

use crashcheck::supervise::is_supervised;
use crashcheck::{Ack, Bytes, Disk, Explorer, Result, System, Violation, explore};
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Pairs of blocks, written one after the other without a flush. Recovery takes its process down where the second block of
/// a pair survived alone.
#[derive(Clone, Copy)]
struct Pairs {
    fault: Fault,
    /// Where to note the processes in which it is opened.
    noted: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Exit,
    Abort,
    Overflow,
    /// It exits before anything was written.
    ExitAtOnce,
}

fn overflow(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { overflow(depth + 1).wrapping_add(std::hint::black_box(depth)) }
}

/// The number of a pair, as both of its blocks say it.
type Blocks = [[u8; 2]; 9];

impl System for Pairs {
    type Op = u8;
    type Live = Disk;
    type View = Blocks;

    fn open(&self, disk: Disk) -> Result<Disk> {
        if let Some(name) = self.noted {
            note(name);
        }
        let struck = self.view(&mut disk.clone())?.iter().any(|pair| pair[0] < pair[1]);
        match self.fault {
            Fault::ExitAtOnce => std::process::exit(0),
            Fault::Exit if struck => std::process::exit(0),
            Fault::Abort if struck => std::process::abort(),
            Fault::Overflow if struck => drop(overflow(0)),
            _ => {}
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, pair: &u8) -> Result<Ack> {
        for block in 0..2 {
            disk.write(Bytes(4096 * (2 * u64::from(*pair) + block)), &[*pair])?;
        }
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<Blocks> {
        let mut blocks = Blocks::default();
        for (block, at) in blocks.as_flattened_mut().iter_mut().zip(0..) {
            disk.read(Bytes(4096 * at), std::slice::from_mut(block))?;
        }
        Ok(blocks)
    }

    fn model(&self, view: &mut Blocks, pair: &u8) {
        view[usize::from(*pair)] = [*pair; 2];
    }

    fn judge(&self, _: &Blocks, _: &crashcheck::History<'_, Self>) -> Result<(), Violation> {
        Ok(())
    }
}

/// The file of this name, the same in a child.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Adds the number of this process to a file.
fn note(name: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(file(name)).expect("a file");
    // In one piece: threads write at the same time.
    file.write_all(format!("{}\n", std::process::id()).as_bytes()).expect("written");
}

fn pairs(fault: Fault) -> Explorer<Pairs> {
    explore(Pairs { fault, noted: None }).lives(1).without_regressions()
}

/// The processes in which a correct system is opened by what is done with it, without repetition.
fn opened_in(name: &'static str, check: impl FnOnce(Explorer<Pairs>)) -> Vec<u32> {
    // An earlier run may have been interrupted.
    let _ = std::fs::remove_file(file(name));
    check(explore(Pairs { fault: Fault::None, noted: Some(name) }).lives(1).without_regressions());
    let text = std::fs::read_to_string(file(name)).expect("it was opened");
    std::fs::remove_file(file(name)).expect("it is there");
    let mut processes: Vec<u32> = text.lines().map(|line| line.parse().expect("a number")).collect();
    processes.dedup();
    processes
}

fn failing(check: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(check)).expect_err("it fails").downcast::<String>().expect("words")
}

fn assert_found(text: &str, how: &str) {
    for part in ["recovers: recovery took its process down (", how, "id:           pairs:"] {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
}

#[test]
fn a_recovery_that_exits_in_good_order_is_a_finding() {
    assert_found(&failing(|| pairs(Fault::Exit).workload([1]).check()), "exit status: 0");
}

#[test]
fn a_recovery_that_aborts_is_a_finding() {
    assert_found(&failing(|| pairs(Fault::Abort).workload([1]).check()), "SIGABRT");
}

#[test]
fn a_recovery_that_overflows_its_stack_is_a_finding() {
    assert_found(&failing(|| pairs(Fault::Overflow).workload([1]).check()), "SIGABRT");
}

#[test]
fn such_a_finding_is_made_small_and_stored_where_the_parent_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let check =
        |ops: &[u8]| pairs(Fault::Exit).regressions(folder.path()).workload(ops.iter().copied()).check();
    let text = failing(|| check(&[1, 2]));
    assert!(text.contains("from 2 operations to 1"), "{text}");
    // This workload has no crash state at all.
    let again = failing(|| check(&[]));
    assert!(again.contains("fails again"), "{again}");
    // The folder that the child has made for itself stays empty.
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    assert_found(&again, "exit status: 0");
}

#[test]
fn where_too_many_states_take_the_process_down_the_first_is_told() {
    assert_found(&failing(|| pairs(Fault::Exit).workload(1..=8).check()), "exit status: 0");
}

#[test]
fn generated_workloads_are_supervised_as_well() {
    let ops = proptest::collection::vec(1..=2u8, 0..3);
    assert_found(&failing(|| pairs(Fault::Exit).generate(ops).cases(8).check()), "exit status: 0");
}

#[test]
fn a_system_that_goes_down_without_a_crash_is_told_so() {
    let text = failing(|| pairs(Fault::ExitAtOnce).workload([1]).check());
    assert!(text.contains("died (exit status: 0) while no recovery was running"), "{text}");
}

/// What another run of this test binary, for one test alone, prints.
fn output_of(test: &str) -> String {
    let program = std::env::current_exe().expect("a test binary");
    let mut command = std::process::Command::new(program);
    command.args(["--exact", test, "--nocapture", "--include-ignored"]).env("CRASHCHECK_TEST", test);
    command
        .env("CRASHCHECK_IN_PROCESS", if test == "the_environment_turns_children_off" { "1" } else { "0" });
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether this test was asked for by [`output_of`].
fn is_asked_for(test: &str) -> bool {
    std::env::var_os("CRASHCHECK_TEST").is_some_and(|asked| asked == test)
}

#[test]
fn what_is_printed_is_printed_once() {
    const TEST: &str = "what_is_printed_is_printed_once";
    if is_asked_for(TEST) {
        println!("Before the check.");
        pairs(Fault::None).workload([1]).check();
        return println!("After the check.");
    }
    let printed = output_of(TEST);
    for part in
        ["Before the check.", "pairs:workload under reorder: 4 of 4", "After the check.", "running 1 test"]
    {
        assert_eq!(printed.matches(part).count(), 1, "'{part}' in\n{printed}");
    }
}

#[test]
fn later_checks_find_what_they_would_find_alone() {
    pairs(Fault::None).workload([1]).check();
    assert_found(&failing(|| pairs(Fault::Exit).workload([1]).check()), "exit status: 0");
    assert_found(&failing(|| pairs(Fault::Abort).workload([1]).check()), "SIGABRT");
    pairs(Fault::None).workload([1, 2]).check();
}

#[test]
fn a_check_is_done_in_one_child() {
    let processes = opened_in("child", |pairs| pairs.workload([1]).check());
    let [child] = &processes[..] else { panic!("{processes:?}") };
    assert_ne!(*child, std::process::id());
}

#[test]
fn a_check_that_is_told_so_starts_nothing() {
    let processes = opened_in("in-process", |pairs| pairs.in_process().workload([1]).check());
    assert_eq!(processes, [std::process::id()]);
}

#[test]
fn a_check_of_something_else_every_time_is_done_in_process() {
    let random = (std::process::id() % 9) as u8;
    let other = is_supervised();
    let ops = [random, u8::from(other)];
    let processes = opened_in("random", |pairs| pairs.workload(ops).check());
    assert_eq!(processes, [std::process::id()]);
}

#[test]
fn a_check_that_the_child_does_not_reach_is_done_in_process() {
    if is_supervised() {
        panic!("The port is taken.");
    }
    let processes = opened_in("unreached", |pairs| pairs.workload([1]).check());
    assert_eq!(processes, [std::process::id()]);
}

#[test]
fn a_check_in_another_thread_is_done_in_process() {
    let processes = opened_in("thread", |pairs| {
        let thread = std::thread::spawn(move || pairs.workload([1]).check());
        thread.join().expect("it passes");
    });
    assert_eq!(processes, [std::process::id()]);
}

#[test]
fn the_environment_turns_children_off() {
    const TEST: &str = "the_environment_turns_children_off";
    if is_asked_for(TEST) {
        let processes = opened_in("environment", |pairs| pairs.workload([1]).check());
        return assert_eq!(processes, [std::process::id()]);
    }
    output_of(TEST);
}

/// Panics in what is asked of the system beside recovery.
struct Unspeakable;

impl System for Unspeakable {
    type Op = u8;
    type Live = Disk;
    type View = u8;

    fn name(&self) -> String {
        "unspeakable".to_owned()
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, _: &mut Disk, _: &u8) -> Result<Ack> {
        panic!("nobody has thought of that")
    }

    fn view(&self, _: &mut Disk) -> Result<u8> {
        Ok(0)
    }

    fn model(&self, _: &mut u8, _: &u8) {}
}

#[test]
#[should_panic(expected = "nobody has thought of that")]
fn a_panic_in_the_child_is_one_of_the_test() {
    explore(Unspeakable).without_regressions().workload([1]).check();
}
