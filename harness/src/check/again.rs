//! A check that looks at one crash state again, because a variable of the environment names it: the line that a failing check
//! prints for each finding.

use super::Passed;
use crate::explore::Watched;
use crate::prepared::Prepared;
use crate::regression::Regression;
use crate::replay::Replayed;
use crate::supervise::in_test::{Outcome, test_name};
use crashcheck_outcome::Finding;
use crashcheck_trace::ReplayId;
use std::io::Write;

/// Names the only crash state that checks look at.
const REPLAY: &str = "CRASHCHECK_REPLAY";

/// Stops before recovery, for a debugger.
const STOP: &str = "CRASHCHECK_REPLAY_STOP";

/// The state that is asked for.
///
/// # Errors
/// If it is none.
pub(super) fn asked() -> Option<Result<ReplayId, String>> {
    let id = std::env::var(REPLAY).ok().filter(|id| !id.is_empty())?;
    Some(id.parse().map_err(|error| format!("{REPLAY} is not a replay id: {error}")))
}

/// What a check ends with that was asked for one state. It is not kept back until the test ends, nor if it passes.
pub(super) fn say(text: &str) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The command that looks at the state of a finding again, in the test that runs. What was made small and is stored nowhere
/// is looked at as it was found.
pub(super) fn line(finding: &Finding) -> String {
    let small = finding.shrunk.as_ref().filter(|shrunk| shrunk.file.is_none());
    let id = small.map_or(&finding.id, |shrunk| &shrunk.found_as);
    let package = std::env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
    match test_name() {
        Some(test) => format!("{REPLAY}={id} cargo test{package} {test} -- --exact"),
        None => format!("{REPLAY}={id} in the environment of the same program"),
    }
}

impl Prepared {
    /// Looks at a state, if it is one of this check.
    ///
    /// # Errors
    /// With what it breaks.
    pub(super) fn look_again(&self, id: &ReplayId, rest: &impl Fn(&Prepared) -> Outcome) -> Outcome {
        let (system, profile) = (&self.naming.system, &*self.options.profile.name);
        if (system, &self.naming.bugs, profile) != (&id.system, &id.bugs, id.profile_name()) {
            return Ok(format!("{system} under {profile} is not what {REPLAY} names: nothing was looked at"));
        }
        let mut prepared = self.clone();
        prepared.asked = Some(id.clone());
        if !Regression::is_name(&id.workload) {
            return rest(&prepared);
        }
        let missing = || format!("{}: no failure is stored under this name", id.workload);
        let folder = self.options.regressions.as_ref().ok_or_else(missing)?;
        let stored = Regression::load_all(folder).map_err(|error| error.to_string())?;
        let stored = Regression::named(&stored, &id.workload, &self.options.profile).ok_or_else(missing)?;
        prepared.stored(stored).map_err(|error| error.to_string())?.replay_asked(id)
    }

    /// Looks at a state of this workload.
    ///
    /// # Errors
    /// With what it breaks.
    pub(super) fn replay_asked(&self, id: &ReplayId) -> Outcome {
        let stops = std::env::var_os(STOP).is_some_and(|value| value == "1");
        let watched = if stops { Watched::Stopped } else { Watched::Kept };
        let replayed = self.replay_watched(id, watched);
        let Replayed { finding, shows, diverged, missing, .. } =
            replayed.map_err(|error| format!("{}: {error}", self.naming.system))?;
        if missing {
            return Err(format!("{id}: nothing was looked at: {shows}"));
        }
        let changed = match diverged {
            true if id.profile != self.options.profile.name_in_ids() => {
                "\nnote: the device profile has changed since; the answers were applied as far as they fit"
            }
            true => {
                "\nnote: what is written or recovered has changed; the answers were applied as far as they fit"
            }
            false => "",
        };
        match finding {
            Some(finding) => Err(format!("{id} fails{changed}\n\n{finding}")),
            None => Ok(format!("{id} passes now: recovery shows {shows}{changed}")),
        }
    }

    /// The same, if it is the workload that the state was found in.
    ///
    /// # Errors
    /// With what it breaks.
    pub(crate) fn replay_if_same(&self, id: &ReplayId, passed: &mut Passed) -> Result<(), String> {
        let run = self.record().map_err(|error| format!("{}: {error}", self.naming.system))?;
        if passed.replayed.is_none() && run.trace.fingerprint() == id.trace_hash {
            passed.replayed = Some(self.replay_asked(id)?);
        }
        Ok(())
    }
}
