//! The first cause on the first screen, for somebody who has read nothing: what was lost, a small trace of how that happens, what
//! should have been there, and what prevents it.

use super::markup::Markup;
use super::words::{self, changes, counted};
use super::{Entry, Grouped, clipped, story};
use crashcheck_outcome::{Cause, Common, Fate, Finding, Operation, PictureEvent, Promised, Step, WriteFate};

/// So many operations are in the small trace, the last that had begun.
const OPERATIONS_MAX: usize = 5;
/// So many writes that are not there are named.
const WRITES_MAX: usize = 3;
/// A longer text is cut.
const TEXT_MAX: usize = 160;

/// The first cause.
pub(super) fn write(page: &mut Markup, group: &Grouped<'_>) {
    let entry = &group.entries[0];
    let finding = entry.finding;
    page.raw("<div class=\"first\">\n");
    sentence(page, group, entry);
    let about = entry.exploration.about.iter().flat_map(|about| &about.bugs);
    for (name, what) in entry.exploration.bugs.iter().zip(about) {
        page.put("<p>Planted for this run: <code>{}</code> {}</p>\n", &[name, &clipped(what, TEXT_MAX)]);
    }
    page.raw("<ol class=\"strip\" aria-label=\"How it happens\">\n");
    operations(page, &finding.operations, finding.operations_skipped);
    crash(page, finding);
    for life in &finding.lives {
        page.put(
            "<li class=\"power\"><b>life {}</b> {}</li>\n",
            &[&life.life, &clipped(&life.begins(), TEXT_MAX)],
        );
        operations(page, &life.operations, 0);
        page.raw("<li class=\"crash\"><b>The power fails again</b></li>\n");
    }
    page.put(
        "<li class=\"seen\"><b>Recovery runs, and the user sees</b> {}</li>\n</ol>\n",
        &[&clipped(entry.sentence(), TEXT_MAX)],
    );
    difference(page, finding);
    prevention(page, group, finding);
    page.put("<p><a href=\"#finding-{}\">The whole story of it</a></p>\n</div>\n", &[&entry.number]);
}

/// What is broken, and in how many ways that shows.
fn sentence(page: &mut Markup, group: &Grouped<'_>, entry: &Entry<'_>) {
    let meaning = words::promise(&entry.finding.promise).unwrap_or("A promise of this system is broken.");
    page.put("<p class=\"broken\"><span class=\"promise\">{}</span> ", &[&entry.finding.promise]);
    page.put("{} Here that fails, in <code>{}</code>", &[&meaning, &entry.subject()]);
    match group.entries.len() {
        1 => page.raw(".</p>\n"),
        findings => {
            let which = match group.group.common {
                Common::Cured { .. } => "with one cause",
                _ => group.group.title(),
            };
            page.put(": the simplest of <b>{} findings {}</b>.</p>\n", &[&findings, &which]);
        }
    }
}

/// The last operations that had begun, and how many there were before them.
fn operations(page: &mut Markup, operations: &[Operation], skipped: u64) {
    let begun = operations.iter().take_while(|operation| operation.promised != Promised::NotBegun).count();
    let start = begun.saturating_sub(OPERATIONS_MAX);
    let before = skipped + start as u64;
    if begun == 0 && before == 0 {
        page.raw("<li class=\"before\">Nothing had begun</li>\n");
    }
    if before > 0 {
        page.put("<li class=\"before\">{} before</li>\n", &[&counted(before, "operation")]);
    }
    for (nth, operation) in operations[start..begun].iter().enumerate() {
        let (class, _) = words::promised(operation);
        let told = match operation.promised {
            Promised::Durable => "durable",
            Promised::Done => "done",
            Promised::Refused => "refused",
            Promised::Begun => "in progress",
            Promised::NotBegun => "not begun",
        };
        page.put("<li class=\"{}\"><b>{}.</b> ", &[&class, &(before + nth as u64 + 1)]);
        page.put(
            "<code>{}</code> <span class=\"told {}\">{}</span></li>\n",
            &[&clipped(&operation.text, TEXT_MAX), &class, &told],
        );
    }
}

/// The crash, and which of the writes did not come through it.
fn crash(page: &mut Markup, finding: &Finding) {
    let crash = if story::is_of_cluster(finding) { "The crash" } else { "The power fails" };
    page.put("<li class=\"crash\"><b>{}</b>", &[&crash]);
    let gone = gone(finding);
    for (what, fate) in gone.iter().take(WRITES_MAX) {
        page.put("<span class=\"gone\">{}: <b>{}</b></span>", &[&clipped(what, TEXT_MAX), fate]);
    }
    match gone.len() {
        0 => page.put(" {}", &[&clipped(&finding.state, TEXT_MAX)]),
        many if many > WRITES_MAX => {
            page.put("<span class=\"gone\">and {} more</span>", &[&(many - WRITES_MAX)]);
        }
        _ => {}
    }
    page.raw("</li>\n");
}

/// The writes that matter and are not there as they were issued.
fn gone(finding: &Finding) -> Vec<(String, String)> {
    let told = |write: &WriteFate| (format!("#{} {}", write.event, write.what), write.fate.clone());
    let mut gone: Vec<(String, String)> =
        finding.writes.iter().filter(|write| write.fate != "survived").map(told).collect();
    if gone.is_empty() {
        let steps = finding.picture.iter().flat_map(|picture| &picture.steps);
        let events = steps.filter_map(|step| match step {
            Step::Event(event) => Some(event),
            Step::Gap(_) => None,
        });
        let is_gone = |event: &&PictureEvent| {
            changes(event.kind) && matches!(event.fate, Fate::Lost | Fate::Torn | Fate::Garbled)
        };
        let told = |event: &PictureEvent| {
            (format!("#{} {}", event.event, event.what), words::fate(event.fate).1.to_owned())
        };
        gone.extend(events.filter(is_gone).map(told));
    }
    gone
}

/// The first thing that is not as it should be.
fn difference(page: &mut Markup, finding: &Finding) {
    if let Some(difference) = finding.differences.first() {
        super::finding::difference(page, difference, TEXT_MAX);
    }
}

/// What prevents it, as far as that is known.
fn prevention(page: &mut Markup, group: &Grouped<'_>, finding: &Finding) {
    let lines = group.group.lines();
    page.raw("<p class=\"fix\"><b>What prevents it:</b> ");
    if let (false, Common::Cured { .. }) = (lines.is_empty(), &group.group.common) {
        page.put("{}. ", &[&lines[0].1]);
        page.put("With that {}.</p>\n", &[&lines.get(1).map_or("", |(_, line)| line)]);
        return;
    }
    let fix = finding.cause.as_ref().and_then(|cause| cause.fix.as_ref());
    match (fix, &finding.cause) {
        (Some(fix), _) => page.put("{}.</p>\n", &[&fix.to_string()]),
        (None, Some(Cause { missing, .. })) if !missing.is_empty() => {
            page.put("{}; no flush that was tried makes it so.</p>\n", &[&missing[0].to_string()]);
        }
        (None, Some(Cause { cures, .. })) if !cures.is_empty() => {
            page.put("{}.</p>\n", &[&cures[0].to_string()]);
        }
        (None, Some(_)) => page.raw(
            "no order of writes that was tried does: the fault is likely in what is written, or in recovery.</p>\n",
        ),
        (None, None) => page.raw("not known; it was not looked for.</p>\n"),
    }
}
