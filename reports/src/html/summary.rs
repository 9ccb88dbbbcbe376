//! The verdict, what was covered, and what was not and why.

use super::markup::Markup;
use super::words::{self, counted};
use super::{Entry, life, states, subject};
use crate::text::{by_text, coverage as share, later_lives, left_out_of_life, notes, verdict};
use crashcheck_outcome::{Exploration, Report, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// So many findings of an exploration are linked in the table.
const LINKS_MAX: usize = 6;
/// What is said where not everything was covered.
const TRIED: &str = "survived every crash that was tried";
/// So many explorations are broken down by what recovery showed.
const CENSUS_MAX: usize = 40;

/// That the run was interrupted, behind the headline; nothing if it came to its end.
pub(crate) fn interruption(report: &Report) -> String {
    match report.interrupted {
        None => String::new(),
        Some(0) => " (interrupted)".to_owned(),
        Some(left) => format!(" (interrupted: {} not explored)", counted(left, "workload")),
    }
}

/// What the run came to, in a sentence without a full stop: who, and what of them. Who is text of the data if there is only
/// one exploration.
pub(crate) fn headline(report: &Report) -> (String, &'static str) {
    let explorations = &report.explorations;
    let of = |verdict| explorations.iter().filter(|exploration| exploration.verdict == verdict).count();
    let complete = explorations.iter().all(|exploration| exploration.coverage.complete_in_all());
    let complete = complete && report.interrupted.is_none();
    let (verdict, one, many) = match () {
        () if explorations.is_empty() => return ("Nothing".to_owned(), "was explored"),
        () if of(Verdict::Lost) > 0 => (Verdict::Lost, "does not survive a crash", "do not survive a crash"),
        () if of(Verdict::Broken) > 0 => {
            (Verdict::Broken, "fails without any crash", "fail without any crash")
        }
        () if of(Verdict::DeviceLies) > 0 => {
            (Verdict::DeviceLies, "depends on an honest device", "depend on an honest device")
        }
        () if of(Verdict::Survived) + of(Verdict::Incomplete) == 0 => {
            return ("Nothing".to_owned(), "was measured");
        }
        () if complete => (Verdict::Survived, "survives every crash", "survive every crash"),
        () => (Verdict::Incomplete, TRIED, TRIED),
    };
    let count = match verdict {
        Verdict::Incomplete => of(Verdict::Incomplete) + of(Verdict::Survived),
        _ => of(verdict),
    };
    match (&explorations[..], count) {
        ([only], _) => (subject(only), one),
        (all, count) if count == all.len() => (format!("All {count} workloads"), many),
        (all, 1) => (format!("1 of {} workloads", all.len()), one),
        (all, count) => (format!("{count} of {} workloads", all.len()), many),
    }
}

/// The figures of the run, and what was done.
pub(super) fn write(page: &mut Markup, report: &Report, findings: usize) {
    let explorations = &report.explorations;
    let systems: BTreeSet<&str> =
        explorations.iter().map(|exploration| exploration.system.as_str()).collect();
    let recoveries: u64 =
        explorations.iter().map(|exploration| exploration.coverage.recoveries_in_all()).sum();
    let seconds: f64 = explorations.iter().map(|exploration| exploration.timing.seconds).sum();
    page.raw(
        "<section id=\"summary\" aria-labelledby=\"summary-title\">\n<h2 id=\"summary-title\">Summary</h2>\n",
    );
    page.raw("<dl class=\"figures\">\n");
    let mut figure = |name: &str, value: String| {
        page.put("<div><dt>{}</dt><dd>{}</dd></div>\n", &[&name, &value]);
    };
    figure("Findings", findings.to_string());
    figure("Systems", systems.len().to_string());
    figure("Workloads", explorations.len().to_string());
    figure("Recoveries run", recoveries.to_string());
    let digits = if seconds < 1.0 { 2 } else { 1 };
    figure("Time", format!("{seconds:.digits$} s"));
    figure("Seed", report.seed.to_string());
    page.raw("</dl>\n");
    verdicts(page, explorations);
    page.raw("</section>\n");
}

/// The explorations by verdict, and how many are incomplete.
fn verdicts(page: &mut Markup, explorations: &[Exploration]) {
    let mut counts: BTreeMap<Verdict, u64> = BTreeMap::new();
    for exploration in explorations {
        *counts.entry(exploration.verdict).or_default() += 1;
    }
    page.raw("<ul class=\"verdicts\">\n");
    for (kind, count) in counts.into_iter().rev() {
        page.put(
            "<li><span class=\"verdict {}\">{}</span> {}: {}</li>\n",
            &[
                &words::verdict_class(kind),
                &verdict(kind),
                &counted(count, "workload"),
                &words::verdict(kind),
            ],
        );
    }
    let incomplete = explorations.iter().filter(|exploration| !exploration.coverage.complete_in_all());
    let incomplete = incomplete.count() as u64;
    if incomplete > 0 {
        page.put(
            "<li>{} not covered completely; <a href=\"#coverage\">what is missing, and why</a></li>\n",
            &[&counted(incomplete, "workload")],
        );
    }
    page.raw("</ul>\n");
}

/// A line for each exploration, and what is to be said of them.
pub(super) fn coverage(page: &mut Markup, report: &Report, entries: &[Entry<'_>]) {
    let explorations = &report.explorations;
    page.raw("<section id=\"coverage\" aria-labelledby=\"coverage-title\">\n");
    page.raw("<h2 id=\"coverage-title\">Coverage</h2>\n");
    page.raw(
        "<p>A crash state is one content of the media that a crash can leave. One recovery stands for every crash state \
         that looks the same wherever recovery looked, so that few recoveries cover many states, and the number of \
         states they cover is exact.</p>\n",
    );
    if !later_lives(explorations).is_empty() {
        page.raw(
            "<p>What follows a recovery, up to the next crash, is a life of its own: life 2 after the first crash, life 3 \
             after the second. Crash states are counted, and called covered, in the life of the workload; beside that stands \
             what was covered of the lives after it. The recoveries are those of all lives.</p>\n",
        );
    }
    page.raw("<div class=\"scroll\" role=\"region\" aria-label=\"Explorations\" tabindex=\"0\">\n<table class=\"explorations\">\n");
    page.raw("<caption>What was explored</caption>\n<thead><tr><th scope=\"col\">Workload</th><th scope=\"col\">Device profile</th>");
    page.raw("<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Findings</th><th scope=\"col\" class=\"n\">Crash states</th>");
    page.raw("<th scope=\"col\" class=\"n\">Covered</th>");
    life::headings(page, explorations);
    page.raw("<th scope=\"col\" class=\"n\">Recoveries</th><th scope=\"col\" class=\"n\">Known before</th>");
    page.raw("<th scope=\"col\" class=\"n\">Epochs</th><th scope=\"col\" class=\"n\">Events</th></tr></thead>\n<tbody>\n");
    let numbers: BTreeMap<&str, usize> =
        entries.iter().rev().map(|entry| (entry.finding.fingerprint.as_str(), entry.number)).collect();
    for exploration in explorations {
        row(page, exploration, explorations, &numbers);
    }
    page.raw("</tbody>\n</table>\n</div>\n");
    said(page, "Not covered, and why", explorations, |exploration| {
        exploration.coverage.left_out.iter().cloned().collect()
    });
    for life in later_lives(explorations) {
        let title = format!("Not covered in life {life}, and why");
        said(page, &title, explorations, |exploration| left_out_of_life(exploration, life));
    }
    said(page, "Verdicts with a reason", explorations, |exploration| {
        exploration.reason.iter().cloned().collect()
    });
    said(page, "Notes", explorations, notes(explorations));
    judged(page, explorations);
    census(page, explorations);
    page.raw("</section>\n");
}

fn row(
    page: &mut Markup,
    exploration: &Exploration,
    explorations: &[Exploration],
    numbers: &BTreeMap<&str, usize>,
) {
    let covered = &exploration.coverage;
    let kind = exploration.verdict;
    page.put(
        "<tr class=\"item\" data-system=\"{}\" data-verdict=\"{}\"><th scope=\"row\"><code>{}</code></th><td>{}</td>",
        &[&exploration.system, &verdict(kind), &subject(exploration), &exploration.profile],
    );
    page.put("<td><span class=\"verdict {}\">{}</span></td>", &[&words::verdict_class(kind), &verdict(kind)]);
    page.raw("<td class=\"n\">");
    let of = exploration.findings.iter().filter_map(|finding| numbers.get(finding.fingerprint.as_str()));
    for (nth, number) in of.take(LINKS_MAX).enumerate() {
        page.raw(if nth == 0 { "" } else { ", " });
        page.put("<a href=\"#finding-{}\">{}</a>", &[number, number]);
    }
    match exploration.findings.len() {
        0 => page.raw("none"),
        count if count > LINKS_MAX => page.put(" of {}", &[&count]),
        _ => {}
    }
    page.raw("</td>");
    page.raw("<td class=\"n\">");
    if !covered.exact && !covered.total.is_empty() {
        page.raw("at most ");
    }
    states(page, &covered.total);
    page.put("</td><td class=\"n\">{}</td>", &[&share(covered)]);
    life::cells(page, exploration, explorations);
    page.put(
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        &[&covered.recoveries_in_all(), &covered.known_in_all(), &covered.epochs, &exploration.events],
    );
}

/// A list of different texts, with the explorations that each is about.
fn said(
    page: &mut Markup,
    title: &str,
    explorations: &[Exploration],
    texts_of: impl Fn(&Exploration) -> Vec<String>,
) {
    let groups = by_text(explorations, subject, texts_of);
    if groups.is_empty() {
        return;
    }
    page.put("<h3>{}</h3>\n<ul>\n", &[&title]);
    for (text, names) in groups {
        page.raw("<li><span class=\"lines\">");
        page.lines(&text);
        page.put("</span> <span class=\"about\">({})</span></li>\n", &[&names]);
    }
    page.raw("</ul>\n");
}

/// How often each promise was put to the test.
fn judged(page: &mut Markup, explorations: &[Exploration]) {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for judged in explorations.iter().flat_map(|exploration| &exploration.judged) {
        let sum = times.entry(&judged.promise).or_default();
        *sum = sum.saturating_add(judged.times);
    }
    if times.is_empty() {
        return;
    }
    page.raw("<div class=\"scroll\" role=\"region\" aria-label=\"Promises\" tabindex=\"0\">\n<table class=\"promises\">\n");
    page.raw("<caption>What was demanded of every crash state</caption>\n<thead><tr><th scope=\"col\">Promise</th>");
    page.raw("<th scope=\"col\">What it means</th><th scope=\"col\" class=\"n\">Judged</th></tr></thead>\n<tbody>\n");
    for (promise, times) in times {
        let meaning = words::promise(promise).unwrap_or("A promise of this system.");
        let often = match times {
            0 => "never: not measured".to_owned(),
            times => counted(times, "time"),
        };
        page.put(
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td class=\"n\">{}</td></tr>\n",
            &[&promise, &meaning, &often],
        );
    }
    page.raw("</tbody>\n</table>\n</div>\n");
}

/// What recovery showed, by kind, for every exploration.
fn census(page: &mut Markup, explorations: &[Exploration]) {
    let counted: Vec<&Exploration> =
        explorations.iter().filter(|exploration| !exploration.census.is_empty()).collect();
    if counted.is_empty() {
        return;
    }
    page.raw("<h3>What recovery showed</h3>\n");
    for exploration in counted.iter().take(CENSUS_MAX) {
        let open = if counted.len() == 1 { " open" } else { "" };
        page.put("<details{}><summary>", &[&open]);
        page.put("<code>{}</code> under {}</summary>\n", &[&subject(exploration), &exploration.profile]);
        page.raw(
            "<table><thead><tr><th scope=\"col\">Recovery met</th><th scope=\"col\">A user then sees</th>",
        );
        page.raw("<th scope=\"col\" class=\"n\">Crash states</th></tr></thead>\n<tbody>\n");
        for row in &exploration.census {
            let found = row.found.as_deref().unwrap_or("-");
            page.put("<tr><td>{}</td><td>{}</td><td class=\"n\">", &[&found, &row.shows]);
            states(page, &row.states);
            page.raw("</td></tr>\n");
        }
        page.raw("</tbody></table></details>\n");
    }
    if counted.len() > CENSUS_MAX {
        page.put("<p>The same of {} more is in report.json.</p>\n", &[&(counted.len() - CENSUS_MAX)]);
    }
}

/// What was covered of the exploration of a finding.
pub(super) fn of_finding(page: &mut Markup, entry: &Entry<'_>) {
    let covered = &entry.exploration.coverage;
    page.raw("<p>Of ");
    if !covered.exact {
        page.raw("at most ");
    }
    states(page, &covered.total);
    page.raw(" crash states, ");
    states(page, &covered.represented);
    page.put(
        " were covered ({}) by {}, over {}.",
        &[&share(covered), &counted(covered.recoveries, "recovery"), &counted(covered.epochs, "epoch")],
    );
    if let Some(why) = &covered.left_out {
        page.put(" Not covered: {}.", &[why]);
    }
    page.raw("</p>\n");
    life::covered(page, entry.exploration);
}
