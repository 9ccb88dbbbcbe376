//! The page as text: what is on it, and what cannot be. `tests/browser` opens it.

mod common;

use common::HOSTILE;
use crashcheck_outcome::{Check, Exploration, Fate, Finding, Operation, Promised, Report, Sector, Step};
use crashcheck_report::html::write;

/// A report in which every text from outside is hostile.
fn hostile() -> Report {
    let mut report = common::report();
    report.crashcheck = HOSTILE.into();
    for exploration in &mut report.explorations {
        let Exploration { system, bugs, workload, profile, .. } = exploration;
        for text in bugs.iter_mut().chain([system, workload, profile]) {
            text.push_str(HOSTILE);
        }
        exploration.reason = Some(HOSTILE.into());
        exploration.coverage.left_out = Some(HOSTILE.into());
        exploration.coverage.total = HOSTILE.into();
        for life in &mut exploration.coverage.later {
            life.total = HOSTILE.into();
            life.represented = HOSTILE.into();
        }
        exploration.judged[0].promise = HOSTILE.into();
        exploration.census[0].found = Some(HOSTILE.into());
        exploration.census[0].shows = HOSTILE.into();
        exploration.census[0].states = HOSTILE.into();
        for finding in &mut exploration.findings {
            let Finding { id, fingerprint, promise, crash_point, state, states, .. } = finding;
            for text in [id, fingerprint, promise, crash_point, state, states] {
                *text = HOSTILE.into();
            }
            let text = || Some(HOSTILE.to_owned());
            finding.checks = vec![Check { code: HOSTILE.into(), says: text(), source: text() }];
            for write in finding.lives.iter_mut().flat_map(|life| &mut life.writes) {
                write.fate = HOSTILE.into();
                write.operation = Some(HOSTILE.into());
            }
        }
    }
    report
}

/// The tags of a page, and the text without them; everything between `<` and `>` is markup.
fn tags_and_text(page: &str) -> (Vec<&str>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    for part in page.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("markup ends");
        tags.push(tag);
        text.push_str(rest);
    }
    (tags, text)
}

/// The names of the elements, and the text.
fn parts(page: &str) -> (Vec<&str>, String) {
    let (tags, text) = tags_and_text(page);
    let name = |tag: &'_ str| -> usize { tag.find([' ', '\n']).unwrap_or(tag.len()) };
    (tags.into_iter().map(|tag| &tag[..name(tag)]).collect(), text)
}

