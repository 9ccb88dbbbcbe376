//! Crash states that are written to a folder where no file system is mounted: what is found and what is covered is the same.

mod common;

use common::{Place, Ran};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/programs")
}

fn script(place: &Place, name: &str, text: &str) {
    place.write(name, text);
    fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).expect("it can be run");
}

/// The command line of a program that has no mapping.
fn ready(place: &Place, source: &Path) -> Option<String> {
    let compiled = |compiler: &str, args: &[&str]| {
        let status =
            Command::new(compiler).args(args).arg("-o").arg(place.path("compiled")).arg(source).status();
        assert!(status.expect("a compiler").success());
        "./compiled".to_owned()
    };
    match source.extension().and_then(OsStr::to_str)? {
        "c" => Some(compiled("cc", &["-O1"])),
        "rs" => Some(compiled("rustc", &["--edition", "2024"])),
        "sh" => Some(format!("sh {}", source.display())),
        "py" => Some(format!("/usr/bin/env python3 -I -S {}", source.display())),
        _ => None,
    }
}

/// Explores one life of what was recorded, in a folder that is mounted or not.
fn explored(place: &Place, fuse: &str, recover: &str, more: &[&str]) -> (Ran, serde_json::Value) {
    let args = [
        "explore",
        "--trace",
        "x.crash",
        "--files",
        "data",
        "--recover",
        recover,
        "--ack",
        "^ok",
        "--fuse",
        fuse,
    ];
    let ran = place.run(
        &[&args[..], &["--no-regressions", "--max-shrink-time", "0s", "--json", "report.json"], more]
            .concat(),
    );
    assert!(matches!(ran.code, Some(0 | 1)), "{}{}", ran.out, ran.err);
    assert!(!place.path("data").exists(), "the folder is as it was");
    let explored = place.json("report.json")["explorations"][0].clone();
    (ran, explored)
}

fn promises(explored: &serde_json::Value) -> Vec<String> {
    let findings = explored["findings"].as_array().expect("a list").iter();
    findings.map(|finding| format!("{}: {}", finding["promise"], finding["detail"])).collect()
}

fn assert_alike(place: &Place, recover: &str) {
    let (_, mounted) = explored(place, "always", recover, &["--lives", "1"]);
    let (ran, written) = explored(place, "never", recover, &["--lives", "1"]);
    assert_eq!(written["verdict"], mounted["verdict"], "{recover}: {}", ran.out);
    for count in ["total", "represented", "complete"] {
        assert_eq!(written["coverage"][count], mounted["coverage"][count], "{recover}: {count}: {}", ran.out);
    }
    assert_eq!(mounted["coverage"]["complete"], true, "{recover}");
    let (mut one, mut other) = (promises(&mounted), promises(&written));
    one.sort();
    other.sort();
    assert_eq!(one, other, "{recover}");
    let recoveries = |of: &serde_json::Value| of["coverage"]["recoveries"].as_u64().expect("a number");
    assert!(recoveries(&written) >= recoveries(&mounted), "{recover}");
}

#[test]
fn programs_with_mistakes_come_to_the_same_mounted_and_written() {
    let mut alike = 0;
    for entry in fs::read_dir(folder()).expect("a folder") {
        let source = entry.expect("an entry").path();
        let place = Place::new();
        let Some(line) = ready(&place, &source) else { continue };
        for twin in ["broken", "mended"] {
            let words: Vec<&str> = line.split(' ').chain([twin]).collect();
            let record = ["record", "--files", "data", "--ack", "^ok", "-o", "x.crash", "--"];
            let ran = place.run(&[&record[..], &words].concat());
            assert_eq!(ran.code, Some(0), "{line}: {}", ran.err);
            assert_alike(&place, &format!("{line} {twin} recover"));
            alike += 1;
        }
    }
    assert_eq!(alike, 24);
}

