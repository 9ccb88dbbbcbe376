//! The causes, before everything else: what is missing, and where it is told.

use super::markup::Markup;
use super::{Grouped, clipped, first};
use crashcheck_outcome::Common;

/// So many causes are listed before the list of all findings.
const CAUSES_MAX: usize = 8;
/// A longer sentence is cut.
const SENTENCE_MAX: usize = 200;

/// A paragraph for each cause.
pub(super) fn write(page: &mut Markup, groups: &[Grouped<'_>]) {
    page.raw(
        "<section id=\"causes\" aria-labelledby=\"causes-title\">\n<h2 id=\"causes-title\">In short</h2>\n",
    );
    if let [group, ..] = groups {
        first::write(page, group);
    }
    if groups.len() < 2 {
        page.raw("</section>\n");
        return;
    }
    page.raw("<p>Other causes:</p>\n<ul class=\"causes\">\n");
    for group in groups.iter().take(CAUSES_MAX).skip(1) {
        page.raw("<li>");
        cause(page, group);
        page.raw("</li>\n");
    }
    if groups.len() > CAUSES_MAX {
        page.put("<li>And {} more <a href=\"#list\">below</a>.</li>\n", &[&(groups.len() - CAUSES_MAX)]);
    }
    page.raw("</ul>\n</section>\n");
}

fn cause(page: &mut Markup, Grouped { group, entries }: &Grouped<'_>) {
    let first = &entries[0];
    match entries.len() {
        1 => page.put("<code>{}</code>: ", &[&first.subject()]),
        findings => {
            let bugs: String = group.bugs.iter().map(|bug| format!("+{bug}")).collect();
            page.put(
                "<code>{}{}</code>: <b>{} findings {}</b>. ",
                &[&group.system, &bugs, &findings, &group.title()],
            );
            page.raw("The simplest: ");
        }
    }
    page.put(
        "<a href=\"#finding-{}\"><span class=\"promise\">{}</span> {}</a>.",
        &[&first.number, &first.finding.promise, &clipped(first.sentence(), SENTENCE_MAX)],
    );
    if group.common == Common::NoOrder && entries.len() == 1 {
        page.raw(" No order of writes prevents it: the fault is in what is written or in recovery.");
    }
    for (name, line) in group.lines() {
        page.put(" <b>{}{}:</b> {}.", &[&name[..1].to_uppercase(), &&name[1..], &line]);
    }
}
