//! Every crash state of the workloads, by brute force.

use super::bugs::SWITCHES;
use super::states::{CrashState, crash_states, on, torn};
use super::*;
use crashcheck::trace::Image;
use std::collections::BTreeSet;

/// What a state breaks, if anything.
fn broken(system: &Vsfs, state: &CrashState, ops: &[FsOp], states: &[View]) -> Result<(), Violation> {
    let recovers = |error: crashcheck::Error| Violation::new("recovers", error.to_string());
    let disk = state.disk();
    let mut live = system.open(disk.clone()).map_err(recovers)?;
    let view = system.view(&mut live).map_err(recovers)?;
    system.check(&mut live).map_err(|error| Violation::new("well-formed", error.to_string()))?;
    for window in &state.windows {
        system.judge(&view, &History { ops, states, window: *window })?;
    }
    let mut again = system.open(disk).map_err(recovers)?;
    if !again.report().is_clean() || system.view(&mut again).map_err(recovers)? != view {
        return Err(Violation::new(
            "idempotent",
            format!("a second recovery finds {}", again.report().words()),
        ));
    }
    for op in system.probe(&view) {
        match system.apply(&mut again, &op) {
            Ok(Ack::Refused) | Err(_) => return Err(Violation::new("usable", format!("{op}"))),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn violations(system: &Vsfs, ops: Vec<FsOp>) -> Vec<(Violation, Vec<String>)> {
    let recording = crashcheck::record(system, ops).expect("the workload runs without a crash");
    let mut violations = Vec::new();
    crash_states(&recording.trace, |state| {
        if let Err(violation) = broken(system, &state, &recording.ops, &recording.states) {
            violations.push((violation, state.survived));
        }
    });
    violations
}

#[test]
fn no_crash_of_any_workload_breaks_a_promise() {
    for workload in workloads::all() {
        let violations = violations(&Vsfs::default(), workload.ops);
        assert!(violations.is_empty(), "{}: {:?}", workload.name, &violations[..violations.len().min(3)]);
    }
}

#[test]
fn torn_blocks_break_no_promise_either() {
    for workload in workloads::all() {
        let recording = crashcheck::record(&Vsfs::default(), workload.ops).expect("records");
        crash_states(&torn(&recording.trace), |state| {
            let outcome = broken(&Vsfs::default(), &state, &recording.ops, &recording.states);
            assert_eq!(outcome, Ok(()), "{}: {:?}", workload.name, state.survived);
        });
    }
}

#[test]
fn no_crash_of_generated_operations_breaks_a_promise() {
    for seed in 0..40 {
        let violations = violations(&Vsfs::default(), Vsfs::generated(seed));
        assert!(violations.is_empty(), "seed {seed}: {:?}", &violations[..violations.len().min(3)]);
    }
}

#[test]
fn every_bug_switch_breaks_what_it_says_in_its_workload() {
    for switch in &SWITCHES {
        let system = Vsfs::with_bugs(&[switch.name.to_owned()]).expect("a name from the table");
        let promises: BTreeSet<String> = violations(&system, workload(switch.workload))
            .into_iter()
            .map(|(violation, _)| violation.promise)
            .collect();
        let named = promises.iter().any(|promise| switch.breaks.contains(&promise.as_str()));
        assert!(named, "{} breaks {promises:?} in {}, not {:?}", switch.name, switch.workload, switch.breaks);
    }
}

/// Records what fsck does to an image.
struct Fsck<'i>(&'i Image);

impl System for Fsck<'_> {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn devices(&self) -> Vec<Device> {
        vec![Device { name: "disk".into(), block: Bytes(4096), base: self.0.clone() }]
    }

    fn open(&self, disk: Disk) -> crashcheck::Result<Mounted> {
        Vsfs::default().open(disk)
    }

    fn apply(&self, live: &mut Mounted, op: &FsOp) -> crashcheck::Result<Ack> {
        Vsfs::default().apply(live, op)
    }

    fn view(&self, live: &mut Mounted) -> crashcheck::Result<View> {
        Vsfs::default().view(live)
    }

    fn model(&self, _: &mut View, _: &FsOp) {}
}

#[test]
fn a_crash_during_fsck_changes_nothing_about_its_result() {
    let mut interrupted = 0;
    for name in
        ["rename", "rename-directory", "swap-directories", "unlink", "link", "shrink-indirect", "mkdir"]
    {
        let recording = crashcheck::record(&Vsfs::default(), workload(name)).expect("records");
        crash_states(&recording.trace, |state| {
            let fsck = crashcheck::record(&Fsck(&state.image), Vec::new()).expect("fsck works");
            crash_states(&fsck.trace, |nested| {
                let mut live =
                    Vsfs::default().open(on(&nested.image)).expect("fsck works after a crash of fsck");
                let view = Vsfs::default().view(&mut live).expect("can be read");
                assert_eq!(view, fsck.states[0], "{name}: {:?}, then {:?}", state.survived, nested.survived);
                interrupted += 1;
            });
        });
    }
    assert!(interrupted > 1000, "only {interrupted} interrupted repairs were tried");
}
