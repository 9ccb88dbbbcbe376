//! What is explored: a workload of a reference system, or a recorded trace.

use crate::args::RecordedArgs;
use crate::commands::recorded::{Recorded, pasteable, quoted};
use crate::config::Named;
use crate::failure::Failure;
use crate::select::Selected;
use crashcheck::trace::Trace;
use crashcheck::trace::outcome::Exploration;
use crashcheck::{Options, Progress, explore_trace};
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
    pub(super) profile: &'a Named,
}

/// Every target under every profile.
pub(super) fn runs<'a>(targets: &'a [Target<'a>], profiles: &'a [Named]) -> Vec<Run<'a>> {
    let under = |target: &'a Target<'a>| profiles.iter().map(move |profile| Run { target, profile });
    targets.iter().flat_map(under).collect()
}

impl Target<'_> {
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
    pub(super) fn replay_line(&self, id: &str, nested: u8) -> String {
        let mut line = format!("crashcheck replay {}", quoted(id));
        if nested > 0 {
            line.push_str(&format!(" --nested {nested}"));
        }
        if let Some(file) = &self.profile.file {
            line.push_str(&format!(" --profile {}", quoted(file)));
        }
        if let Target::Recorded(_, args) = self.target {
            line.push_str(&pasteable(args));
        }
        line
    }
}
