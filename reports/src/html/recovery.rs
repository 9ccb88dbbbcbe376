//! What recovery did: what it read, what it wrote, and where wrong bytes come from.

use super::markup::Markup;
use super::words::counted;
use super::{Entry, clipped};
use crashcheck_outcome::{Provenance, Reading, Recovery, Writing};

/// So many reads and writes of a recovery are shown.
const ROWS_MAX: usize = 60;
/// So many places are shown that differ.
const PLACES_MAX: usize = 8;
/// A longer text is cut.
const TEXT_MAX: usize = 600;

/// What recovery did in the state of a finding, folded up but for what it comes to.
pub(super) fn write(page: &mut Markup, entry: &Entry<'_>) {
    let finding = entry.finding;
    if finding.recoveries.is_empty() {
        return;
    }
    page.raw("<h4>What recovery did</h4>\n");
    finding.recoveries.iter().for_each(|recovery| one(page, recovery));
    finding.provenance.iter().for_each(|provenance| differs(page, provenance));
}

fn one(page: &mut Markup, recovery: &Recovery) {
    page.put("<details class=\"recovery\"><summary>{}.</summary>\n", &[&sentence(recovery)]);
    page.raw("<ol class=\"did\">\n");
    recovery.reads.iter().take(ROWS_MAX).for_each(|read| reading(page, read));
    more(page, recovery.reads.len(), "place");
    recovery.writes.iter().take(ROWS_MAX).for_each(|write| writing(page, write));
    more(page, recovery.writes.len(), "write");
    page.raw("</ol>\n</details>\n");
}

/// What it comes to, as a sentence.
fn sentence(recovery: &Recovery) -> String {
    let told = recovery.to_string();
    match told.split_at(1) {
        ("r", _) => format!("It {told}"),
        (first, rest) => format!("{}{rest}", first.to_uppercase()),
    }
}

fn reading(page: &mut Markup, read: &Reading) {
    let open = if read.open { "read, and left open by the crash:" } else { "read:" };
    page.put("<li><b>{}</b> {}</li>\n", &[&open, &clipped(&read.to_string(), TEXT_MAX)]);
}

fn writing(page: &mut Markup, write: &Writing) {
    let name = if write.changes == Some(false) { "wrote what was there:" } else { "wrote:" };
    page.put("<li><b>{}</b> {}</li>\n", &[&name, &clipped(&write.to_string(), TEXT_MAX)]);
}

fn more(page: &mut Markup, all: usize, what: &str) {
    if all > ROWS_MAX {
        let more = counted((all - ROWS_MAX) as u64, what);
        page.put("<li>and {} more, which report.json has</li>\n", &[&more]);
    }
}

/// Where the bytes come from that are not as they are in a state that passes.
fn differs(page: &mut Markup, provenance: &Provenance) {
    let Provenance { beside, places, more } = provenance;
    page.put("<p>What was looked at then differs from {} here:</p>\n", &[&clipped(beside, TEXT_MAX)]);
    page.raw("<ul class=\"differs\">\n");
    for place in places.iter().take(PLACES_MAX) {
        page.put("<li>{}, from byte {} on: ", &[&place.place, &place.from]);
        page.put("here from <b>{}</b>, there from {}", &[&place.source(), &place.instead]);
        page.put(
            "<div><code>{}</code></div>\n<div>instead of <code>{}</code></div></li>\n",
            &[&place.is, &place.should_be],
        );
    }
    let more = more + places.len().saturating_sub(PLACES_MAX) as u64;
    if more > 0 {
        page.put("<li>and {} more</li>\n", &[&counted(more, "place")]);
    }
    page.raw("</ul>\n");
}
