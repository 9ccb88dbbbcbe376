//! What stands under a pull request.

mod common;

use crashcheck_outcome::Verdict;
use crashcheck_report::markdown::{LENGTH_MAX, write};

/// What is left when everything that is code is taken out.
fn without_code(text: &str) -> String {
    let mut rest = text.to_owned();
    for (start, end) in [("<pre>", "</pre>"), ("<code>", "</code>")] {
        let parts = rest.split(start).map(|part| part.split_once(end).map_or(part, |(_, rest)| rest));
        rest = parts.collect();
    }
    rest
}

#[test]
fn the_comment_is_as_agreed() {
    assert_eq!(write(&common::report()), include_str!("golden/report.md"));
}

#[test]
fn nothing_from_the_data_stands_outside_of_code() {
    let text = write(&common::report());
    assert!(text.contains("&#60;img src=x onerror"), "{text}");
    assert!(!text.contains("<img") && !text.contains(']') && !text.contains('`'), "{text}");
    assert!(!text.contains("://") && !text.contains("www."), "{text}");
    let outside = without_code(&text);
    for data in ["all", "fsync", "create /a", "onerror", "@", "KiB", "journal", "&#"] {
        assert!(!outside.replace("### ", "").contains(data), "{data} stands outside of code: {outside}");
    }
}

#[test]
fn a_table_keeps_its_columns() {
    let text = write(&common::report());
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 8);
    assert!(rows.iter().all(|row| matches!(row.matches('|').count(), 4 | 10)), "{rows:#?}");
}

#[test]
fn a_comment_is_never_too_long_and_says_what_was_left_out() {
    let mut report = common::report();
    let one = |nth: u64| {
        let mut lost = common::lost();
        lost.findings[0].fingerprint = format!("{nth:016x}");
        lost
    };
    report.explorations = (0..900).map(one).collect();
    let text = write(&report);
    assert!(text.encode_utf16().count() <= LENGTH_MAX);
    // The others of one cause have a line each.
    let lines =
        text.lines().filter(|line| line.starts_with("- <code>journal+no-revoke&#58;reuse</code> <code>"));
    let shown = text.matches("<summary>").count() + lines.count();
    assert!(shown > 3 && shown < 900, "{text}");
    assert!(text.contains(&format!("**{} findings did not fit in here**", 900 - shown)), "{text}");
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
}

#[test]
fn a_clean_run_is_a_line_and_a_table() {
    let mut report = common::report();
    report.explorations.truncate(1);
    let text = write(&report);
    assert!(text.starts_with("### <code>vsfs&#58;append</code> survives every crash\n"), "{text}");
    assert!(!text.contains("<details"), "{text}");
    report.explorations[0].verdict = Verdict::NotMeasured;
    assert!(write(&report).contains("⚠️ not measured"));
}
