//! The list of the findings, with the filter and the search.

use super::finding::kind;
use super::markup::Markup;
use super::{Entry, clipped, states};
use std::collections::BTreeSet;

/// A longer sentence is cut.
const SENTENCE_MAX: usize = 200;

/// The filter, which a script shows and serves, and a line for each finding.
pub(super) fn write(page: &mut Markup, entries: &[Entry<'_>]) {
    page.raw(
        "<section id=\"list\" aria-labelledby=\"list-title\">\n<h2 id=\"list-title\">What was found</h2>\n",
    );
    if entries.len() > 1 {
        filter(page, entries);
    }
    page.raw("<div class=\"scroll\" role=\"region\" aria-label=\"List of findings\" tabindex=\"0\">\n<table class=\"index\">\n");
    page.raw("<thead><tr><th scope=\"col\" class=\"n\">No.</th><th scope=\"col\">Verdict</th><th scope=\"col\">Workload</th>");
    page.raw("<th scope=\"col\">What is wrong</th><th scope=\"col\" class=\"n\">Crash states</th></tr></thead>\n<tbody>\n");
    for entry in entries {
        row(page, entry);
    }
    page.raw("</tbody>\n</table>\n</div>\n</section>\n");
}

fn row(page: &mut Markup, entry: &Entry<'_>) {
    let Entry { number, exploration, finding, .. } = entry;
    let (kind, class) = kind(finding);
    page.put(
        "<tr class=\"item\" data-for=\"finding-{}\" data-system=\"{}\" ",
        &[&number, &exploration.system],
    );
    page.put("data-promise=\"{}\" data-verdict=\"{}\">", &[&finding.promise, &kind]);
    page.put(
        "<td class=\"n\">{}</td><td><span class=\"verdict {}\">{}</span></td>",
        &[&number, &class, &kind],
    );
    page.put("<td><code>{}</code></td>", &[&entry.subject()]);
    page.put(
        "<td><a href=\"#finding-{}\"><span class=\"promise\">{}</span> {}</a></td><td class=\"n\">",
        &[&number, &finding.promise, &clipped(entry.sentence(), SENTENCE_MAX)],
    );
    states(page, &finding.states);
    page.raw("</td></tr>\n");
}

fn filter(page: &mut Markup, entries: &[Entry<'_>]) {
    let systems: BTreeSet<&str> = entries.iter().map(|entry| entry.exploration.system.as_str()).collect();
    let promises: BTreeSet<&str> = entries.iter().map(|entry| entry.finding.promise.as_str()).collect();
    let kinds: BTreeSet<&str> = entries.iter().map(|entry| kind(entry.finding).0).collect();
    page.raw("<form id=\"filter\" role=\"search\" aria-label=\"Findings\" hidden>\n");
    page.raw("<p><label for=\"search\">Search</label> <input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></p>\n");
    choice(page, "system", "System", &systems);
    choice(page, "promise", "Promise", &promises);
    choice(page, "verdict", "Verdict", &kinds);
    page.raw("<p><button id=\"show-all\" type=\"reset\">Show all</button></p>\n");
    page.put("<p id=\"shown\" role=\"status\">{} findings</p>\n</form>\n", &[&entries.len()]);
}

fn choice(page: &mut Markup, name: &'static str, label: &'static str, values: &BTreeSet<&str>) {
    page.put("<p><label for=\"by-{}\">{}</label> ", &[&name, &label]);
    page.put("<select id=\"by-{}\" data-by=\"{}\"><option value=\"\">all</option>", &[&name, &name]);
    for value in values {
        page.put("<option value=\"{}\">{}</option>", &[value, value]);
    }
    page.raw("</select></p>\n");
}
