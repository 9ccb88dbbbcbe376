//! One exploration of several recordings of a workload: their crash states are different ones, and counted together.

use crashcheck_outcome::{CensusRow, Coverage, Exploration, Finding, Judged, LifeCoverage, Verdict};
use num_bigint::BigUint;

/// So many ways in which a finding shows are told.
const SENTENCES: usize = 8;

/// Adds what came of another recording.
pub(crate) fn add(whole: &mut Exploration, other: Exploration) {
    let before = whole.timing.seconds;
    whole.timing.seconds += other.timing.seconds;
    let first = other.timing.first_finding_seconds.map(|seconds| before + seconds);
    whole.timing.first_finding_seconds = whole.timing.first_finding_seconds.or(first);
    add_coverage(&mut whole.coverage, other.coverage);
    other.judged.into_iter().for_each(|judged| add_judged(&mut whole.judged, judged));
    other.census.into_iter().for_each(|row| add_row(&mut whole.census, row));
    whole.census.sort_by(|a, b| (&a.found, &a.shows).cmp(&(&b.found, &b.shows)));
    other.findings.into_iter().for_each(|finding| add_finding(&mut whole.findings, finding));
    for note in other.notes {
        if !whole.notes.contains(&note) {
            whole.notes.push(note);
        }
    }
    (whole.verdict, whole.reason) = match (whole.verdict, other.verdict) {
        (verdict, other_verdict) if weight(other_verdict) > weight(verdict) => (other_verdict, other.reason),
        (verdict, _) => (verdict, whole.reason.take()),
    };
}

/// Adds that a recording shows the system failing without any crash.
pub(crate) fn add_broken(whole: &mut Exploration, reason: String) {
    if weight(Verdict::Broken) > weight(whole.verdict) {
        (whole.verdict, whole.reason) = (Verdict::Broken, Some(reason));
    }
    whole.coverage.complete = false;
    let why = || "a recording in which a flush fails shows the system failing without any crash".to_owned();
    whole.coverage.left_out.get_or_insert_with(why);
}

/// Of two recordings that which weighs more says what came of both. What one of them had nothing to judge in, another may have.
fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotMeasured => 0,
        Verdict::Survived => 1,
        Verdict::Incomplete => 2,
        Verdict::Broken => 3,
        Verdict::DeviceLies => 4,
        Verdict::Lost => 5,
    }
}

/// The sum of two decimal numbers.
fn add_number(sum: &mut String, other: &str) {
    let number = |text: &str| text.parse::<BigUint>().expect("a number of crash states");
    *sum = (number(sum) + number(other)).to_string();
}

fn add_coverage(whole: &mut Coverage, other: Coverage) {
    let Coverage {
        total,
        exact,
        represented,
        complete,
        left_out,
        epochs,
        recoveries,
        known,
        outcomes,
        later,
    } = other;
    add_number(&mut whole.total, &total);
    add_number(&mut whole.represented, &represented);
    whole.exact &= exact;
    whole.complete &= complete;
    whole.left_out = whole.left_out.take().or(left_out);
    whole.epochs += epochs;
    whole.recoveries += recoveries;
    whole.known += known;
    whole.outcomes += outcomes;
    for (sum, life) in whole.later.iter_mut().zip(later) {
        add_life(sum, life);
    }
}

fn add_life(whole: &mut LifeCoverage, other: LifeCoverage) {
    let LifeCoverage { life: _, lives, begun, total, represented, complete, left_out, recoveries, known } =
        other;
    whole.lives += lives;
    whole.begun += begun;
    add_number(&mut whole.total, &total);
    add_number(&mut whole.represented, &represented);
    whole.complete &= complete;
    whole.left_out = whole.left_out.take().or(left_out);
    whole.recoveries += recoveries;
    whole.known += known;
}

fn add_judged(whole: &mut Vec<Judged>, other: Judged) {
    match whole.iter_mut().find(|judged| judged.promise == other.promise) {
        Some(judged) => judged.times += other.times,
        None => whole.push(other),
    }
}

fn add_row(whole: &mut Vec<CensusRow>, other: CensusRow) {
    match whole.iter_mut().find(|row| (&row.found, &row.shows) == (&other.found, &other.shows)) {
        Some(row) => add_number(&mut row.states, &other.states),
        None => whole.push(other),
    }
}

/// What fails alike in two recordings is told by the first.
fn add_finding(whole: &mut Vec<Finding>, other: Finding) {
    match whole.iter_mut().find(|finding| finding.fingerprint == other.fingerprint) {
        Some(finding) => {
            for sentence in other.also_beside(&finding.detail) {
                if finding.also.len() < SENTENCES && !finding.also.contains(&sentence) {
                    finding.also.push(sentence);
                }
            }
            finding.leaves += other.leaves;
            add_number(&mut finding.states, &other.states);
        }
        None => whole.push(other),
    }
}