/// Recovers by changing all there is, and shows it.
const RECOVER: &str = "#!/bin/sh
cd data
[ -e new ] && mv new left
[ -e sub/link ] && rm sub/link
[ -d sub ] && { echo 1 > sub/count; ln -sf count sub/current; ln -f sub/count sub/other; }
[ -e empty ] && rmdir empty
mkdir -p made && chmod 700 made
stat -c '%n %a %F' . * sub/* 2> /dev/null
cat current sub/current sub/other 2> /dev/null
true
";

#[test]
fn what_a_recovery_leaves_is_what_the_next_one_finds() {
    let place = Place::new();
    let put = "#!/bin/sh\ncd data\nchmod 750 .\nmkdir sub empty\nln -s nowhere sub/link\nsync .\necho one > new\necho ok\n";
    script(&place, "put.sh", put);
    script(&place, "recover.sh", RECOVER);
    let record = ["record", "--files", "data", "--ack", "^ok", "-o", "x.crash", "--", "./put.sh"];
    assert_eq!(place.run(&record).code, Some(0));
    assert_alike(&place, "./recover.sh");
    script(&place, "recover.sh", &RECOVER.replace("1 > sub/count", "1 >> sub/count"));
    let (ran, written) = explored(&place, "never", "./recover.sh", &["--max-states", "20"]);
    assert!(promises(&written).iter().any(|promise| promise.contains("idempotent")), "{}", ran.out);
    let notes = written["notes"].to_string();
    assert!(notes.contains("written to the folder, so that more recoveries cover as much"), "{notes}");
    assert!(notes.contains("was not crashed again"), "{notes}");
}

#[test]
fn a_program_is_tested_without_fuse_from_its_start_to_a_finding_that_is_shown_again() {
    let place = Place::new();
    script(&place, "replace.sh", "#!/bin/sh\necho one > data/new\nmv data/new data/current\necho ok\n");
    script(&place, "show.sh", "#!/bin/sh\n[ ! -e data/current ] || cat data/current\n");
    let program =
        ["program", "--dir", "data", "--run", "./replace.sh", "--recover", "./show.sh", "--ack", "^ok"];
    let ran = place.run(&[&program[..], &["--fuse", "never"]].concat());
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("an fsync of the file new before"), "{}", ran.out);
    let line = ran.out.lines().find_map(|line| line.trim().strip_prefix("Reproduce with: "));
    let line = line.expect("a line to show it again");
    assert!(line.contains("--fuse never"), "{line}");
    let again = place.shell(line);
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    assert!(!place.path("data").exists());
    // Where it cannot be mounted it is said, and done all the same.
    let line = format!(
        "mount --bind /dev/null /dev/fuse && exec {} {}",
        env!("CARGO_BIN_EXE_crashcheck"),
        shlex::try_join(program).expect("words")
    );
    let output =
        Command::new("unshare").args(["--mount", "sh", "-c", &line]).current_dir(place.path("")).output();
    let output = output.expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(
        err.contains("strace records instead") && out.contains("more recoveries cover as much"),
        "{out}{err}"
    );
}

#[test]
fn what_a_recovery_leaves_running_does_not_write_into_the_next_state() {
    let place = Place::new();
    script(&place, "put.sh", "#!/bin/sh\nfor n in 1 2 3; do echo $n > data/$n; echo ok; done\n");
    script(
        &place,
        "daemon.sh",
        "#!/bin/sh\n[ -e data/stray ] && exit 9\nsetsid sh -c 'sleep 0.2; touch data/stray' > /dev/null &\nls data\n",
    );
    let record = ["record", "--files", "data", "--ack", "^ok", "-o", "x.crash", "--", "./put.sh"];
    assert_eq!(place.run(&record).code, Some(0));
    let (ran, _) = explored(&place, "never", "./daemon.sh", &["--max-states", "20"]);
    assert!(!ran.out.contains("exit status: 9"), "{}", ran.out);
    let works_there =
        |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(place.path("")));
    let left = fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter(|process| works_there(&process.path()))
        .count();
    assert_eq!(left, 0);
}
