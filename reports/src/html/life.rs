//! The lives after the first: what happened in each, step by step, and how much of them was covered.

use super::markup::Markup;
use super::story;
use super::words::counted;
use super::{clipped, states};
use crate::text::{coverage_of_life, later_lives, of_life};
use crashcheck_outcome::{Exploration, Finding, LaterLife, LifeCoverage};

/// A longer text is cut.
const TEXT_MAX: usize = 1600;

/// The steps of all later lives of a finding, each from the return of the power to the next crash.
pub(super) fn steps(page: &mut Markup, finding: &Finding) {
    for life in &finding.lives {
        begins(page, life);
        ends(page, life);
    }
}

fn begins(page: &mut Markup, life: &LaterLife) {
    page.put("</li>\n<li><p class=\"step\">The power returns, and life {} begins</p>\n", &[&life.life]);
    match &life.showed {
        None => page.raw("<p>Recovery begins, and does not come to its end.</p>\n"),
        Some(showed) => page.put("<p>Recovery shows {}.</p>\n", &[&clipped(showed, TEXT_MAX)]),
    }
    if !life.operations.is_empty() {
        page.raw("<p>The system goes on. When the power failed again, this had been done:</p>\n");
        story::list(page, &life.operations, 0);
    }
}

fn ends(page: &mut Markup, life: &LaterLife) {
    page.put(
        "</li>\n<li><p class=\"step\">The power fails again, and life {} ends</p>\n<p>It fails {}.</p>\n",
        &[&life.life, &clipped(&life.crash_point, TEXT_MAX)],
    );
    page.put("<p>What the device keeps, in short: {}.</p>\n", &[&clipped(&life.state, TEXT_MAX)]);
    story::fates_in_words(page, &life.writes);
}

/// The headings of the columns of later lives.
pub(super) fn headings(page: &mut Markup, explorations: &[Exploration]) {
    for number in later_lives(explorations) {
        page.put("<th scope=\"col\" class=\"n\">Life {}</th>", &[&number]);
    }
}

/// The cells of an exploration in these columns.
pub(super) fn cells(page: &mut Markup, exploration: &Exploration, explorations: &[Exploration]) {
    for number in later_lives(explorations) {
        let covered = of_life(exploration, number).map_or_else(|| "-".to_owned(), coverage_of_life);
        page.put("<td class=\"n\">{}</td>", &[&covered]);
    }
}

/// What was covered of the later lives of an exploration, a sentence each.
pub(super) fn covered(page: &mut Markup, exploration: &Exploration) {
    for covered in &exploration.coverage.later {
        let LifeCoverage { life, lives, begun, total, represented, recoveries, left_out, .. } = covered;
        page.put("<p>Life {}: of ", &[life]);
        states(page, total);
        page.raw(" crash states, ");
        states(page, represented);
        page.put(
            " were covered by {}, in {} of the {} lives that recoveries led to.",
            &[&counted(*recoveries, "recovery"), begun, lives],
        );
        if let Some(why) = left_out {
            page.put(" Not covered: {}.", &[why]);
        }
        page.raw("</p>\n");
    }
}
