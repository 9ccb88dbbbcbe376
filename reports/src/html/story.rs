//! What happened, step by step, for somebody who knows neither crashcheck nor the system.

use super::markup::Markup;
use super::words::{self, changes, counted, in_flight};
use super::{Entry, clipped, life};
use crashcheck_outcome::{
    EventKind, Fate, Finding, Operation, Picture, PictureEvent, Promised, Step, WriteFate,
};

/// So many operations are listed, the last that had begun before all others.
const OPERATIONS_MAX: usize = 40;
/// So many operations that had not begun are listed.
const NOT_BEGUN_MAX: usize = 3;
/// So many writes are listed, of those that were in flight.
const WRITES_MAX: usize = 24;
/// More writes that survived than this are folded up: they are what was to be expected.
const SURVIVORS_MAX: usize = 3;
/// So many other ways in which a fault shows are listed.
const ALSO_MAX: usize = 5;
/// A longer text is cut.
const TEXT_MAX: usize = 400;

/// What was tested: the system, the workload, the device, and what was made wrong on purpose.
pub(super) fn background(page: &mut Markup, entry: &Entry<'_>) {
    let Some(about) = &entry.exploration.about else { return };
    let Entry { exploration, .. } = entry;
    page.raw("<dl class=\"background\">\n");
    let mut row = |name: &str, code: &str, text: &str| {
        page.put("<div><dt>{}</dt><dd><code>{}</code> {}</dd></div>\n", &[&name, &code, &text]);
    };
    row("System", &exploration.system, &about.system);
    row("Workload", &exploration.workload, &about.workload);
    row("Device", &exploration.profile, &about.profile);
    for (name, what) in exploration.bugs.iter().zip(&about.bugs) {
        row("Fault switched on", name, what);
    }
    page.raw("</dl>\n");
}

/// The steps from the workload to what is wrong.
pub(super) fn write(page: &mut Markup, entry: &Entry<'_>) {
    let finding = entry.finding;
    page.raw("<ol class=\"story\">\n");
    page.raw("<li><p class=\"step\">The workload runs</p>\n");
    operations(page, finding);
    let [crash, at, left, again] = match is_of_cluster(finding) {
        true => [
            "The crash",
            "It comes",
            "What becomes of nodes, messages and writes",
            "The system goes on, and recovers",
        ],
        false => [
            "The power fails",
            "It fails",
            "The device keeps what it has",
            "The power returns, and recovery runs",
        ],
    };
    page.put("</li>\n<li><p class=\"step\">{}</p>\n<p>{} {}.</p>\n", &[&crash, &at, &finding.crash_point]);
    page.put("</li>\n<li><p class=\"step\">{}</p>\n", &[&left]);
    kept(page, finding);
    life::steps(page, finding);
    page.put("</li>\n<li><p class=\"step\">{}</p>\n", &[&again]);
    page.put("<p class=\"wrong lines\"><span class=\"promise\">{}</span> ", &[&finding.promise]);
    page.lines(&finding.detail);
    page.raw("</p>\n");
    also(page, finding);
    page.raw("</li>\n<li><p class=\"step\">It should have been otherwise</p>\n");
    expected(page, finding);
    page.raw("</li>\n</ol>\n");
}

/// Whether it is about nodes that send messages: then a crash is not only a power failure.
pub(super) fn is_of_cluster(finding: &Finding) -> bool {
    let mut steps = finding.picture.iter().flat_map(|picture| &picture.steps);
    steps.any(|step| matches!(step, Step::Event(event) if event.kind == EventKind::Send))
}

/// What was done, and what the user had been told of it.
fn operations(page: &mut Markup, finding: &Finding) {
    let operations = &finding.operations;
    if operations.is_empty() {
        page.raw("<p>The trace says what was written, and not what the operations were.</p>\n");
        return;
    }
    if !finding.setup.is_empty() {
        page.raw("<p>This was there before, and durable:</p>\n<ul class=\"setup\">\n");
        for text in &finding.setup {
            page.put("<li><code>{}</code></li>\n", &[&clipped(text, TEXT_MAX)]);
        }
        page.raw("</ul>\n");
    }
    page.raw("<p>When the power failed, this had been done, and this is what its user knew of it:</p>\n");
    list(page, operations, finding.operations_skipped);
}

/// The operations, with what the user had been told of each; so many before them are left out.
pub(super) fn list(page: &mut Markup, operations: &[Operation], skipped: u64) {
    let begun = operations.iter().take_while(|operation| operation.promised != Promised::NotBegun).count();
    let end = operations.len().min(begun + NOT_BEGUN_MAX);
    let start = end.saturating_sub(OPERATIONS_MAX);
    let before = start as u64 + skipped;
    if before > 0 {
        page.put("<p class=\"about\">{} before these are left out.</p>\n", &[&counted(before, "operation")]);
    }
    page.put("<ol class=\"operations\" start=\"{}\">\n", &[&(before + 1)]);
    for operation in &operations[start..end] {
        let (class, meaning) = words::promised(operation);
        page.put(
            "<li><code>{}</code> <span class=\"told {}\">{}</span></li>\n",
            &[&clipped(&operation.text, TEXT_MAX), &class, &meaning],
        );
    }
    page.raw("</ol>\n");
    if end < operations.len() {
        let more = counted((operations.len() - end) as u64, "operation");
        page.put("<p class=\"about\">{} after these had not begun either.</p>\n", &[&more]);
    }
}

