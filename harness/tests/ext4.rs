//! The traces of the kernel's ext4 in `traces/corpus`, with e2fsck as their recovery.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::trace::{Trace, import};
use crashcheck::{Budget, Commands, Options, Shrink, explore_trace};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A trace of the corpus, its recovery and its checks; `None`, and says why, where e2fsprogs is missing.
fn recorded(name: &str) -> Option<(Trace, Commands)> {
    if ["e2fsck", "debugfs"].iter().any(|tool| Command::new(tool).arg("-V").output().is_err()) {
        eprintln!("not run: e2fsck or debugfs is missing; install e2fsprogs and have /usr/sbin in PATH");
        return None;
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/corpus");
    let commands = Commands {
        recover: "e2fsck -fy {image}".to_owned(),
        checks: vec![
            "e2fsck -fn {image}".to_owned(),
            format!("'{}' {{image}}", corpus.join("check-ext4.sh").display()),
        ],
        timeout: Duration::from_secs(30),
        from: 0,
        folder: None,
    };
    Some((import::open(corpus.join(format!("{name}.crash"))).unwrap().trace, commands))
}

/// Explores a trace.
fn explored(name: &str, budget: Budget) -> Option<Exploration> {
    let (trace, commands) = recorded(name)?;
    let options = Options { budget, ..Options::default() };
    let stop = AtomicBool::new(false);
    Some(explore_trace(trace, name, &commands, &options, &stop, &mut |_| ()).unwrap())
}

// All 7,893 crash states take minutes; these are the first 337 of them.
#[test]
fn ext4_with_barriers_survives_the_loss_or_the_survival_of_any_one_write() {
    let budget = Budget { deviations: Some(1), ..Budget::default() };
    let Some(exploration) = explored("ext4-barrier", budget) else { return };
    assert!(exploration.findings.is_empty(), "{}", exploration.findings[0]);
    assert_eq!(exploration.verdict, Verdict::Incomplete, "no more than one deviation");
    assert!(exploration.coverage.recoveries > 300);
}

#[test]
fn ext4_without_barriers_loses_what_fsync_promised() {
    let budget = Budget { fail_fast: true, ..Budget::default() };
    let Some(exploration) = explored("ext4-nobarrier", budget) else { return };
    assert_eq!(exploration.verdict, Verdict::Lost);
    let finding = &exploration.findings[0];
    assert!(finding.detail.contains("keep shows nothing"), "{finding}");
    assert!(finding.crash_point.contains("durable acknowledgement of operation 1"), "{finding}");
}

#[test]
fn what_is_left_of_the_trace_without_barriers_are_the_few_writes_that_were_lost() {
    let Some((trace, commands)) = recorded("ext4-nobarrier") else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        budget: Budget { fail_fast: true, ..Budget::default() },
        explain: false,
        shrink: Some(Shrink { time: Duration::from_secs(300), ..Shrink::default() }),
        regressions: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let (stop, name) = (AtomicBool::new(false), "ext4-nobarrier.crash");
    let found = explore_trace(trace.clone(), name, &commands, &options, &stop, &mut |_| ()).unwrap();
    let finding = &found.findings[0];
    let shrunk = finding.shrunk.as_ref().expect("it was shrunk");
    let small = Trace::read_from(shrunk.file.as_ref().expect("it was stored")).unwrap().0;
    let writes = |trace: &Trace| trace.events.iter().filter(|event| event.range().is_some()).count();
    println!("{} of {} writes after {} candidates", writes(&small), writes(&trace), shrunk.candidates);
    assert!(writes(&trace) >= 30 && writes(&small) <= 5, "{}", writes(&small));
    assert!(finding.detail.contains("keep shows nothing"), "{finding}");
}