/// The page without its style and its script.
fn body(page: &str) -> &str {
    let start = page.find("<body>").expect("a body");
    let end = page.find("<script>").expect("a script");
    &page[start..end]
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let (tame, hostile) = (write(&common::report()), write(&hostile()));
    for page in [&tame, &hostile] {
        let (names, _) = parts(body(page));
        assert!(!names.contains(&"img") && !names.contains(&"failure"), "{names:?}");
        // Its quotes are references wherever it stands, so it cannot end an attribute.
        assert!(!page.contains("]]>&\""), "{page}");
        assert_eq!(page.matches("<img").count() + page.matches("<script").count(), 1, "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    }
}

#[test]
fn text_that_steers_or_turns_around_is_shown_as_what_it_is() {
    let page = write(&hostile());
    assert!(page.chars().all(|c| (!c.is_control() || c == '\n') && c != '\u{202e}'));
    assert!(page.contains("\\u{1b}[2J\\u{202e}"));
}

#[test]
fn elements_are_closed_in_their_order() {
    let page = write(&hostile());
    let mut open = Vec::new();
    for part in body(&page).split('<').skip(1) {
        let tag = part.split_once('>').expect("markup ends").0;
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in <{tag}>"),
            None if tag.ends_with('/') || name == "input" => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, ["body"]);
}

#[test]
fn an_id_is_given_once_and_every_link_leads_somewhere() {
    let mut report = common::report();
    report.explorations = several(5);
    let page = write(&report);
    let values = |attribute: &str| -> Vec<String> {
        let rest = page.split(attribute).skip(1);
        rest.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    let mut ids = values(" id=\"");
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id is given twice");
    let links = values("href=\"#");
    assert!(links.len() > 20);
    for link in links {
        assert!(ids.binary_search(&link).is_ok(), "#{link} leads nowhere");
    }
    for list in values("aria-labelledby=\"") {
        assert!(list.split(' ').all(|id| ids.iter().any(|known| known == id)), "{list}");
    }
}

/// A screen reader lists the regions by their names.
#[test]
fn every_region_has_a_name_of_its_own() {
    let mut report = common::report();
    report.explorations = several(3);
    let page = write(&report);
    let (tags, _) = tags_and_text(&page);
    let regions = tags.iter().filter(|tag| tag.contains("role=\"region\""));
    let mut names: Vec<&str> = regions
        .map(|tag| tag.split_once("aria-label=\"").expect("a region has a name").1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert!(all > 3 * 3, "{names:?}");
    assert_eq!(names.len(), all, "a name is given twice: {names:?}");
}

#[test]
fn the_page_asks_for_nothing() {
    let page = write(&common::report());
    // What the data says stands between tags, or in quotes of which there is no end in it.
    let (tags, _) = tags_and_text(&page);
    for tag in tags {
        for attribute in ["src", "href", "srcset", "action", "style"] {
            let value = tag.split_once(&format!(" {attribute}=\"")).map_or("", |(_, value)| value);
            let value = value.split('"').next().unwrap_or_default();
            assert!(value.is_empty() || value.starts_with('#') || value == "data:,", "<{tag}>");
        }
    }
    for request in ["@import", "url(//", "<iframe", "fetch("] {
        assert!(!page.contains(request), "{request}");
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn the_same_report_gives_the_same_page() {
    assert_eq!(write(&hostile()), write(&hostile()));
}

#[test]
fn the_page_tells_everything_that_is_known_of_a_finding() {
    let (_, text) = parts(&write(&common::report()));
    for told in [
        "journal+no-revoke:reuse",
        "no-foreign-data",
        "Nobody may ever be shown content that was never written there.",
        "A file system with a journal.",
        "create /a",
        "acknowledged as durable: must be there",
        "It comes after #57 flush, during operation 4 (fsync /a).",
        "6 writes had been issued that no flush had made durable.",
        "2 writes at which recovery never looked",
        "What is more: chip failed",
        "the model after 3 of 4 operations",
        "4096 bytes of",
        "not there",
        "must be durable before",
        "right before",
        "from 13 operations to 4, from 57 events to 19, in 42 candidates",
        "322",
        "JN-24: Old copies are not replayed.",
        "OSTEP, chapter 42",
        "0123456789abcdef",
        "the budget of 12 recoveries is used up",
        "37.1 %",
        "operation 2 failed: no space",
    ] {
        assert!(text.contains(told), "the page does not say: {told}");
    }
}

#[test]
fn crash_recovery_operations_and_the_next_crash_are_told_in_their_order() {
    let (_, text) = parts(&write(&common::report()));
    let mut rest = &text[text.find("What happened").expect("a story")..];
    for told in [
        "The workload runs",
        "In short: everything issued persisted, except",
        "The power returns, and life 2 begins",
        "Recovery shows the state after 3 of 4 operations",
        "create /probe",
        "acknowledged as durable: must be there",
        "write /probe",
        "The power fails again, and life 2 ends",
        "It fails after #9 write, during operation 2 (write /probe",
        "in short: nothing in flight persisted, except",
        "#8 (bitmap",
        "life 3 begins",
        "Recovery begins, and does not come to its end.",
        "It fails before recovery had written anything.",
        "The system goes on, and recovers",
        "Of what these crashes may show",
        "the medium after the first crash",
        "The trace of finding",
        "Life 2: its trace, and the medium after its crash",
        "The trace of life 2 of finding",
        "The medium of life 2 of finding",
    ] {
        let at = rest.find(told);
        rest = &rest[at.unwrap_or_else(|| panic!("it is not told, or not here: {told}"))..];
    }
}

#[test]
fn the_coverage_of_later_lives_is_told_and_is_part_of_what_is_complete() {
    let mut report = common::report();
    let (_, text) = parts(&write(&report));
    for told in [
        "Life 2: of 400 crash states, 100 were covered by 20 recoveries, in 12 of the 90 lives",
        "12 of 90 lives",
        "Not covered in life 2, and why",
        "the budget of life 3 is used up",
    ] {
        assert!(text.contains(told), "the page does not say: {told}");
    }
    report.explorations.truncate(1);
    let page = write(&report);
    assert!(!page.contains("Life 2</th>") && page.contains("survives every crash"), "{page}");
    report.explorations[0].coverage.later = common::lost().coverage.later;
    let page = write(&report);
    assert!(page.contains("survived every crash that was tried"), "{page}");
    assert!(page.contains("<td class=\"n\">12 of 90 lives</td>"), "{page}");
}

#[test]
fn every_fate_and_every_content_has_its_mark_and_its_word() {
    let page = write(&common::report());
    for class in ["before", "survived", "lost", "torn", "garbled", "unread", "not-issued", "old"] {
        assert!(page.contains(&format!("<symbol id=\"m-{class}\"")), "{class}");
        assert!(page.contains(&format!("href=\"#m-{class}\"")), "{class}");
    }
    assert!(page.contains("aria-label=\"Places on chip\""), "{page}");
    assert!(page.contains("<span class=\"what\">32 KiB to 36 KiB: <b>new</b>, inode table"), "{page}");
}

#[test]
fn a_clean_run_says_so_and_has_no_findings() {
    let mut report = common::report();
    report.explorations.truncate(1);
    let page = write(&report);
    assert!(page.contains("<h1>vsfs:append survives every crash</h1>"), "{page}");
    assert!(!page.contains("id=\"findings\"") && !page.contains("id=\"filter\""), "{page}");
    report.explorations.clear();
    assert!(write(&report).contains("<h1>Nothing was explored</h1>"));
}

#[test]
fn what_is_not_known_leaves_no_empty_part() {
    let mut report = common::report();
    let finding = &mut report.explorations[1].findings[0];
    finding.cause = None;
    finding.picture = None;
    finding.shrunk = None;
    finding.replay = None;
    finding.compared_with = None;
    finding.operations.clear();
    finding.differences.clear();
    finding.also.clear();
    let page = write(&report);
    for part in
        ["Why it happens", "What is wrong</h4>", "The trace, and the medium", "Made small", "class=\"copy\""]
    {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("#44 (revoke"), "{page}");
}

/// What a producer of pictures bounds is bounded here again: a report may come from elsewhere.
#[test]
fn a_page_stays_in_bounds_whatever_the_picture_holds() {
    let mut report = common::report();
    let finding = &mut report.explorations[1].findings[0];
    let picture = finding.picture.as_mut().expect("a picture");
    let Some(Step::Event(write)) = picture.steps.get(5).cloned() else { panic!("a write") };
    picture.steps = (0..100_000u32)
        .map(|event| {
            let mut write = write.clone();
            (write.event, write.first, write.count) = (event, Some(u64::from(event) << 40), u64::MAX);
            write.fate = Fate::Lost;
            Step::Event(write)
        })
        .collect();
    picture.crash = 99_000;
    let sector = picture.sectors[0].clone();
    let sector = |nth: u64| Sector { first: u64::MAX - nth, count: u64::MAX, ..sector.clone() };
    picture.sectors = (0..100_000).map(sector).collect();
    finding.operations =
        vec![Operation { text: "x".repeat(5000), promised: Promised::Durable, durable_by: None }; 10_000];
    let page = write_in_time(&report);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

fn write_in_time(report: &Report) -> String {
    let begun = std::time::Instant::now();
    let page = write(report);
    assert!(begun.elapsed().as_secs() < 20, "it took {:?}", begun.elapsed());
    page
}

/// So many explorations, each with a fault of its own.
fn several(count: u64) -> Vec<Exploration> {
    let one = |nth: u64| {
        let mut lost = common::lost();
        lost.findings[0].fingerprint = format!("{nth:016x}");
        lost
    };
    (0..count).map(one).collect()
}

#[test]
fn one_fault_is_one_finding_however_many_workloads_show_it() {
    let mut report = common::report();
    report.explorations = vec![common::lost(), common::lost(), common::lost()];
    report.explorations[2].workload = "other".into();
    let page = write(&report);
    assert_eq!(page.matches("<article").count(), 1);
    assert!(
        page.contains("Found again in")
            && page.contains("<code>journal+no-revoke:other</code> (322 crash states)")
    );
    assert_eq!(page.matches("<td class=\"n\"><a href=\"#finding-1\">1</a></td>").count(), 3, "{page}");
}

#[test]
fn the_first_screen_tells_what_happens_and_what_prevents_it() {
    let page = write(&common::one_cause());
    let first = page.find("class=\"first\"").expect("the first cause");
    let summary = page.find("<section id=\"summary\"").expect("a summary");
    assert!(first < summary, "before all figures");
    let (_, text) = parts(&page[first - 5..summary]);
    let mut rest = &text[..];
    for told in [
        "the simplest of 3 findings with one cause",
        "create /a",
        "in progress",
        "The crash",
        "#44 revoke",
        "The power fails again",
        "Recovery runs, and the user sees finding 1",
        "Should be4096 bytes of",
        "After recovery4096 bytes of",
        "What prevents it: a flush before an operation is acknowledged as durable.",
        "The whole story of it",
    ] {
        let at = rest.find(told);
        rest = &rest[at.unwrap_or_else(|| panic!("it is not told, or not here: {told}: {text}"))..];
    }
}

#[test]
fn an_interrupted_run_says_so_in_its_headline() {
    let mut report = common::report();
    report.explorations.truncate(1);
    report.explorations[0].coverage.later.clear();
    assert!(write(&report).contains("<h1>vsfs:append survives every crash</h1>"));
    report.interrupted = Some(3);
    let headline =
        "<h1>vsfs:append survived every crash that was tried (interrupted: 3 workloads not explored)</h1>";
    let page = write(&report);
    assert!(page.contains(headline), "{page}");
    report.interrupted = Some(0);
    assert!(write(&report).contains("that was tried (interrupted)</h1>"));
}

#[test]
fn an_operation_says_which_later_one_made_it_durable() {
    let mut report = common::report();
    let operations = &mut report.explorations[1].findings[0].operations;
    operations[0].durable_by = Some(3);
    let (_, text) = parts(&write(&report));
    assert!(text.contains("done, and made durable by operation 3: must be there"), "{text}");
}

#[test]
fn a_finding_has_a_link_that_stays_and_its_command_once() {
    let mut report = common::report();
    let finding = &mut report.explorations[1].findings[0];
    finding.replay = Some(format!("crashcheck replay {}", finding.id));
    let (id, page) = (finding.id.clone(), write(&report));
    assert_eq!(page.matches("id=\"finding-0123456789abcdef\"").count(), 1, "{page}");
    assert_eq!(page.matches("href=\"#finding-0123456789abcdef\"").count(), 1, "{page}");
    assert_eq!(page.matches(&format!("{id}</")).count(), 1, "{page}");
    // What is none leads nowhere, and what is there twice is told by its number alone.
    report.explorations[1].findings[0].fingerprint = "summary".into();
    let page = write(&report);
    assert!(
        !page.contains("id=\"finding-summary\"") && !page.contains("href=\"#finding-summary\""),
        "{page}"
    );
}

#[test]
fn many_writes_that_survived_are_folded_up() {
    let mut report = common::report();
    let picture = report.explorations[1].findings[0].picture.as_mut().expect("a picture");
    let survived = picture.steps.iter().find_map(|step| match step {
        Step::Event(event) if event.fate == Fate::Survived => Some(event.clone()),
        _ => None,
    });
    let survived = survived.expect("a write that survived");
    assert!(!write(&report).contains("writes survived</summary>"));
    let picture = report.explorations[1].findings[0].picture.as_mut().expect("a picture");
    picture.steps.extend((0..9).map(|nth| {
        let mut write = survived.clone();
        write.event += 100 + nth;
        Step::Event(write)
    }));
    let page = write(&report);
    assert!(page.contains("writes survived</summary>"), "{page}");
}
