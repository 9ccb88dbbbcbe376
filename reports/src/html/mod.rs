//! The report as one page that needs nothing beside itself: no network, no script, no font.
//!
//! What is on it is told to somebody who has never met crashcheck. Scripts add a filter, a search and a button that copies;
//! everything else is there without them. All text of the data is escaped where it is put (`markup.rs`).
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the frame of the page |
//! | `markup.rs` | the only way in which text gets onto it |
//! | `assets.rs` | its style and its script |
//! | `words.rs` | what names mean |
//! | `summary.rs` | the verdict, what was covered, what was not and why |
//! | `causes.rs` | what is missing, before everything else |
//! | `first.rs` | the first cause on the first screen: what happens, a small trace, what should be, the fix |
//! | `index.rs` | the list of the findings, the filter and the search |
//! | `finding.rs` | one finding from beginning to end |
//! | `story.rs` | what happened, step by step |
//! | `life.rs` | the same of the lives after the first, and what was covered of them |
//! | `layout.rs`, `timeline.rs` | where everything of the drawing is, and the drawing |
//! | `medium.rs` | what the crash left on the medium, place by place |
//! | `guide.rs` | how to read the page |

mod assets;
mod causes;
mod finding;
mod first;
mod guide;
mod index;
mod layout;
mod life;
mod markup;
mod medium;
mod recovery;
mod story;
mod summary;
mod timeline;
mod words;

use self::markup::Markup;
use crate::entry::{Entry, Grouped, grouped, subject};
use crate::text;

pub(crate) use self::summary::{headline, interruption};
use crashcheck_outcome::Report;

/// The report as an HTML document.
pub fn write(report: &Report) -> String {
    let groups = grouped(report);
    let entries: Vec<Entry<'_>> = groups.iter().flat_map(|group| group.entries.iter().cloned()).collect();
    let mut page = Markup::default();
    head(&mut page, report);
    page.raw("<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
    assets::symbols(&mut page);
    banner(&mut page, report, &entries);
    page.raw("<main id=\"main\" tabindex=\"-1\">\n");
    if !groups.is_empty() {
        causes::write(&mut page, &groups);
    }
    summary::write(&mut page, report, entries.len());
    if !entries.is_empty() {
        index::write(&mut page, &entries);
        finding::write_all(&mut page, &entries);
    }
    summary::coverage(&mut page, report, &entries);
    guide::write(&mut page);
    page.raw("</main>\n<footer>\n");
    page.put(
        "<p>Made by crashcheck {} with seed {}. This page is one file: it asks for nothing from anywhere.</p>\n",
        &[&report.crashcheck, &report.seed],
    );
    page.raw("</footer>\n");
    assets::script(&mut page);
    page.raw("</body>\n</html>\n");
    page.into_string()
}

fn head(page: &mut Markup, report: &Report) {
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    assets::policy(page);
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    let (who, what) = headline(report);
    page.put("<title>{} {}{} - crashcheck</title>\n", &[&who, &what, &interruption(report)]);
    page.raw("<link rel=\"icon\" href=\"data:,\">\n");
    assets::style(page);
    page.raw("</head>\n");
}

fn banner(page: &mut Markup, report: &Report, entries: &[Entry<'_>]) {
    page.raw("<header class=\"banner\">\n<p class=\"brand\">crashcheck <span>crash report</span></p>\n");
    page.raw("<nav aria-label=\"Sections\"><ul>\n<li><a href=\"#summary\">Summary</a></li>\n");
    if !entries.is_empty() {
        page.put(
            "<li><a href=\"#findings\">Findings <span class=\"count\">{}</span></a></li>\n",
            &[&entries.len()],
        );
    }
    page.raw("<li><a href=\"#coverage\">Coverage</a></li>\n<li><a href=\"#guide\">How to read this page</a></li>\n");
    page.raw("</ul></nav>\n");
    let (who, what) = headline(report);
    page.put("<h1>{} {}{}</h1>\n", &[&who, &what, &interruption(report)]);
    page.raw("</header>\n");
}

/// A number of crash states, short, with all its digits for those who point at it.
fn states(page: &mut Markup, decimal: &str) {
    let short = text::short(decimal);
    match short == decimal {
        true => page.put("{}", &[&short]),
        false => page.put("<span title=\"{}\">{}</span>", &[&clipped(decimal, 400), &short]),
    }
}

/// The beginning of a text that is longer than fits a place of the page.
fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
