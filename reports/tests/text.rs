//! What a person reads.

mod common;

use crashcheck_outcome::{LifeCoverage, Operation, Promised, Report, Verdict};
use crashcheck_report::text::{self, Colour, Paper, causes, census, finding, judged, remarks, systems};

fn told(colour: Colour) -> String {
    let lost = common::lost();
    finding(&lost, &lost.findings[0], colour)
}

fn overview(report: &Report, colour: Colour) -> String {
    text::overview(&report.explorations.iter().collect::<Vec<_>>(), paper(colour))
}

/// Paper on which everything fits.
fn paper(colour: Colour) -> Paper {
    Paper { colour, width: None }
}

fn summary(report: &Report, colour: Colour) -> String {
    format!("{}{}", remarks(report), text::summary(report, colour))
}

#[test]
fn the_table_is_as_agreed() {
    assert_eq!(overview(&common::report(), Colour::Plain), include_str!("golden/overview.txt"));
}

#[test]
fn a_finding_is_as_agreed() {
    assert_eq!(told(Colour::Plain), include_str!("golden/finding.txt"));
}

#[test]
fn the_table_of_systems_is_as_agreed() {
    assert_eq!(systems(&common::report(), 20, paper(Colour::Plain)), include_str!("golden/systems.txt"));
}

#[test]
fn workloads_that_were_generated_are_counted_apart() {
    let mut report = common::report();
    assert!(!summary(&report, Colour::Plain).contains("generated"));
    report.explorations[0].workload = "generated-7.m3".into();
    assert!(
        systems(&report, 20, paper(Colour::Plain)).contains(" 2 + 1 generated "),
        "{}",
        systems(&report, 20, paper(Colour::Plain))
    );
    assert!(summary(&report, Colour::Plain).contains("; 1 of the workloads generated; "));
    report.explorations.truncate(1);
    assert!(
        systems(&report, 20, paper(Colour::Plain)).contains(" 1 generated "),
        "{}",
        systems(&report, 20, paper(Colour::Plain))
    );
}

#[test]
fn findings_with_one_cause_are_told_once() {
    let told = causes(&common::one_cause(), false, Colour::Plain);
    assert_eq!(told.concat(), include_str!("golden/causes.txt"));
    let all = causes(&common::one_cause(), true, Colour::Plain);
    assert_eq!(all.len(), told.len() + 2, "every finding in full, if that is asked for");
}

#[test]
fn a_long_workload_does_not_fill_the_screen() {
    let mut lost = common::lost();
    let done = Operation { text: "x".repeat(1000), promised: Promised::Durable, durable_by: None };
    lost.findings[0].operations = vec![done; 500];
    let text = finding(&lost, &lost.findings[0], Colour::Plain);
    assert!(text.lines().count() < 60 && text.lines().all(|line| line.len() < 600), "{text}");
    assert!(text.contains("operation:    488 before these") && text.contains(" 500. xxx"), "{text}");
}

#[test]
fn the_summary_is_as_agreed() {
    assert_eq!(summary(&common::report(), Colour::Plain), include_str!("golden/summary.txt"));
}

#[test]
fn the_table_names_the_profile_only_if_there_are_several() {
    let mut report = common::report();
    assert!(!overview(&report, Colour::Plain).contains("profile"));
    report.explorations[1].profile = "torn".into();
    assert!(overview(&report, Colour::Plain).contains("profile"));
}

#[test]
fn the_table_has_a_column_of_later_lives_only_if_there_are_some() {
    let mut report = common::report();
    report.explorations.truncate(1);
    assert!(!overview(&report, Colour::Plain).contains("life 2"));
    let whole =
        LifeCoverage { life: 2, lives: 3, begun: 3, complete: true, recoveries: 5, ..Default::default() };
    report.explorations[0].coverage.later = vec![whole];
    let text = overview(&report, Colour::Plain);
    assert!(
        text.contains("life 2") && text.matches("100 %").count() == 2 && text.contains(" 145 "),
        "{text}"
    );
}

