//! What a person sees at a terminal: lines that fit, lists, help, completions and the manual.

mod common;

use common::{Place, Ran, json, read};
use std::process::Output;

/// A run on a terminal of so many columns.
fn on_columns(place: &Place, columns: &str, args: &[&str]) -> Ran {
    let Output { status, stdout, stderr } =
        place.command(args).env("COLUMNS", columns).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// What a shell is offered for the last of these words.
fn completed(place: &Place, words: &[&str]) -> Vec<String> {
    let index = words.len().to_string();
    let mut command = place.command(&["--", "crashcheck"]);
    command.args(words).env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    let output = command.output().expect("the binary runs");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn what_is_printed_fits_sixty_columns() {
    let place = Place::new();
    let lost = ["explore", "journal+no-revoke:block-reuse", "--no-regressions", "--lives", "1"];
    for args in [&lost[..], &["list"], &["list", "bugs", "raid5"], &["list", "config"]] {
        let narrow = on_columns(&place, "60", args);
        let pasted = |line: &&str| !line.trim_start().starts_with("Reproduce with:");
        // Ids and paths are one word.
        let words = |line: &&str| line.split_whitespace().count() > 2;
        for line in narrow.out.lines().filter(pasted).filter(words) {
            assert!(line.chars().count() <= 60, "{args:?}: {line}");
        }
        let wide = place.run(args);
        assert!(wide.out.lines().count() < narrow.out.lines().count(), "{args:?}");
    }
    let commands = ["explore", "advise", "record", "replay", "report", "list", "completions", "man"];
    let traces = ["show", "stats", "import", "export"].map(|command| vec!["trace", command]);
    for command in commands.map(|command| vec![command]).into_iter().chain(traces).chain([vec!["trace"]]) {
        let help = on_columns(&place, "60", &[&command[..], &["-h"]].concat());
        let usage = help.out.lines().skip_while(|line| !line.starts_with("Usage:"));
        let usage: Vec<&str> = usage.take_while(|line| !line.is_empty()).collect();
        assert!(!usage.is_empty() && usage.iter().all(|line| line.len() <= 60), "{command:?}: {usage:?}");
    }
    assert_eq!(
        on_columns(&place, "60", &["list", "--json"]).out,
        place.run(&["list", "--json"]).out,
        "what a program reads is never wrapped"
    );
}

#[test]
fn what_a_table_prints_is_taken_as_an_argument() {
    let place = Place::new();
    let ran = place.run(&["explore", "journal+no-revoke:block-reuse", "--no-regressions"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("\nLOST journal+no-revoke:block-reuse under reorder\n"), "{}", ran.out);
    // `sync` made durable what `mkdir` did.
    assert!(ran.out.contains("1. mkdir /d: made durable by operation 3\n"), "{}", ran.out);
    assert!(ran.out.contains("3. sync: acknowledged as durable\n"), "{}", ran.out);
    let listed = place.run(&["list", "bugs", "journal+no-revoke:block-reuse"]).out;
    assert!(listed.contains("no-revoke") && !listed.contains("no-commit-flush"), "{listed}");
    for (args, hint) in [
        (
            ["explore", "journal+no-revok:create"],
            "there is no bug switch of journal 'no-revok'; did you mean 'no-revoke'?",
        ),
        (["explore", "journal+no-revoke:blok-reuse"], "did you mean 'block-reuse'?"),
        (
            ["explore", "block-reuse"],
            "'block-reuse' is a workload, not a system: name it with its system, as ",
        ),
        (
            ["explore", "no-revoke"],
            "'no-revoke' is a bug switch, not a system: name it with its system, as journal+no-revoke",
        ),
        (
            ["replay", "journal+no-revoke:block-reuse"],
            "`crashcheck explore journal+no-revoke:block-reuse` prints the id",
        ),
    ] {
        let refused = place.run(&args);
        assert_eq!(refused.code, Some(2), "{args:?}: {}", refused.out);
        assert!(refused.err.contains(hint), "{args:?}: {}", refused.err);
    }
}

#[test]
fn the_list_has_sections_and_says_how_to_go_on() {
    let place = Place::new();
    let all = place.run(&["list"]).out;
    for section in ["Systems  (", "Workloads  (", "Bug switches  (", "Device profiles  (", "Strategies  ("] {
        assert!(all.contains(section), "{section}: {all}");
    }
    assert!(all.lines().count() < 150, "{all}");
    let one = place.run(&["list", "workloads", "journal"]).out;
    assert!(one.starts_with("journal\nworkload") && !one.contains("lfs"), "{one}");
    let bugs = json(&place.run(&["list", "bugs", "journal@raid5", "--json"]).out);
    assert_eq!(bugs["systems"].as_array().map(Vec::len), Some(1), "{bugs}");
    let none = place.run(&["list", "profiles", "journal"]);
    assert!(none.code == Some(2) && none.err.contains("list bugs journal"), "{}", none.err);
}

#[test]
fn the_short_help_fits_a_screen_and_the_long_one_has_groups_examples_and_values() {
    let place = Place::new();
    for command in [&[][..], &["explore"], &["advise"], &["replay"], &["list"], &["trace"], &["record"]] {
        let short = on_columns(&place, "100", &[command, &["-h"]].concat()).out;
        assert!(short.lines().count() <= 24, "{command:?}: {} lines: {short}", short.lines().count());
        assert!(short.contains("Examples:"), "{command:?}: {short}");
    }
    let long = place.run(&["explore", "--help"]).out;
    for part in
        ["What to explore:", "How far to go:", "A trace recorded elsewhere:", "Output:", "130  interrupted"]
    {
        assert!(long.contains(part), "{part}: {long}");
    }
    for value in ["- two-point:", "dm-log-writes", "- member-loss-at-crash: ", "- plain:", "- never:"] {
        assert!(long.contains(value), "{value}: {long}");
    }
}

#[test]
fn shells_are_offered_the_names_of_what_there_is() {
    let place = Place::new();
    let offers = |words: &[&str], wanted: &str| {
        let offered = completed(&place, words);
        assert!(offered.iter().any(|name| name == wanted), "{words:?}: {wanted} of {offered:?}");
    };
    offers(&["explore", "jour"], "journal-async");
    offers(&["explore", "journal:block"], "journal:block-reuse");
    offers(&["explore", "journal+no-r"], "journal+no-revoke");
    offers(&["explore", "journal+no-revoke:block"], "journal+no-revoke:block-reuse");
    offers(&["explore", "--bug", "no-re"], "no-revoke");
    offers(&["explore", "--profile", "member"], "member-loss-at-crash");
    offers(&["explore", "--strategy", "two"], "two-point");
    offers(&["trace", "show", "x", "--format", "dm"], "dm-log-writes");
    offers(&["list", "con"], "config");
    offers(&["list", "checks", "JN"], "JN");
    offers(&["list", "checks", concat!("JN", "-2")], "JN-24");
    offers(&["explore", "journal@ra"], "journal@raid5");
    offers(&["explore", "journal@raid5:blo"], "journal@raid5:block-reuse");
    offers(&["man", "expl"], "explore");
    offers(&["man", "trace", "sh"], "show");
    assert!(completed(&place, &["explore", "jour"]).iter().all(|name| name.starts_with("jour")));
    for (shell, part) in
        [("bash", "COMP_WORDBREAKS//[:@]"), ("zsh", "#compdef crashcheck"), ("fish", "complete ")]
    {
        assert!(place.run(&["completions", shell]).out.contains(part), "{shell}");
    }
}

#[test]
fn every_command_has_a_page_of_the_manual_and_so_has_the_configuration() {
    let place = Place::new();
    let written = place.run(&["man", "--dir", "pages"]);
    assert_eq!(written.code, Some(0), "{}", written.err);
    let commands = ["explore", "advise", "record", "replay", "report", "list", "trace", "completions", "man"];
    let traces = ["show", "stats", "import", "export"].map(|command| format!("trace-{command}"));
    for command in commands.iter().map(ToString::to_string).chain(traces) {
        let page = read(&place.path(&format!("pages/crashcheck-{command}.1")));
        assert!(page.contains(".SH OPTIONS") && page.contains(".SH SYNOPSIS"), "{command}: {page}");
        let words: Vec<&str> = command.split('-').collect();
        assert_eq!(place.run(&[&["man"][..], &words].concat()).out, page);
    }
    let explore = place.run(&["man", "explore"]).out;
    for part in [
        "Write the report as JSON",
        "\n.SH EXAMPLES\n.nf\n",
        "\n.SH \"EXIT CODES\"\n.nf\n",
        "\n.SH SYNOPSIS\ncrashcheck explore [OPTIONS] [SYSTEM[+BUG][:WORKLOAD]]...\n",
        "\n.br\n\\- reorder: ",
        "\n.TH crashcheck-explore 1  \"crashcheck 0.",
    ] {
        assert!(explore.contains(part), "{part}: {explore}");
    }
    // What has a name has words as well.
    for page in ["explore", "replay", "list", "trace"] {
        let text = place.run(&["man", page]).out;
        let empty = text.lines().zip(text.lines().skip(1)).find(|(one, next)| {
            one.starts_with("\\fB")
                && !one.contains("\\-help")
                && (next.is_empty() || next.starts_with(".TP"))
        });
        assert_eq!(empty, None, "{page}");
    }
    let profile = place.run(&["man", "profile"]).out;
    let told = place.run(&["list", "profiles"]).out;
    for key in ["order", "atomic", "most", "device-lost", "flush-error", "late"] {
        assert!(profile.contains(&format!("\\fB{}\\fR = ", key.replace('-', "\\-"))), "{key}: {profile}");
        assert!(told.contains(&format!("{key} = ")), "{key}: {told}");
    }
    let config = place.run(&["man", "config"]).out;
    let keys = json(&place.run(&["list", "config", "--json"]).out);
    let keys =
        keys["config"].as_array().expect("keys").iter().map(|key| key["name"].as_str().expect("a name"));
    assert!(config.contains(".TH") && keys.clone().count() > 10, "{config}");
    for key in keys {
        assert!(config.contains(&format!("\\fB{}\\fR", key.replace('-', "\\-"))), "{key}: {config}");
    }
    let nope = place.run(&["man", "nope"]).err;
    assert!(
        nope.contains("there is no page of the manual 'nope'\n") && nope.contains("trace show"),
        "{nope}"
    );
    let unknown = place.run(&["man", "exlore"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("did you mean 'explore'?"), "{}", unknown.err);
}