/// What was in flight, and what became of it.
fn kept(page: &mut Markup, finding: &Finding) {
    let flying: Vec<&PictureEvent> = finding.picture.as_ref().map(in_flight_of).unwrap_or_default();
    if !flying.is_empty() {
        page.put(
            "<p>{} had been issued that no flush had made durable. The device was free to keep or to lose {}, as its \
             profile allows. In the crash state that fails:</p>
",
            &[&counted(flying.len() as u64, "write"), &if flying.len() == 1 { "it" } else { "any of them" }],
        );
        fates(page, &flying);
    }
    for fault in finding.picture.iter().flat_map(|picture| &picture.faults).take(WRITES_MAX) {
        page.put("<p>What is more: {}.</p>\n", &[&clipped(fault, TEXT_MAX)]);
    }
    page.raw("<p>In short: ");
    page.put("{}.</p>\n", &[&clipped(&finding.state, 4 * TEXT_MAX)]);
    if flying.is_empty() {
        fates_in_words(page, &finding.writes);
    }
    if finding.device_lies {
        page.raw("<p>The device breaks its own promise here: this is no fault of the system.</p>\n");
    }
}

/// The writes that matter, where no drawing has them.
pub(super) fn fates_in_words(page: &mut Markup, writes: &[WriteFate]) {
    if writes.is_empty() {
        return;
    }
    page.raw("<ul class=\"fates\">\n");
    for write in writes.iter().take(WRITES_MAX) {
        page.put("<li>#{} ({}) <b>{}</b>", &[&write.event, &write.what, &write.fate]);
        if let Some(operation) = &write.operation {
            page.put(", issued during {}", &[operation]);
        }
        page.raw("</li>\n");
    }
    page.raw("</ul>\n");
}

fn in_flight_of(picture: &Picture) -> Vec<&PictureEvent> {
    let events = picture.steps.iter().filter_map(|step| match step {
        Step::Event(event) => Some(event),
        Step::Gap(_) => None,
    });
    events.filter(|event| changes(event.kind) && in_flight(event.fate)).collect()
}

/// The writes that were in flight, those that recovery did not look at last.
fn fates(page: &mut Markup, flying: &[&PictureEvent]) {
    let (seen, unseen): (Vec<&PictureEvent>, Vec<&PictureEvent>) =
        flying.iter().copied().partition(|event| event.fate != Fate::Unread);
    page.raw("<ul class=\"fates\">\n");
    let (survived, gone): (Vec<&PictureEvent>, Vec<&PictureEvent>) =
        seen.iter().copied().partition(|event| event.fate == Fate::Survived);
    written(page, &gone);
    if survived.len() > SURVIVORS_MAX {
        page.put(
            "<li><details><summary>{} survived</summary><ul class=\"fates\">\n",
            &[&counted(survived.len() as u64, "write")],
        );
        written(page, &survived);
        page.raw("</ul></details></li>\n");
    } else {
        written(page, &survived);
    }
    if !unseen.is_empty() {
        page.put(
            "<li>{} at which recovery never looked: whether they survived makes no difference</li>\n",
            &[&counted(unseen.len() as u64, "write")],
        );
    }
    page.raw("</ul>\n");
}

/// Writes and what became of them, a line each.
fn written(page: &mut Markup, events: &[&PictureEvent]) {
    for event in events.iter().take(WRITES_MAX) {
        let (class, name, _) = words::fate(event.fate);
        page.put("<li><svg class=\"key w {}\" width=\"18\" height=\"18\" aria-hidden=\"true\">", &[&class]);
        page.raw("<rect x=\"1\" y=\"1\" width=\"16\" height=\"16\" rx=\"3\"/>");
        page.put("<use href=\"#m-{}\" x=\"3\" y=\"3\" width=\"12\" height=\"12\"/></svg> ", &[&class]);
        page.put("<b>{}</b> #{} {}", &[&name, &event.event, &event.what]);
        if let Some(operation) = event.operation {
            page.put(", issued during operation {}", &[&operation]);
        }
        page.raw("</li>\n");
    }
    if events.len() > WRITES_MAX {
        page.put("<li>{} more, in the drawing and its table</li>\n", &[&(events.len() - WRITES_MAX)]);
    }
}

fn also(page: &mut Markup, finding: &Finding) {
    if finding.also.is_empty() {
        return;
    }
    page.raw("<p>In other crash states the same fault shows as:</p>\n<ul>\n");
    for sentence in finding.also.iter().take(ALSO_MAX) {
        page.put("<li>{}</li>\n", &[&clipped(sentence, TEXT_MAX)]);
    }
    page.raw("</ul>\n");
}

/// What the user should have found.
fn expected(page: &mut Markup, finding: &Finding) {
    if let Some(meaning) = words::promise(&finding.promise) {
        page.put("<p>{}</p>\n", &[&meaning]);
    }
    let is_later = matches!(&*finding.promise, "idempotent" | "usable" | "redundant");
    if let Some(state) = finding.compared_with.as_ref().filter(|_| is_later) {
        page.put("<p>It should be {}.</p>\n", &[state]);
    } else if let Some(state) = &finding.compared_with {
        let crash = if finding.lives.is_empty() { "this crash" } else { "these crashes" };
        page.put("<p>Of what {} may show, the nearest is {}.</p>\n", &[&crash, state]);
    }
}
