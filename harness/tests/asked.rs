//! What a failing check prints leads back to the state that fails: in the same test, in one process, to stop at.

use crashcheck::{Ack, Bytes, Disk, Explorer, Result, System, explore};
use rustix::process::{Pid, Signal, kill_process};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A number that is acknowledged as durable, and is so if somebody waits for it. It refuses 0.
#[derive(Clone, Copy)]
struct Number {
    waits: bool,
}

impl System for Number {
    type Op = u8;
    type Live = Disk;
    type View = u8;

    fn open(&self, disk: Disk) -> Result<Disk> {
        eprintln!("opened in {}", std::process::id());
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        if *number == 0 {
            return Ok(Ack::Refused);
        }
        disk.write(Bytes(0), &[*number])?;
        if self.waits {
            disk.flush()?;
        }
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<u8> {
        let mut byte = [0];
        disk.read(Bytes(0), &mut byte)?;
        Ok(byte[0])
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

/// Whether this process was asked to run one test, which then is the test of a user; the fault is mended if it is to be.
fn number() -> Explorer<Number> {
    let waits = std::env::var_os("NUMBER_WAITS").is_some();
    explore(Number { waits }).lives(1).jobs(1).without_regressions()
}

fn is_asked_for(test: &str) -> bool {
    std::env::var_os("CRASHCHECK_TEST").is_some_and(|asked| asked == test)
}

/// This test binary, for one test alone.
fn command(test: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test binary"));
    command.args(["--exact", test, "--nocapture"]).env("CRASHCHECK_TEST", test).env("RUST_BACKTRACE", "0");
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn ended(output: Output) -> (bool, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

fn ran(test: &str, variables: &[(&str, &str)]) -> (bool, String) {
    ended(command(test, variables).output().expect("it runs"))
}

/// The id in the line that a failing test has printed for its only finding.
fn id_in(text: &str, test: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once("CRASHCHECK_REPLAY="));
    let (_, line) = lines.next().unwrap_or_else(|| panic!("no line in\n{text}"));
    let (id, command) = line.split_once(' ').expect("a command");
    let package = std::env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
    assert_eq!(command, format!("cargo test{package} {test} -- --exact"), "{text}");
    id.to_owned()
}

/// The processes in which the system was opened, without repetition.
fn processes(text: &str) -> Vec<u32> {
    let numbers = text.lines().filter_map(|line| line.split("opened in ").nth(1)?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.dedup();
    numbers
}

#[test]
fn the_line_of_a_finding_shows_its_state_again_in_one_process() {
    const TEST: &str = "the_line_of_a_finding_shows_its_state_again_in_one_process";
    if is_asked_for(TEST) {
        number().workload([0, 7]).check();
        return println!("After the check.");
    }
    let (passed, text) = ran(TEST, &[]);
    assert!(!passed && text.contains("difference:   line 1: should be 7, is 0"), "{text}");
    let id = id_in(&text, TEST);
    let (passed, again) = ran(TEST, &[("CRASHCHECK_REPLAY", &id)]);
    assert!(!passed && again.contains(&format!("{id} fails\n\ndurable: ")), "{again}");
    assert!(again.contains("refused:      1 of 2 operations") && !again.contains("covered by"), "{again}");
    let [process] = processes(&again)[..] else { panic!("{again}") };
    let child = command(TEST, &[("CRASHCHECK_REPLAY", &id)]).stderr(Stdio::piped()).spawn().expect("it runs");
    let number = child.id();
    assert_eq!(processes(&ended(child.wait_with_output().expect("it ends")).1), [number]);
    assert_ne!(number, process, "each run is a process of its own");
    let repaired = [("CRASHCHECK_REPLAY", id.as_str()), ("NUMBER_WAITS", "1")];
    let (passed, text) = ran(TEST, &repaired);
    assert!(passed && text.contains(&format!("{id} passes now: ")), "{text}");
    assert!(text.contains("has changed") && text.contains("After the check."), "{text}");
}

#[test]
fn a_panic_is_where_the_check_is() {
    const TEST: &str = "a_panic_is_where_the_check_is";
    let line = line!() + 2;
    if is_asked_for(TEST) {
        return number().workload([7]).check();
    }
    let (_, text) = ran(TEST, &[]);
    assert!(text.contains(&format!("asked.rs:{line}:")), "{text}");
}

#[test]
fn a_check_of_something_else_looks_at_nothing_and_says_so() {
    const TEST: &str = "a_check_of_something_else_looks_at_nothing_and_says_so";
    if is_asked_for(TEST) {
        return number().workload([7]).check();
    }
    let (passed, text) = ran(TEST, &[("CRASHCHECK_REPLAY", "log:workload/reorder/e0/p0/00000000/-")]);
    assert!(passed && text.contains("is not what CRASHCHECK_REPLAY names"), "{text}");
    assert!(processes(&text).is_empty(), "{text}");
    let (passed, text) = ran(TEST, &[("CRASHCHECK_REPLAY", "number")]);
    assert!(!passed && text.contains("CRASHCHECK_REPLAY is not a replay id"), "{text}");
    let (passed, text) = ran(TEST, &[("CRASHCHECK_REPLAY", "number:workload/reorder/e0/p99/00000000/-")]);
    assert!(!passed && text.contains("nothing was looked at: the trace has no crash point"), "{text}");
}

#[test]
fn a_state_of_a_generated_workload_is_found_among_them() {
    const TEST: &str = "a_state_of_a_generated_workload_is_found_among_them";
    if is_asked_for(TEST) {
        return number().generate(proptest::collection::vec(1..=9u8, 1..4)).cases(4).check();
    }
    let (passed, text) = ran(TEST, &[]);
    assert!(!passed, "{text}");
    let id = id_in(&text, TEST);
    let (passed, again) = ran(TEST, &[("CRASHCHECK_REPLAY", &id)]);
    assert!(!passed && again.contains(&format!("{id} fails\n\ndurable: ")), "{again}");
    let (passed, text) = ran(TEST, &[("CRASHCHECK_REPLAY", &id), ("NUMBER_WAITS", "1")]);
    assert!(!passed && text.contains("none of the workloads has this trace"), "{text}");
    let (passed, text) = ran(TEST, &[("NUMBER_WAITS", "1")]);
    assert!(passed && text.contains("number under reorder: 4 workloads, "), "{text}");
}

/// The state of a process, in a letter: T if it is stopped.
fn state_of(process: &Child) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn it_stops_for_a_debugger_before_recovery() {
    const TEST: &str = "it_stops_for_a_debugger_before_recovery";
    if is_asked_for(TEST) {
        return number().workload([7]).check();
    }
    let id = id_in(&ran(TEST, &[]).1, TEST);
    let variables = [("CRASHCHECK_REPLAY", id.as_str()), ("CRASHCHECK_REPLAY_STOP", "1")];
    let mut command = command(TEST, &variables);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let started = Instant::now();
    while state_of(&child) != Some('T') {
        assert!(started.elapsed() < Duration::from_secs(60), "it does not stop");
        std::thread::sleep(Duration::from_millis(10));
    }
    let number = child.id();
    kill_process(Pid::from_child(&child), Signal::CONT).expect("it goes on");
    let (passed, text) = ended(child.wait_with_output().expect("it ends"));
    assert!(!passed && text.contains(&format!("{id} fails\n\n")), "{text}");
    let (before, after) = text.split_once(&format!("process {number} stops before")).expect("its number");
    // The workload was recorded before; recovery comes after.
    assert!(processes(before) == [number] && processes(after) == [number], "{text}");
}

#[test]
fn the_page_of_a_finding_is_written_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = || number().in_process().reports(folder.path()).workload([7]).check();
    let text = catch_unwind(AssertUnwindSafe(check)).expect_err("it fails");
    let text = *text.downcast::<String>().expect("words");
    let (_, path) = text.rsplit_once("\n\nReport: ").unwrap_or_else(|| panic!("no report: {text}"));
    let page = std::fs::read_to_string(path).expect("a page");
    assert!(page.contains("id=\"finding-1\"") && page.contains("CRASHCHECK_REPLAY=number:"), "{page}");
    let data = std::fs::read_to_string(path.replace(".html", ".json")).expect("data");
    assert!(data.contains("\"findings\""), "{data}");
}

#[test]
fn what_passes_says_so_in_a_line() {
    const TEST: &str = "what_passes_says_so_in_a_line";
    if is_asked_for(TEST) {
        return number().workload([7]).check();
    }
    let output = command(TEST, &[("NUMBER_WAITS", "1")]).output().expect("it runs");
    let printed = String::from_utf8(output.stderr).expect("text");
    let said = printed.lines().filter(|line| !line.starts_with("opened in")).collect::<Vec<_>>();
    let [line] = said[..] else { panic!("{printed}") };
    assert!(line.starts_with("number:workload under reorder: 2 of 2 crash states covered by "), "{line}");
    assert!(line.contains(", 0 findings"), "{line}");
}
