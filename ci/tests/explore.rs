//! `crashcheck explore` and `crashcheck replay`, as a user runs them.

mod common;

use common::{Place, json, read};

#[test]
fn a_clean_system_is_covered_completely_and_leaves_a_report() {
    let place = Place::new();
    let ran = place.run(&["explore", "vsfs:append", "--seed", "7"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains(" 8 ") && ran.out.contains("100 %"), "{}", ran.out);
    assert!(ran.out.contains("recovery met") && ran.out.contains("judged: recovers"), "{}", ran.out);
    assert!(ran.out.contains("\nseed 7\n"), "{}", ran.out);
    let report = place.json("target/crashcheck/report.json");
    assert_eq!(report["explorations"][0]["coverage"]["total"], "8");
    assert_eq!(report["seed"], 7);
}

#[test]
fn a_bug_is_found_replayed_and_passes_when_it_is_repaired() {
    let place = Place::new();
    let ran = place.run(&["explore", "journal:block-reuse", "--bug", "no-revoke", "--out", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("\nLOST journal+no-revoke:block-reuse under reorder\n"), "{}", ran.out);
    assert_eq!(ran.line("report:"), "out/report.html");
    let page = read(&place.path("out/report.html"));
    assert!(page.contains("<h1>journal+no-revoke:block-reuse does not survive a crash</h1>"), "{page}");
    let line = ran.line("Reproduce with:");
    let again = place.shell(line);
    assert_eq!(again.code, Some(1), "{}", again.out);
    assert!(again.out.starts_with("FAILS") && again.out.contains("no-foreign-data"), "{}", again.out);
    let fixed = place.shell(&format!("{line} --fixed"));
    assert_eq!(fixed.code, Some(0), "{}", fixed.out);
    assert!(fixed.out.starts_with("PASSES"), "{}", fixed.out);
}

#[test]
fn one_missing_flush_is_told_once_in_no_more_than_a_screen() {
    let place = Place::new();
    // The second run explores what the first has stored before everything else.
    for _ in 0..2 {
        let ran = place.run(&["explore", "vsfs", "--bug", "no-sync-flush"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        assert!(ran.out.lines().count() <= 60, "{}", ran.out);
        assert_eq!(ran.out.matches("\nLOST ").count(), 1, "{}", ran.out);
        assert!(ran.out.contains(" have one cause\n"), "{}", ran.out);
        assert_eq!(ran.line("missing:"), "a flush before an operation is acknowledged as durable");
        // One failure of each cause is stored, and what is replayed beside it is what was found.
        let stored = std::fs::read_dir(place.path("regressions")).expect("a folder").count();
        assert_eq!(stored, 1);
        let report = place.json("target/crashcheck/report.json");
        let findings = report["explorations"].as_array().expect("a list").iter();
        let findings: Vec<_> = findings.flat_map(|of| of["findings"].as_array().expect("a list")).collect();
        let unstored = findings.iter().find(|it| it["shrunk"].is_object() && it["shrunk"]["file"].is_null());
        let line = unstored.expect("a finding that is not stored")["replay"].as_str().expect("a line");
        assert_eq!(place.shell(line).code, Some(1), "{line}");
    }
    let all =
        place.run(&["explore", "vsfs:append", "--bug", "no-sync-flush", "--no-regressions", "--verbose"]);
    assert!(all.out.matches("\nLOST ").count() > 5, "every finding in full: {}", all.out);
}

#[test]
fn a_system_runs_on_a_block_device_with_the_faults_of_both() {
    let place = Place::new();
    let both = ["journal@raid5:create", "lfs@ftl:create"];
    let clean = place.run(&["explore", both[0], both[1], "--max-states", "200", "--verbose"]);
    assert_eq!(clean.code, Some(0), "{}", clean.err);
    for row in ["journal@raid5  create    member-loss", "lfs@ftl        create    flash"] {
        assert!(clean.out.contains(row), "{}", clean.out);
    }
    let above = place.run(&["explore", "journal@raid5:block-reuse", "--bug", "no-revoke", "--fail-fast"]);
    assert_eq!(above.code, Some(1), "{}", above.err);
    assert!(above.out.contains("no-foreign-data") && above.out.contains("JN-24: A block"), "{}", above.out);
    // The writes of a layer keep the words of what runs on it.
    assert!(above.line("power fails:").contains("(journal commit)"), "{}", above.out);
    let below = place.run(&["explore", "journal@raid5:create", "--bug", "no-resync"]);
    assert_eq!(below.code, Some(1), "{}", below.err);
    assert!(below.out.contains("RD-20") && below.line("crash state:").contains(" failed"), "{}", below.out);
    let again = place.shell(below.line("Reproduce with:"));
    assert_eq!(again.code, Some(1), "{}", again.out);
    for (name, hint) in [
        ("journal@raid9", "there is no block device 'raid9'; did you mean 'raid"),
        ("jurnal@raid5", "did you mean 'journal'?"),
    ] {
        let ran = place.run(&["explore", name]);
        assert_eq!(ran.code, Some(2), "{}", ran.out);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
}

#[test]
fn a_finding_names_its_missing_edge_and_advice_what_each_flush_is_good_for() {
    let place = Place::new();
    let ran = place.run(&["explore", "journal:append", "--bug", "no-commit-flush", "--lives", "1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let edge = ran.line("missing edge:");
    assert!(edge.starts_with("#8 (journal commit, ") && edge.contains("before #9 (durable ack"), "{edge}");
    assert!(ran.line("fix:").starts_with("a flush of disk before #9 (durable ack"), "{}", ran.out);
    let advice = place.run(&["advise", "journal:create"]);
    assert_eq!(advice.code, Some(0), "{}", advice.err);
    let verdicts = |word: &str| advice.out.lines().filter(|line| line.contains(word)).count();
    assert_eq!((verdicts(" needed "), verdicts(" redundant ")), (2, 2), "{}", advice.out);
    assert!(advice.out.contains("2 of 4 flushes can go"), "{}", advice.out);
    let lies = place.run(&["advise", "journal:create", "--profile", "lying-flush"]);
    assert_eq!(lies.code, Some(2), "{}", lies.out);
    let nothing = place.run(&["advise"]);
    assert_eq!(nothing.code, Some(2), "{}", nothing.out);
}

/// RD-20: the write hole in words.
#[test]
fn the_write_hole_is_told_by_a_block_that_nobody_wrote() {
    let place = Place::new();
    let ran = place.run(&["explore", "raid5", "--bug", "no-resync", "--verbose"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let told = |line: &&str| {
        line.contains("redundant: write hole: block 1, which no operation had written, reads as its content XOR (old XOR new")
    };
    let line = ran.out.lines().find(told).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(line.contains("of block 0") && line.contains("after member 1 is lost"), "{line}");
}

#[test]
fn a_replay_of_another_trace_has_diverged() {
    let place = Place::new();
    let ran = place.run(&["explore", "journal:block-reuse", "--bug", "no-revoke"]);
    let id = ran.line("id:");
    let hash = id.split('/').nth(4).expect("a fingerprint");
    // A moment that the trace does not have is no pass, whatever is switched off.
    for (nth, beyond) in [(2, "e999"), (3, "p999")] {
        let parts: Vec<&str> =
            id.split('/').enumerate().map(|(at, part)| if at == nth { beyond } else { part }).collect();
        for more in [&[][..], &["--fixed"]] {
            let again = place.run(&[&["replay", &parts.join("/")][..], more].concat());
            assert_eq!(again.code, Some(6), "{}", again.out);
            assert!(again.out.contains("nothing was looked at: the trace has no "), "{}", again.out);
        }
    }
    // Nor is one that is not in its epoch.
    let parts: Vec<&str> = id.split('/').collect();
    let elsewhere = [parts[0], parts[1], "e0", parts[3], parts[4], parts[5]].join("/");
    for more in [&[][..], &["--fixed"]] {
        let again = place.run(&[&["replay", &elsewhere][..], more].concat());
        assert_eq!(again.code, Some(6), "{}", again.out);
        assert!(again.out.contains(" in epoch 0, which has those from 0 to "), "{}", again.out);
    }
    let without = place.run(&["replay", &id.replace("+no-revoke", ""), "--fixed"]);
    assert!(without.code == Some(2) && without.err.contains("leave --fixed out"), "{}", without.err);
    let other = id.replace(hash, "00000000");
    let again = place.run(&["replay", &other]);
    assert_eq!(again.code, Some(6), "{}", again.out);
    assert!(again.out.starts_with("DIVERGED"), "{}", again.out);
}

#[test]
fn the_replay_line_carries_what_the_id_does_not_and_tells_if_the_profile_has_changed() {
    let place = Place::new();
    place.write("my own.toml", "name = \"mine\"\nabout = \"x\"\natomic = 4096\n");
    let search =
        ["explore", "journal:block-reuse", "--bug", "no-revoke", "--profile", "my own.toml", "--lives", "2"];
    let ran = place.run(&[&search[..], &["--max-states", "300"]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let lines: Vec<&str> =
        ran.out.lines().filter_map(|line| line.trim().strip_prefix("Reproduce with: ")).collect();
    assert!(!lines.is_empty(), "{}", ran.out);
    for line in &lines {
        assert!(line.contains(" --profile 'my own.toml'"), "{line}");
        assert_eq!(place.shell(line).code, Some(1), "{line}");
    }
    let found = place.run(&[&search[..], &["--max-states", "300", "--no-regressions"]].concat());
    place.write("my own.toml", "name = \"mine\"\nabout = \"x\"\natomic = 512\n");
    let line =
        found.out.lines().find_map(|line| line.trim().strip_prefix("Reproduce with: ")).expect("a line");
    let changed = place.shell(line);
    assert_eq!(changed.code, Some(6), "{}", changed.out);
    assert!(
        changed.out.contains("the device profile 'mine' is not as it was when the id"),
        "{}",
        changed.out
    );
}

#[test]
fn what_was_not_covered_is_said_and_fails_if_all_is_required() {
    let place = Place::new();
    let few = ["explore", "vsfs:append", "--max-states", "5"];
    let ran = place.run(&few);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.contains("not covered: the budget of 5 recoveries is used up (vsfs:append)"),
        "{}",
        ran.out
    );
    assert_eq!(place.run(&[&few[..], &["--require-complete"]].concat()).code, Some(3));
    assert_eq!(place.run(&["explore", "vsfs:append", "--require-complete"]).code, Some(0));
}

#[test]
fn a_trace_without_anything_in_flight_is_not_measured() {
    let place = Place::new();
    place.write("empty.fio", "fio version 2 iolog\n/dev/x add\n/dev/x open\n/dev/x close\n");
    let ran = place.run(&["explore", "--trace", "empty.fio", "--recover", "true {image}"]);
    assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("not measured"), "{}", ran.out);
}

#[test]
fn a_recorded_trace_is_explored_with_commands_and_replayed() {
    let place = Place::new();
    place.record("vsfs:append", "my trace.crash");
    let trace = ["explore", "--profile", "prefix", "--trace", "my trace.crash", "--recover", "true {image}"];
    assert_eq!(place.run(&[&trace[..], &["--check", "true"]].concat()).code, Some(0));
    let check = "sh -c 'test $CRASHCHECK_BEGUN_OPS != 2 || test $CRASHCHECK_DURABLE_OPS = 2'";
    let ran = place.run(&[&trace[..], &["--check", check]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let again = place.shell(ran.line("Reproduce with:"));
    assert_eq!(again.code, Some(1), "{}{}", again.out, again.err);
    let ran = place.run(&["replay", ran.line("id:")]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("give --trace FILE"), "{}", ran.err);
}

#[test]
fn the_power_fails_only_after_what_is_taken_as_done() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    let trace = ["explore", "--trace", "a.crash", "--recover", "true {image}", "--check", "true"];
    let run = |more: &[&str]| place.run(&[&trace[..], more].concat());
    assert_eq!(run(&["--from-event", "3"]).code, Some(0));
    for (more, words) in [
        (["--from-event", "100000"], "events, after which nothing can fail"),
        (["--from-mark", "mkfs"], "the trace has no marks"),
        (["--device-len", "512"], "but its device ends at 512"),
    ] {
        let ran = run(&more);
        assert_eq!(ran.code, Some(2), "{more:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{more:?}: {}", ran.err);
    }
    let ran = place.run(&["explore", "--trace", "a.crash", "--recover", "true {image}", "--check", "false"]);
    assert_eq!(ran.code, Some(5), "{}", ran.out);
    assert!(ran.out.contains("before the first event") && ran.out.contains("--base"), "{}", ran.out);
}

#[test]
fn generated_workloads_are_explored_instead_of_those_with_names() {
    let place = Place::new();
    let ran = place.run(&["explore", "journal", "--generate", "3", "--seed", "5", "--no-regressions", "-v"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = ran.out.lines().filter(|line| line.starts_with("journal "));
    let names: Vec<&str> = rows.filter_map(|row| row.split_whitespace().nth(1)).collect();
    assert!(names.len() == 3 && names.iter().all(|name| name.starts_with("generated-")), "{names:?}");
    assert!(names[0] == "generated-5" && ran.out.contains("; 3 of the workloads generated; "), "{}", ran.out);
    let ran = place.run(&["explore", "journal:create", "--generate", "3"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("name the system alone"), "{}", ran.err);
}

/// What was explored by a run that has written its data: workloads, events and recoveries.
fn explored(place: &Place, args: &[&str]) -> Vec<(String, u64, u64)> {
    let ran = place.run(&[args, &["--no-regressions", "--json", "data.json"]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let data = place.json("data.json");
    let of = |exploration: &serde_json::Value| {
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        let workload = exploration["workload"].as_str().expect("a name").to_owned();
        (workload, number(&exploration["events"]), number(&exploration["coverage"]["recoveries"]))
    };
    data["explorations"].as_array().expect("a list").iter().map(of).collect()
}

#[test]
fn a_workload_that_was_mutated_is_made_again_from_its_name() {
    let place = Place::new();
    let generate = ["explore", "vsfs", "--generate", "12", "--max-states", "300", "--max-later", "0"];
    let on_one_thread = explored(&place, &[&generate[..], &["--jobs", "1"]].concat());
    assert_eq!(explored(&place, &[&generate[..], &["--jobs", "3"]].concat()), on_one_thread);
    let mutated = on_one_thread.iter().filter(|(workload, ..)| workload.contains('.'));
    let (workload, ..) = mutated.clone().next().expect("a workload that was mutated");
    let again = explored(
        &place,
        &["explore", &format!("vsfs:{workload}"), "--max-states", "300", "--max-later", "0"],
    );
    assert!(mutated.clone().any(|known| *known == again[0]), "{again:?} is none of {on_one_thread:?}");
}

#[test]
fn a_recovery_command_that_does_not_exist_is_an_error_and_no_finding() {
    let place = Place::new();
    place.record("vsfs:append", "a.crash");
    let ran = place.run(&["explore", "--trace", "a.crash", "--recover", "no-such-program {image}"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no-such-program"), "{}", ran.err);
}

#[test]
fn names_that_do_not_exist_are_answered_with_those_that_do() {
    let place = Place::new();
    let cases: [(&[&str], &str); 8] = [
        (&["explore", "jurnal"], "did you mean 'journal'?"),
        (&["explore", "journal:renam"], "did you mean 'rename'?"),
        (&["explore", "vsfs", "--bug", "no-revoke"], "there is no bug switch 'no-revoke'"),
        (&["explore", "--bug", "no-revok"], "did you mean 'no-revoke'?"),
        (&["explore", "--profile", "reorde"], "did you mean 'reorder'?"),
        (&["explore", "--strategy", "guess"], "two-point"),
        (&["replay", "nonsense"], "replay id"),
        (&["record", "vsfs", "-o", "x"], "name a workload"),
    ];
    for (args, expected) in cases {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{args:?}");
    }
}

#[test]
fn a_bug_alone_selects_the_systems_that_have_it() {
    let ran = Place::new().run(&["explore", "--bug", "fsck-trusts-bitmap", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let systems: Vec<&str> =
        ran.out.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert!(
        !systems.is_empty() && systems.iter().all(|name| name.contains("+fsck-trusts-bitmap")),
        "{}",
        ran.out
    );
}

#[test]
fn a_dry_run_says_how_many_crash_states_there_are_and_runs_nothing() {
    let place = Place::new();
    let ran = place.run(&["explore", "vsfs:append", "--dry-run"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.out.lines().any(|line| line.starts_with("vsfs:append") && line.ends_with(" 8")),
        "{}",
        ran.out
    );
    assert!(!place.path("target").exists());
}

#[test]
fn the_same_run_gives_the_same_report_but_for_the_time() {
    let report = |jobs: &str| {
        // What is stored by one run is part of what the next one is given.
        let place = Place::new();
        let args = [
            "explore",
            "journal:block-reuse",
            "--bug",
            "no-revoke",
            "--profile",
            "reorder",
            "--profile",
            "torn",
        ];
        place.run(&[&args[..], &["--jobs", jobs, "--max-states", "200", "--json", "r.json"]].concat());
        let mut report = place.json("r.json");
        for exploration in report["explorations"].as_array_mut().expect("a list") {
            exploration.as_object_mut().expect("an object").remove("timing");
        }
        report
    };
    let one = report("1");
    assert_eq!(one["explorations"].as_array().map(Vec::len), Some(2));
    assert_eq!(one, report("2"));
}

#[test]
fn junit_has_a_failure_for_what_is_lost() {
    let place = Place::new();
    place.run(&["explore", "journal:block-reuse", "--bug", "no-revoke", "--junit", "deep/er/r.xml"]);
    let xml = read(&place.path("deep/er/r.xml"));
    assert!(xml.contains("<testsuite name=\"journal+no-revoke\" tests=\"1\" failures=\"1\""), "{xml}");
    assert!(xml.contains("type=\"no-foreign-data\""), "{xml}");
}

#[test]
fn the_page_and_the_comment_tell_what_was_switched_on_and_how_to_see_it_again() {
    let place = Place::new();
    let files = ["--html", "deep/er/r.html", "--markdown", "r.md", "--json", "r.json"];
    let ran = place.run(&[&["explore", "journal:block-reuse", "--bug", "no-revoke"], &files[..]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let (page, comment) = (read(&place.path("deep/er/r.html")), read(&place.path("r.md")));
    let line = ran.line("Reproduce with:").replace('\'', "&#39;");
    assert!(page.contains(&format!(">{line}</pre>")), "{line}: {page}");
    assert!(comment.contains("<pre>crashcheck replay journal+no-revoke&#58;"), "{comment}");
    assert_eq!(place.json("r.json")["explorations"][0]["findings"][0]["replay"], ran.line("Reproduce with:"));
    let about = &place.json("r.json")["explorations"][0]["about"];
    for part in ["system", "workload", "profile"] {
        assert!(about[part].as_str().is_some_and(|text| text.len() > 10), "{about}");
    }
    assert!(
        page.contains("Fault switched on") && about["bugs"].as_array().map(Vec::len) == Some(1),
        "{about}"
    );
    assert_eq!(page, read(&place.path("target/crashcheck/report.html")));
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_is_explored() {
    let place = Place::new();
    place.write("file", "");
    std::fs::create_dir(place.path("directory")).expect("a directory");
    for (option, path, hint) in [
        ("--html", "file/r.html", "file/r.html: cannot be written"),
        ("--markdown", "directory", "directory: is a directory; name a file"),
        ("--out", "file/out", "file/out: cannot be made"),
    ] {
        let ran = place.run(&["explore", "vsfs:append", option, path]);
        assert_eq!(ran.code, Some(2), "{}", ran.out);
        assert!(ran.err.contains(hint), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn fail_fast_ends_the_run_with_the_first_finding() {
    let ran =
        Place::new().run(&["explore", "journal", "--bug", "no-revoke", "--fail-fast", "--progress", "none"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("not explored: "), "{}", ran.out);
}

#[test]
fn colour_is_for_those_who_want_it() {
    let place = Place::new();
    let coloured =
        |args: &[&str]| place.run(&[&["explore", "vsfs:append"], args].concat()).out.contains('\u{1b}');
    assert!(!coloured(&[]));
    assert!(coloured(&["--color", "always"]));
    assert!(!coloured(&["--color", "never"]));
}

#[test]
fn the_configuration_gives_defaults_and_unknown_keys_are_refused() {
    let place = Place::new();
    place.write("crashcheck.toml", "[explore]\nseed = 41\n[preset.few]\nmax-states = 5\n");
    assert_eq!(place.run(&["explore", "vsfs:append"]).line("seed"), "41");
    assert!(place.run(&["explore", "vsfs:append", "--preset", "few"]).out.contains("budget of 5"));
    place.write("crashcheck.toml", "[explore]\nsede = 41\n");
    let ran = place.run(&["explore", "vsfs:append"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("crashcheck.toml") && ran.err.contains("sede"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_tells_what_it_has() {
    let place = Place::new();
    let mut command = place.command(&[
        "explore",
        "vsfs:large-file",
        "--lives",
        "4",
        "--max-later",
        "all",
        "--max-states",
        "all",
        "--progress",
        "none",
    ]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the binary runs");
    // The directory is made when the handler is in place.
    while !place.path("target/crashcheck").exists() {
        assert!(child.try_wait().expect("a child").is_none(), "the run has ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("the binary ends");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(out.contains("interrupted") && out.contains("large-file"), "{out}");
    assert_eq!(place.json("target/crashcheck/report.json")["explorations"][0]["coverage"]["complete"], false);
}

#[test]
fn what_there_is_can_be_listed() {
    let place = Place::new();
    let all = json(&place.run(&["list", "--json"]).out);
    let systems = all["systems"].as_array().expect("systems");
    let journal = systems.iter().find(|system| system["name"] == "journal").expect("journal");
    assert_eq!(journal["medium"], "block");
    for part in ["workloads", "bugs"] {
        let entries = journal[part].as_array().expect(part);
        assert!(!entries.is_empty() && entries.iter().all(|entry| entry["name"].is_string()), "{part}");
    }
    for (part, name) in [("strategies", "deviations"), ("profiles", "reorder"), ("formats", "dm-log-writes")]
    {
        let entries = all[part].as_array().expect(part);
        assert!(entries.iter().any(|entry| entry["name"] == name), "{part}");
    }
    let text = place.run(&["list"]).out;
    assert!(text.contains("no-revoke") && text.contains("two-point"), "{text}");
    let bugs = place.run(&["list", "bugs"]).out;
    assert!(bugs.contains("no-revoke") && !bugs.contains("two-point"), "{bugs}");
    let only = json(&place.run(&["list", "strategies", "--json"]).out);
    assert_eq!(only.as_object().map(serde_json::Map::len), Some(2), "{only}");
}

#[test]
fn checks_are_explained_and_chosen_by_name() {
    let place = Place::new();
    let all = json(&place.run(&["list", "checks", "--json"]).out);
    assert!(all["checks"].as_array().is_some_and(|checks| checks.len() > 200) && all["systems"].is_null());
    let one = place.run(&["list", "checks", "JN-24"]).out;
    assert!(
        one.lines().count() == 2 && one.contains("journal") && one.contains("OSTEP, chapter 42"),
        "{one}"
    );
    let unknown = place.run(&["list", "checks", "jurnal"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("did you mean 'journal'?"), "{}", unknown.err);
    assert_eq!(place.run(&["list", "bugs", "JN"]).code, Some(2), "only checks are chosen by name");
}

#[test]
fn shells_and_man_get_their_files() {
    let place = Place::new();
    assert!(place.run(&["completions", "bash"]).out.contains("_crashcheck"));
    assert!(place.run(&["man"]).out.contains(".TH crashcheck"));
    assert!(place.run(&["--version"]).out.starts_with("crashcheck 0."));
    assert!(place.run(&["--help"]).out.contains("130  interrupted"));
    assert_eq!(place.run(&["explore", "--no-such-option"]).code, Some(2));
}
