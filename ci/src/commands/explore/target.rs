//! What is explored: a workload of a reference system, or a recorded trace.

use crate::args::RecordedArgs;
use crate::commands::recorded::{Recorded, pasteable, quoted};
use crate::config::{Named, Search, profile};
use crate::failure::Failure;
use crate::select::Selected;
use crashcheck::trace::Trace;
use crashcheck::trace::outcome::Exploration;
use crashcheck::{BugSwitch, Options, Progress, explore_trace};
use std::sync::atomic::AtomicBool;

/// What is explored.
pub(super) enum Target<'a> {
    /// A workload of a reference system.
    Reference(Selected<'a>),
    /// A recorded trace, and the arguments that named it.
    Recorded(Recorded, RecordedArgs),
}

/// A target under a device profile.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) profile: Named,
    /// How often recovery may crash.
    pub(super) nested: u8,
}

/// Every target under every profile that was asked for. If none was, bug switches say under which they show, and systems
/// what they promise to survive.
///
/// # Errors
/// If there is no such profile.
pub(super) fn runs<'a>(targets: &'a [Target<'a>], search: &Search) -> Result<Vec<Run<'a>>, Failure> {
    let mut runs = Vec::new();
    for target in targets {
        let bugs = target.bugs();
        let nested = bugs.iter().map(|bug| bug.nested).max().unwrap_or(0);
        let usual = target.profile();
        let special = bugs.iter().map(|bug| bug.profile).find(|name| *name != usual);
        let profiles = match &search.profiles[..] {
            [] => vec![profile(special.unwrap_or(usual))?],
            asked => asked.to_vec(),
        };
        let nested = search.nested.unwrap_or(nested);
        runs.extend(profiles.into_iter().map(|profile| Run { target, profile, nested }));
    }
    Ok(runs)
}

impl Target<'_> {
    /// The profile it is explored under if none is asked for.
    fn profile(&self) -> &'static str {
        match self {
            Target::Reference(Selected { subject, .. }) => subject.profile(),
            Target::Recorded(..) => "reorder",
        }
    }

    /// The bug switches that are on.
    fn bugs(&self) -> Vec<BugSwitch> {
        let Target::Reference(Selected { subject, case }) = self else { return Vec::new() };
        subject.bugs().iter().filter(|bug| case.bugs.iter().any(|name| name == bug.name)).copied().collect()
    }

    /// Explores the target.
    ///
    /// # Errors
    /// If there is no such workload or command.
    pub(super) fn explore(
        &self,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Exploration, Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => {
                Ok(subject.explore(case, options, stop, report)?)
            }
            Target::Recorded(recorded, _) => {
                let Recorded { trace, name, commands } = recorded;
                Ok(explore_trace(trace.clone(), name, commands, options, stop, report)?)
            }
        }
    }

    /// The trace that is explored.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub(super) fn trace(&self) -> Result<Trace, Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => Ok(subject.record(case)?),
            Target::Recorded(recorded, _) => Ok(recorded.trace.clone()),
        }
    }
}

impl Run<'_> {
    /// As on the command line, with the bug switches.
    pub(super) fn name(&self) -> String {
        match self.target {
            Target::Reference(Selected { subject, case }) => {
                let bugs: String = case.bugs.iter().map(|bug| format!("+{bug}")).collect();
                format!("{}{bugs}:{}", subject.name(), case.workload)
            }
            Target::Recorded(recorded, _) => recorded.name.clone(),
        }
    }

    /// The command that shows a state again.
    pub(super) fn replay_line(&self, id: &str) -> String {
        let mut line = format!("crashcheck replay {}", quoted(id));
        if let Some(file) = &self.profile.file {
            line.push_str(&format!(" --profile {}", quoted(file)));
        }
        if let Target::Recorded(_, args) = self.target {
            line.push_str(&pasteable(args));
        }
        line
    }
}
