//! What a promise is broken by that is looked at after recovery has shown something: what is seen then, beside what should be.

use super::shown::Shown;
use crate::erased::View;
use crate::judge::Violation;
use crashcheck_outcome::Difference;
use std::hash::{Hash, Hasher};

/// A promise that was broken after recovery: when it recovered again, or went on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Broken {
    pub(crate) violation: Violation,
    /// What was seen, for its [`Instance`](super::Instance) to tell; `None` where nothing was to be seen.
    pub(crate) evidence: Option<Shown>,
}

/// What was seen beside what should be.
#[derive(Clone, Debug)]
pub(super) enum Evidence {
    /// Two views.
    Views {
        /// Where what should be comes from, in words.
        with: &'static str,
        expected: View,
        recovered: View,
    },
    /// Something that was done, as it is told.
    Done { with: &'static str, difference: Difference },
}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Broken {
        Broken { violation, evidence: None }
    }
}

impl Broken {
    pub(super) fn new(promise: &str, detail: impl Into<String>, evidence: Evidence) -> Broken {
        Broken { violation: Violation::new(promise, detail), evidence: Some(Shown::new(evidence)) }
    }
}

impl Evidence {
    /// Something was done, and should have come to another end.
    pub(super) fn done(with: &'static str, what: String, expected: &str, is: String) -> Evidence {
        let difference = Difference { what, expected: Some(expected.to_owned()), recovered: Some(is) };
        Evidence::Done { with, difference }
    }
}

impl PartialEq for Evidence {
    fn eq(&self, other: &Evidence) -> bool {
        match (self, other) {
            (
                Evidence::Views { with, expected, recovered },
                Evidence::Views { with: by, expected: wanted, recovered: seen },
            ) => with == by && expected.equals(&**wanted) && recovered.equals(&**seen),
            (Evidence::Done { with, difference }, Evidence::Done { with: by, difference: other }) => {
                with == by && difference == other
            }
            (Evidence::Views { .. }, Evidence::Done { .. })
            | (Evidence::Done { .. }, Evidence::Views { .. }) => false,
        }
    }
}

impl Eq for Evidence {}

impl Hash for Evidence {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Evidence::Views { expected, recovered, .. } => {
                expected.digest().hash(state);
                recovered.digest().hash(state);
            }
            Evidence::Done { difference, .. } => difference.what.hash(state),
        }
    }
}