#[test]
fn a_bound_does_not_look_like_a_count() {
    let mut report = common::report();
    report.explorations[0].coverage.exact = false;
    assert!(overview(&report, Colour::Plain).contains("<= 1.0e9"));
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let report = common::report();
    let causes = causes(&common::one_cause(), true, Colour::Plain).concat();
    let tables = [overview(&report, Colour::Plain), systems(&report, 20, paper(Colour::Plain))].concat();
    for text in [told(Colour::Plain), summary(&report, Colour::Plain), tables, causes] {
        assert!(text.chars().all(|c| (!c.is_control() || c == '\n') && c != '\u{202e}'), "{text}");
    }
}

#[test]
fn colour_adds_nothing_but_escape_sequences() {
    let strip = |text: &str| {
        let mut parts = text.split('\u{1b}');
        let mut plain = parts.next().unwrap_or_default().to_owned();
        parts.for_each(|part| plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest)));
        plain
    };
    let report = common::report();
    assert_ne!(told(Colour::Ansi), told(Colour::Plain));
    assert_eq!(strip(&told(Colour::Ansi)), told(Colour::Plain));
    assert_eq!(strip(&overview(&report, Colour::Ansi)), overview(&report, Colour::Plain));
    assert_eq!(strip(&systems(&report, 20, paper(Colour::Ansi))), systems(&report, 20, paper(Colour::Plain)));
    assert_eq!(strip(&summary(&report, Colour::Ansi)), summary(&report, Colour::Plain));
}

#[test]
fn a_promise_that_was_never_judged_is_not_measured() {
    let text = judged(&common::survived());
    assert_eq!(text, "judged: recovers 200 times, durable once, atomic never (not measured)\n");
}

#[test]
fn the_census_shows_what_leads_where() {
    let text = census(&common::survived(), paper(Colour::Plain));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "recovery met  a user then sees         crash states",
            "clean         after 3 of 3 operations             8"
        ]
    );
}

#[test]
fn explorations_with_the_same_to_say_share_a_line() {
    let mut report = common::report();
    report.explorations = (0..9).map(|_| common::not_measured()).collect();
    let text = summary(&report, Colour::Plain);
    assert_eq!(text.matches("no write was in flight").count(), 1, "{text}");
    assert!(text.contains("and 3 more"), "{text}");
    assert!(!text.contains("survived"), "{text}");
    for (nth, exploration) in report.explorations.iter_mut().enumerate() {
        exploration.notes = vec![format!("of 512 bytes, recorded in {} ways", 4 * nth + 1)];
    }
    let text = summary(&report, Colour::Plain);
    assert_eq!(text.matches("note: of 512 bytes, recorded in 1 to 33 ways (").count(), 1, "{text}");
    assert_eq!(report.explorations[0].verdict, Verdict::NotMeasured);
}

#[test]
fn everything_fits_a_terminal_of_sixty_columns() {
    let mut report = common::report();
    report.explorations[0].system = "raid5-journal-degraded".into();
    report.explorations[0].profile = "member-loss-at-crash".into();
    for width in [60, 80, 100] {
        let narrow = Paper { colour: Colour::Plain, width: Some(width) };
        let tables = [
            text::overview(&report.explorations.iter().collect::<Vec<_>>(), narrow),
            systems(&report, 20, narrow),
            census(&report.explorations[0], narrow),
        ];
        for table in tables {
            let fits = |line: &str| line.starts_with("(too narrow") || line.chars().count() <= width;
            assert!(table.lines().all(fits), "{width}: {table}");
            assert!(!table.contains("system") || table.contains("verdict"), "{table}");
        }
    }
}

#[test]
fn systems_share_rows_where_they_do_not_fit_a_screen_and_nothing_failed() {
    let mut report = common::report();
    report.explorations = (0..30).map(|_| common::survived()).collect();
    for (index, exploration) in report.explorations.iter_mut().enumerate() {
        exploration.system = format!("system-{index}");
        exploration.profile = ["reorder", "torn"][index % 2].into();
    }
    let lines = |report: &Report, rows_max: usize| {
        systems(report, rows_max, paper(Colour::Plain)).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&report, 30).len(), 31);
    let short = lines(&report, 20);
    assert_eq!(short.len(), 3, "{short:#?}");
    assert!(short[1].starts_with("reorder ") && short[1].contains("system-0, system-2, "), "{short:#?}");
    report.explorations[7].verdict = Verdict::Lost;
    assert_eq!(lines(&report, 20).len(), 31, "what failed has a row of its own");
}
