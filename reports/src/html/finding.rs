//! One finding from beginning to end.

use super::markup::Markup;
use super::timeline::Drawn;
use super::words::counted;
use super::{Entry, clipped, medium, recovery, states, story, subject, summary, timeline};
use crashcheck_outcome::{
    Cause, Check, Cure, Difference, EVERYWHERE, Finding, FixingFlush, Issued, NO_ORDER, Shrunk,
};

/// So many findings are unfolded; the others are a click away.
const OPEN_MAX: usize = 10;
/// Where the page is longer than this, in bytes, drawings are left out: it has to be opened by a browser.
const DRAWN_MAX: usize = 4 << 20;
/// So many missing orders are told.
const ORDERS_MAX: usize = 12;
/// So many differences are shown.
const DIFFERENCES_MAX: usize = 40;
/// So many other workloads are named that show the same fault.
const AGAIN_MAX: usize = 8;
/// So many rules that prevent a finding are told.
const CURES_MAX: usize = 2;
/// A longer text is cut.
const TEXT_MAX: usize = 600;

/// All findings.
pub(super) fn write_all(page: &mut Markup, entries: &[Entry<'_>]) {
    page.raw("<section id=\"findings\" aria-labelledby=\"findings-title\">\n<h2 id=\"findings-title\">Findings</h2>\n");
    for entry in entries {
        write(page, entry);
    }
    page.raw("</section>\n");
}

/// A finding is folded up behind its sentence if there are many. What a link leads to is inside, because then browsers
/// unfold it by themselves; what is folded up costs them nothing.
fn write(page: &mut Markup, entry: &Entry<'_>) {
    let Entry { number, exploration, finding, .. } = entry;
    let (kind, class) = kind(finding);
    page.put("<article class=\"finding item\" aria-labelledby=\"finding-{}-title\" ", &[&number]);
    page.put("data-system=\"{}\" data-promise=\"{}\" ", &[&exploration.system, &finding.promise]);
    page.put("data-verdict=\"{}\">\n", &[&kind]);
    page.put("<details class=\"whole\"{}>\n<summary>", &[&if *number <= OPEN_MAX { " open" } else { "" }]);
    page.put("<span class=\"kicker\"><span class=\"verdict {}\">{}</span> ", &[&class, &kind]);
    page.put("<code>{}</code> under <code>{}</code></span>\n", &[&entry.subject(), &exploration.profile]);
    page.put("<h3 id=\"finding-{}-title\"><span class=\"number\">{}.</span> ", &[&number, &number]);
    page.put("<span class=\"promise\">{}</span> ", &[&finding.promise]);
    page.put("{}</h3></summary>\n", &[&clipped(entry.sentence(), TEXT_MAX)]);
    page.put("<div class=\"body\" id=\"finding-{}\" tabindex=\"-1\">\n", &[&number]);
    if entry.has_anchor {
        page.put("<span class=\"anchor\" id=\"finding-{}\"></span>\n", &[&finding.fingerprint]);
    }
    if finding.everywhere {
        page.put("<p class=\"wrong\">Note: {}.</p>\n", &[&EVERYWHERE]);
    }
    story::background(page, entry);
    page.raw("<h4>What happened</h4>\n");
    story::write(page, entry);
    differences(page, entry);
    cause(page, finding.cause.as_ref());
    recovery::write(page, entry);
    drawings(page, entry);
    again(page, entry);
    page.raw("</div>\n</details>\n</article>\n");
}

/// The verdict of a finding, and its class.
pub(super) fn kind(finding: &Finding) -> (&'static str, &'static str) {
    if finding.device_lies { ("device lies", "doubtful") } else { ("lost", "bad") }
}

/// What should be, beside what is.
fn differences(page: &mut Markup, entry: &Entry<'_>) {
    let finding = entry.finding;
    if finding.differences.is_empty() {
        return;
    }
    page.raw("<h4>What is wrong</h4>\n<ul class=\"differences\">\n");
    for difference in finding.differences.iter().take(DIFFERENCES_MAX) {
        page.raw("<li>");
        self::difference(page, difference, TEXT_MAX);
        page.raw("</li>\n");
    }
    page.raw("</ul>\n");
    if finding.differences.len() > DIFFERENCES_MAX {
        let more = finding.differences.len() - DIFFERENCES_MAX;
        page.put("<p class=\"about\">{} more are in report.json.</p>\n", &[&more]);
    }
}

/// What something should be beside what it is, or above it where there is no room.
pub(super) fn difference(page: &mut Markup, difference: &Difference, max: usize) {
    let Difference { what, expected, recovered } = difference;
    page.put("<div class=\"difference\"><p><code>{}</code></p><dl>", &[&clipped(what, max)]);
    for (class, name, text) in [
        ("expected", "Should be", expected.as_deref()),
        ("recovered", "After recovery", recovered.as_deref()),
    ] {
        page.put("<div class=\"{}\"><dt>{}</dt><dd class=\"lines\">", &[&class, &name]);
        match text {
            None => page.raw("<em>not there</em>"),
            Some(text) => page.lines(&clipped(text, max)),
        }
        page.raw("</dd></div>");
    }
    page.raw("</dl></div>");
}

/// Which flush is missing where, and whether an `fdatasync` is there already.
fn flush_at(page: &mut Markup, flush: &FixingFlush) {
    let there = flush.fdatasync.as_ref();
    let is_it = there.is_some_and(|there| *there == flush.before);
    let place = if is_it { "instead of" } else { "right before" };
    page.put("<b>{}</b> {} #{} ({})", &[&flush.call(), &place, &flush.before.event, &flush.before.what]);
    match there {
        None => {}
        Some(_) if is_it => page.raw(", which is not enough"),
        Some(there) => page.put(", where #{} ({}) is not enough", &[&there.event, &there.what]),
    }
}

/// Why it happens, and what prevents it.
fn cause(page: &mut Markup, cause: Option<&Cause>) {
    let Some(Cause { missing, fix, why, cures, hides, .. }) = cause else { return };
    page.raw("<h4>Why it happens, and what prevents it</h4>\n<dl class=\"cause\">\n");
    if missing.is_empty() && fix.is_none() {
        let none = if cures.is_empty() { NO_ORDER } else { "none in this trace that prevents all of it" };
        let why = why.as_deref().unwrap_or(none);
        page.put("<div><dt>Missing order</dt><dd>{}.</dd></div>\n", &[&why]);
    }
    for order in missing.iter().take(ORDERS_MAX) {
        page.raw("<div><dt>Missing order</dt><dd>");
        page.put("<b>#{}</b> ({}) must be durable before ", &[&order.before.event, &order.before.what]);
        page.put(
            "<b>#{}</b> ({}), and nothing makes it wait.</dd></div>\n",
            &[&order.after.event, &order.after.what],
        );
    }
    if missing.len() > ORDERS_MAX {
        page.put(
            "<div><dt>Missing order</dt><dd>And {} more.</dd></div>\n",
            &[&(missing.len() - ORDERS_MAX)],
        );
    }
    if let Some(fix) = fix {
        page.raw("<div><dt>Verified fix</dt><dd>");
        for (nth, flush) in fix.flushes.iter().enumerate() {
            page.raw(match (nth, flush.is_fsync) {
                (0, true) => "An ",
                (0, false) => "A ",
                (_, true) => ", and an ",
                (_, false) => ", and a ",
            });
            flush_at(page, flush);
        }
        for (nth, write) in fix.fua.iter().enumerate() {
            page.raw(match (nth, fix.is_of_files()) {
                (0, true) => ", or <b>O_SYNC</b> on ",
                (0, false) => ", or <b>FUA</b> on ",
                _ => " and ",
            });
            page.put("#{} ({})", &[&write.event, &write.what]);
        }
        let left = if fix.clean { "nothing is found" } else { "this finding is gone" };
        page.raw(". The trace was mended like that and explored again: ");
        page.put("{} in any of its ", &[&left]);
        states(page, &fix.crash_states);
        page.put(" crash states ({}).</dd></div>\n", &[&counted(fix.recoveries, "recovery")]);
    } else if let Some(why) = why.as_deref().filter(|_| !missing.is_empty()) {
        page.put("<div><dt>Verified fix</dt><dd>None: {}.</dd></div>\n", &[&why]);
    }
    if let Some(why) = hides {
        page.put("<div><dt>But</dt><dd>{}.</dd></div>\n", &[&clipped(why, TEXT_MAX)]);
    }
    cures.iter().take(CURES_MAX).for_each(|cure| kept(page, cure));
    page.raw("</dl>\n");
}

/// What a rule would do that the system keeps in all its lives.
fn kept(page: &mut Markup, cure: &Cure) {
    page.raw("<div><dt>As a rule</dt><dd>With ");
    for (nth, rule) in cure.rules.iter().enumerate() {
        page.put("{}<b>{}</b>", &[&if nth == 0 { "" } else { " and " }, rule]);
    }
    let left = if cure.clean { "nothing is found" } else { "this finding is gone" };
    let covered = if cure.complete { "covered completely" } else { "not covered completely" };
    page.put(
        ", whatever it does and in each of its lives, {} in this workload ({}, {}).</dd></div>\n",
        &[&left, &counted(cure.recoveries, "recovery"), &covered],
    );
}

/// The trace and the medium of every life.
fn drawings(page: &mut Markup, entry: &Entry<'_>) {
    if page.len() > DRAWN_MAX {
        page.raw("<p class=\"about\">The drawings are left out, as this page is long; report.json has them as data.</p>\n");
        return;
    }
    if let Some(picture) = &entry.finding.picture {
        let crash = if entry.finding.lives.is_empty() { "the crash" } else { "the first crash" };
        let heading = format!("The trace, and the medium after {crash}");
        of_life(page, &heading, &Drawn::first(entry, picture));
    }
    for life in &entry.finding.lives {
        if let Some(picture) = &life.picture {
            let heading = format!("Life {}: its trace, and the medium after its crash", life.life);
            of_life(page, &heading, &Drawn::later(entry, life, picture));
        }
    }
}

fn of_life(page: &mut Markup, heading: &str, drawn: &Drawn<'_>) {
    page.put("<h4>{}</h4>\n", &[&heading]);
    page.raw("<details open><summary>The trace: what was issued when, and what became of it</summary>\n");
    timeline::write(page, drawn);
    page.raw("</details>\n");
    if !drawn.picture.sectors.is_empty() {
        page.raw("<details open><summary>The medium: what each place held when recovery came</summary>\n");
        medium::write(page, drawn.picture, &drawn.whose);
        page.raw("</details>\n");
    }
}

/// How to see it again, and what is behind it.
fn again(page: &mut Markup, entry: &Entry<'_>) {
    let finding = entry.finding;
    page.raw("<h4>See it again</h4>\n");
    if let Some(line) = &finding.replay {
        page.put(
            "<div class=\"replay\"><pre id=\"replay-{}\" tabindex=\"0\">{}</pre>",
            &[&entry.number, line],
        );
        page.put(
            "<button type=\"button\" class=\"copy\" data-copies=\"replay-{}\" hidden>",
            &[&entry.number],
        );
        page.put(
            "Copy<span class=\"unseen\"> the command of finding {}</span></button></div>\n",
            &[&entry.number],
        );
    }
    page.raw("<dl class=\"behind\">\n<div><dt>Behind it</dt><dd>");
    states(page, &finding.states);
    page.put(
        " {} alike, met in {}; the first after {} in its epoch</dd></div>\n",
        &[
            &if finding.states == "1" { "crash state, no other fails" } else { "crash states fail" },
            &counted(finding.leaves, "way"),
            &counted(finding.found_after, "recovery"),
        ],
    );
    issued(page, finding);
    also_in(page, entry);
    checks(page, &finding.checks);
    if let Some(shrunk) = &finding.shrunk {
        self::shrunk(page, shrunk);
    }
    // The command that shows it again says the id.
    if finding.replay.as_ref().is_none_or(|line| !line.contains(&finding.id)) {
        page.put("<div><dt>Id</dt><dd><code>{}</code></dd></div>\n", &[&finding.id]);
    }
    page.put("<div><dt>Fingerprint</dt><dd><code>{}</code>", &[&finding.fingerprint]);
    if entry.has_anchor {
        page.put(" <a href=\"#finding-{}\">A link to it that stays</a>", &[&finding.fingerprint]);
    }
    page.raw("</dd></div>\n");
    page.raw("<div><dt>Covered</dt><dd>");
    summary::of_finding(page, entry);
    page.raw("</dd></div>\n</dl>\n");
}

/// What a system must do, and this one did not.
fn checks(page: &mut Markup, checks: &[Check]) {
    if checks.is_empty() {
        return;
    }
    page.raw("<div><dt>Checks violated</dt><dd>");
    for Check { code, says, source } in checks {
        page.put("<p><b>{}</b>", &[code]);
        if let Some(says) = says {
            page.put(": {}", &[says]);
        }
        if let Some(source) = source {
            page.put(" <cite>{}</cite>", &[source]);
        }
        page.raw("</p>");
    }
    page.raw("</dd></div>\n");
}

/// The same fault in other workloads.
fn also_in(page: &mut Markup, entry: &Entry<'_>) {
    if entry.again.is_empty() {
        return;
    }
    page.raw("<div><dt>Found again in</dt><dd>");
    for (nth, (exploration, finding)) in entry.again.iter().take(AGAIN_MAX).enumerate() {
        page.raw(if nth == 0 { "" } else { ", " });
        page.put("<code>{}</code> (", &[&subject(exploration)]);
        if exploration.profile != entry.exploration.profile {
            page.put("under {}, ", &[&exploration.profile]);
        }
        states(page, &finding.states);
        page.raw(if finding.states == "1" { " crash state)" } else { " crash states)" });
    }
    if entry.again.len() > AGAIN_MAX {
        page.put(" and {} more", &[&(entry.again.len() - AGAIN_MAX)]);
    }
    page.raw("</dd></div>\n");
}

/// Where in the source the writes were issued that matter.
fn issued(page: &mut Markup, finding: &Finding) {
    if finding.sites.is_empty() {
        return;
    }
    page.raw("<div><dt>Issued at</dt><dd>");
    for Issued { events, calls } in finding.issued() {
        page.put("<p><b>{}</b> at ", &[&events]);
        for (nth, call) in calls.iter().enumerate() {
            page.put("{}<code>{}</code>", &[&if nth == 0 { "" } else { ", called from " }, call]);
        }
        page.raw("</p>");
    }
    page.raw("</dd></div>\n");
}

fn shrunk(page: &mut Markup, shrunk: &Shrunk) {
    page.put("<div><dt>Made small</dt><dd>{}", &[&shrunk.sizes()]);
    page.put(", found as <code>{}</code>", &[&shrunk.found_as]);
    if let Some(why) = &shrunk.ended {
        page.put("; it ended early: {}", &[why]);
    }
    if let Some(file) = &shrunk.file {
        page.put("; kept in <code>{}</code>, which is replayed first on every run", &[file]);
    }
    page.raw("</dd></div>\n");
}
