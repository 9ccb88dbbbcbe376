//! `crashcheck program`, on programs that nobody changed. Needs /dev/fuse and the right to mount, and sqlite3.

mod common;

use common::Place;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Replaces a file twice, and says so each time; in the right order if the first argument is `mended`.
const REPLACE: &str = r#"#!/bin/sh
for number in 1 2; do
    echo "value $number" > data/new
    [ "$1" = mended ] && sync data/new
    mv data/new data/current
    [ "$1" = mended ] && sync data
    echo "ok $number"
done
"#;

/// What a user sees.
const SHOW: &str = "#!/bin/sh\n[ ! -e data/current ] || cat data/current\n";

fn place() -> Place {
    let place = Place::new();
    script(&place, "replace.sh", REPLACE);
    script(&place, "show.sh", SHOW);
    place
}

fn script(place: &Place, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    place.write(name, text);
    fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).expect("it can be run");
}

const PROGRAM: [&str; 7] = ["program", "--dir", "data", "--recover", "./show.sh", "--ack", "^ok"];

#[test]
fn a_missing_fsync_is_named_and_with_it_all_is_well() {
    let place = place();
    let ran = place.run(&[&PROGRAM[..], &["--run", "./replace.sh broken"]].concat());
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    for told in [
        "recorded: 6 calls; 2 operations acknowledged",
        "(rename new to current) must be durable before",
        "an fsync of the file new before",
        "an fsync of the directory . before",
        "the name current in .",
    ] {
        assert!(ran.out.contains(told), "{told}: {}", ran.out);
    }
    let ran = place.run(&[&PROGRAM[..], &["--run", "./replace.sh mended"]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 survived"), "{}", ran.out);
    assert!(!place.path("data").exists(), "the folder is as it was");
}

#[test]
fn a_finding_is_shown_again_by_its_line() {
    let place = place();
    let ran = place.run(&[&PROGRAM[..], &["--run", "./replace.sh broken"]].concat());
    let line = ran.out.lines().find_map(|line| line.trim().strip_prefix("Reproduce with: "));
    let again = place.shell(line.expect("a line to show it again"));
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    assert!(again.out.contains("durable: what was acknowledged is gone"), "{}", again.out);
}

#[test]
fn recorded_and_explored_apart_it_comes_to_the_same() {
    let place = place();
    let at_once = place.run(&[&PROGRAM[..], &["--run", "./replace.sh broken", "--go-on", "none"]].concat());
    let recorded =
        place.run(&["record", "--files", "data", "--ack", "^ok", "-o", "x.crash", "--", "./replace.sh"]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.err);
    let explored = [
        &["explore", "--trace", "x.crash", "--files", "data", "--recover", "./show.sh", "--ack", "^ok"][..],
        &["--max-shrink-time", "0s", "--no-regressions"],
    ];
    let apart = place.run(&explored.concat());
    let states = |text: &str| {
        let table = text.split("crash states").nth(2).expect("a census");
        table.lines().take(5).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(states(&at_once.out), states(&apart.out));
    assert_eq!(apart.code, Some(1), "{}", apart.out);
    let stats = place.run(&["trace", "show", "x.crash"]);
    assert!(stats.out.contains("rename"), "{}", stats.out);
}

/// A server that is killed leaves its lock, and recovery refuses to start: nothing was lost for that.
#[test]
fn a_recovery_that_fails_where_only_the_process_had_died_is_found() {
    let place = Place::new();
    let run = "#!/bin/sh\n: > data/lock\nsync data\necho one > data/value\nsync data/value data\necho ok\n\
               echo two > data/other\nsync data/other data\necho ok\nrm data/lock\nsync data\n";
    script(&place, "server.sh", run);
    script(&place, "show.sh", "#!/bin/sh\n[ ! -e data/lock ] || { echo in use >&2; exit 1; }\nls data\n");
    let ran = place.run(&[&PROGRAM[..], &["--run", "./server.sh", "--go-on", "none"]].concat());
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("recovers: show.sh: in use"), "{}", ran.out);
}

/// What SQLite documents of its modes: the journal mode, the level of synchronous, the exit code, and what is told.
const SQLITE: [(&str, &str, i32, &[&str]); 5] = [
    ("delete", "extra", 0, &["1 survived"]),
    ("delete", "full", 1, &["durable: what was acknowledged is gone", "an fsync of the directory . before"]),
    ("wal", "full", 0, &["1 survived"]),
    ("wal", "normal", 1, &["durable: what was acknowledged is gone", "an fsync of the file x-wal before"]),
    ("delete", "off", 1, &["recovers:", "malformed"]),
];

#[test]
fn sqlite_keeps_what_it_documents_and_no_more() {
    let place = Place::new();
    script(&place, "put.sh", "#!/bin/sh\nexec sqlite3 -bail db/x < steps.sql\n");
    script(&place, "dump.sh", "#!/bin/sh\nexec sqlite3 -bail db/x 'pragma integrity_check' .dump\n");
    for (journal, synchronous, code, told) in SQLITE {
        place.write(
            "steps.sql",
            format!(
                "pragma journal_mode={journal};\npragma synchronous={synchronous};\n\
                 create table if not exists t(x);\nselect 'ok';\ninsert into t values(1);\nselect 'ok';\n"
            ),
        );
        let ran =
            place.run(
                &[
                    &[
                        "program",
                        "--dir",
                        "db",
                        "--run",
                        "./put.sh",
                        "--recover",
                        "./dump.sh",
                        "--ack",
                        "^ok",
                    ][..],
                    &["--go-on", "none", "--lives", "1"],
                ]
                .concat(),
            );
        assert_eq!(ran.code, Some(code), "{journal} {synchronous}: {}{}", ran.out, ran.err);
        for told in told {
            assert!(ran.out.contains(told), "{journal} {synchronous}: {told}: {}", ran.out);
        }
    }
}

#[test]
fn what_cannot_be_is_said() {
    let place = place();
    fs::create_dir(place.path("full")).expect("a folder");
    place.write("full/file", "");
    let program = |dir: &str, run: &str, more: &[&str]| {
        let args = [&["program", "--dir", dir, "--run", run, "--recover", "./show.sh"][..], more].concat();
        let ran = place.run(&args);
        (ran.code, ran.err)
    };
    let (run, none) = ("./replace.sh", &[][..]);
    for (ran, code, told) in [
        (program("full", run, none), 2, "full is not empty"),
        (program("no/such", run, none), 2, "no/such cannot be used"),
        (program("show.sh", run, none), 2, "show.sh cannot be used"),
        (program("data", "false", none), 5, "the program fails without any crash"),
        (program("data", "./nothing", none), 2, "cannot run `./nothing`"),
        (program("data", "true", none), 2, "has changed nothing in data"),
        (program("data", run, &["--ack", "(("]), 2, "is no regular expression"),
        (program("data", run, &["--ack", "never"]), 2, "no line that `./replace.sh` prints matches never"),
        (program("data", "mkfifo data/pipe", none), 5, "it could not make pipe, which is no file"),
    ] {
        assert_eq!(ran.0, Some(code), "{told}: {}", ran.1);
        assert!(ran.1.contains(told), "{told}: {}", ran.1);
    }
    place.write("disk.crash", "");
    let ran = place.run(&["explore", "--trace", "disk.crash", "--files", "data", "--recover", "./show.sh"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn a_recovery_that_hangs_or_leaves_something_behind_is_ended() {
    let place = place();
    script(&place, "hang.sh", "#!/bin/sh\nsleep 1000\n");
    let run = &["program", "--dir", "data", "--run", "./replace.sh", "--go-on", "none"][..];
    let ran = place.run(&[run, &["--recover", "./hang.sh", "--timeout", "300ms"]].concat());
    assert_eq!(ran.code, Some(5), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("did not end within"), "{}", ran.out);
    // A daemon has left the group of its command.
    script(&place, "daemon.sh", "#!/bin/sh\nsetsid sleep 1000 < data/current &\nexit 0\n");
    let ran = place.run(&[run, &["--recover", "./daemon.sh"]].concat());
    assert!(ran.code == Some(0) || ran.code == Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(running_in(&place), 0);
}

#[test]
fn whoever_is_killed_leaves_nothing_mounted_and_nothing_running() {
    let place = place();
    let args = [&PROGRAM[..], &["--run", "./replace.sh mended"]].concat();
    for nth in 0..40 {
        let mut command = place.command(&args);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(13 * nth));
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let mut patience = 100;
        while running_in(&place) > 0 && patience > 0 {
            std::thread::sleep(Duration::from_millis(20));
            patience -= 1;
        }
        assert_eq!(running_in(&place), 0, "killed after {} ms", 13 * nth);
        let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
        let folder = place.path("data");
        assert!(!mounts.contains(&*folder.to_string_lossy()), "{mounts}");
        let entries = fs::read_dir(&folder).map_or(0, Iterator::count);
        assert_eq!(entries, 0, "killed after {} ms", 13 * nth);
    }
}

/// How many processes work in a place.
fn running_in(place: &Place) -> usize {
    let place = fs::canonicalize(place.path("")).expect("a place");
    let works_there =
        |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(&place));
    let processes = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    processes.filter(|process| works_there(&process.path())).count()
}

#[test]
fn the_folder_is_the_same_for_a_program_that_runs_as_somebody_else() {
    let place = Place::new();
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    script(
        &place,
        "put.sh",
        "#!/bin/sh\numask 077\nmkdir data/own\necho one > data/own/file\nsync data/own/file data/own data\necho ok\n",
    );
    script(&place, "show.sh", "#!/bin/sh\ngrep -qs one data/own/file || exit 0\nstat -c '%a %u' data/own\n");
    script(&place, "open.sh", "#!/bin/sh\nchmod 777 data\n./as.sh\n");
    script(&place, "as.sh", &format!("#!/bin/sh\nexec {nobody} ./put.sh\n"));
    script(&place, "show-as.sh", &format!("#!/bin/sh\nexec {nobody} ./show.sh\n"));
    assert!(
        Command::new("chmod").args(["-R", "a+rX"]).arg(place.path("")).status().expect("chmod").success()
    );
    let args =
        ["program", "--dir", "data", "--run", "./open.sh", "--recover", "./show-as.sh", "--ack", "^ok"];
    let ran = place.run(&[&args[..], &["--go-on", "none"]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("\"700 65534\""), "{}", ran.out);
}
