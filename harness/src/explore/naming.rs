//! How a state and a finding are named.

use crate::choice::Path;
use crate::judge::Violation;
use crashcheck_outcome as outcome;
use crashcheck_trace::{EventId, ReplayId};
use rustc_hash::FxBuildHasher;
use std::borrow::Cow;
use std::hash::BuildHasher;

/// How the state of an exploration is named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naming {
    pub(crate) system: String,
    pub(crate) bugs: Vec<String>,
    pub(crate) checks: Vec<outcome::Check>,
    pub(crate) workload: String,
    pub(crate) trace_hash: u32,
}

/// What failing leaves that fail alike have in common: the promise, and what was seen in general terms.
pub(crate) type Key = (String, String);

impl Naming {
    /// A system that nobody gave bug switches, under a workload without a name.
    pub(crate) fn new(system: String) -> Naming {
        Naming { system, workload: "workload".to_owned(), ..Naming::default() }
    }

    /// The same for the same fault, in whatever workload it shows.
    pub(crate) fn fingerprint(&self, key: &Key) -> String {
        format!("{:016x}", FxBuildHasher.hash_one((&self.system, key)))
    }

    pub(super) fn id(&self, profile: &str, epoch: u32, point: usize, path: &Path) -> ReplayId {
        ReplayId {
            system: self.system.clone(),
            bugs: self.bugs.clone(),
            workload: self.workload.clone(),
            profile: profile.to_owned(),
            epoch,
            point: EventId(point as u32),
            trace_hash: self.trace_hash,
            answers: path.answers.iter().map(|answer| u16::from(*answer)).collect(),
        }
    }
}

/// What a broken promise has in common with others of the same fault.
pub(crate) fn key_of(violation: &Violation) -> Key {
    let sentence = violation.detail.lines().next().unwrap_or_default();
    (violation.promise.clone(), kind(&violation.promise, sentence))
}

/// What two failures of one fault have in common: all but the numbers of a recovery that fails, else what is said before
/// the first colon (`fsck finds`), without what stands in parentheses: the operation, in most systems' words.
fn kind(promise: &str, sentence: &str) -> String {
    match promise {
        "recovers" => without_numbers(sentence).into_owned(),
        _ => {
            let (mut depth, mut kept) = (0u32, sentence.to_owned());
            kept.retain(|c| {
                depth = depth + u32::from(c == '(') - u32::from(c == ')' && depth > 0);
                depth == 0 && c != ')'
            });
            without_numbers(kept.split(':').next().unwrap_or_default()).into_owned()
        }
    }
}

/// The text with every number replaced, so that two failures that differ only in numbers are alike.
pub(super) fn without_numbers(text: &str) -> Cow<'_, str> {
    let (has_number, may_count) = text.bytes().fold((false, false), |(number, count), byte| {
        (number | byte.is_ascii_digit(), count | (byte == b'N'))
    });
    if !has_number && !may_count {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            false => plain.push(c),
            true if plain.ends_with('N') => {}
            true => plain.push('N'),
        }
    }
    // One is as many as several.
    plain.replace("N byte ", "N bytes ").into()
}
