//! What is explored: a workload of a reference system, or a recorded trace.

use crate::args::RecordedArgs;
use crate::commands::recorded::{Recorded, pasteable, quoted};
use crate::config::{Named, REGRESSIONS, Search, StatesMax, profile};
use crate::failure::Failure;
use crate::select::Selected;
use crashcheck::outcome::{About, Advice, Exploration};
use crashcheck::trace::{Device, Trace};
use crashcheck::{Budget, BugSwitch, Options, Paths, Progress, Regression, ReplayId, Replayed};
use crashcheck::{advise_trace, explore_trace, replay_trace};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// The recoveries for one workload if no budget is given: enough that most workloads are covered completely, and few
/// enough that all of them together take about half a minute on two cores.
pub(super) const DEFAULT_STATES_MAX: u64 = 20_000;

/// And to so many crash states of later lives.
const DEFAULT_LATER_MAX: u64 = 250;

/// What is explored.
pub(in crate::commands) enum Target<'a> {
    /// A workload of a reference system.
    Reference(Selected<'a>),
    /// A recorded trace, and the arguments that named it.
    Recorded(Recorded, RecordedArgs),
}

/// A target under a device profile.
#[derive(Clone)]
pub(in crate::commands) struct Run<'a> {
    pub(in crate::commands) target: &'a Target<'a>,
    pub(in crate::commands) profile: Named,
    /// How many lives end in a crash.
    pub(in crate::commands) lives: u8,
    /// Whether it is a stored failure that is explored again.
    pub(in crate::commands) stored: bool,
    /// If the workload is made when its turn comes, so that the target has none until then: how many recoveries it gets if no
    /// budget is given.
    pub(in crate::commands) made: Option<u64>,
}

/// Every target under every profile that was asked for. If none was, bug switches say under which they show, and systems
/// what they promise to survive.
///
/// # Errors
/// If there is no such profile.
pub(in crate::commands) fn runs<'a>(
    targets: &'a [Target<'a>],
    search: &Search,
) -> Result<Vec<Run<'a>>, Failure> {
    let mut runs = Vec::new();
    for target in targets {
        let bugs = target.bugs();
        let shows = bugs.iter().map(|bug| bug.lives).max().unwrap_or(1);
        let promised = target.profiles();
        let special = bugs.iter().map(|bug| bug.profile).find(|name| *name != promised[0]);
        let profiles = match &search.profiles[..] {
            [] if bugs.is_empty() => promised.into_iter().map(profile).collect::<Result<_, _>>()?,
            [] => vec![profile(special.unwrap_or(promised[0]))?],
            asked => asked.to_vec(),
        };
        let lives = search.lives.unwrap_or(shows.max(Options::default().lives));
        runs.extend(profiles.into_iter().map(|profile| Run {
            target,
            profile,
            lives,
            stored: false,
            made: None,
        }));
    }
    Ok(runs)
}

impl Target<'_> {
    /// The profiles it is explored under if none is asked for; at least one.
    fn profiles(&self) -> Vec<&'static str> {
        match self {
            Target::Reference(Selected { subject, .. }) => subject.profiles().to_vec(),
            Target::Recorded(recorded, _) => {
                let is_flash = recorded.trace.devices.iter().any(|device| device.chip().is_some());
                let is_tree = recorded.trace.devices.first().is_some_and(Device::is_directory);
                vec![match (is_flash, is_tree) {
                    (true, _) => "flash",
                    (_, true) => "posix",
                    (false, false) => "reorder",
                }]
            }
        }
    }

    /// The bug switches that are on.
    fn bugs(&self) -> Vec<BugSwitch> {
        let Target::Reference(Selected { subject, case }) = self else { return Vec::new() };
        subject.bugs().iter().filter(|bug| case.bugs.iter().any(|name| name == bug.name)).copied().collect()
    }

    /// Explores the target, and says which paths recovery took.
    ///
    /// # Errors
    /// If there is no such workload or command.
    pub(in crate::commands) fn explore(
        &self,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<(Exploration, Paths), Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => {
                Ok(subject.explore_with_paths(case, options, stop, report)?)
            }
            Target::Recorded(recorded, _) => {
                let Recorded { trace, name, commands } = recorded;
                let exploration = explore_trace(trace.clone(), name, commands, options, stop, report)?;
                Ok((exploration, Paths::default()))
            }
        }
    }

    /// What each flush of the target is good for.
    ///
    /// # Errors
    /// If there is no such workload or command.
    pub(in crate::commands) fn advise(
        &self,
        options: &Options,
        stop: &AtomicBool,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Advice, Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => Ok(subject.advise(case, options, stop, report)?),
            Target::Recorded(recorded, _) => {
                let Recorded { trace, name, commands } = recorded;
                Ok(advise_trace(trace.clone(), name, commands, options, stop, report)?)
            }
        }
    }

    /// Looks at one crash state of the target again.
    ///
    /// # Errors
    /// If there is no such workload or command.
    pub(in crate::commands) fn replay(&self, options: &Options, id: &ReplayId) -> Result<Replayed, Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => Ok(subject.replay(case, options, id)?),
            Target::Recorded(recorded, _) => {
                let Recorded { trace, name, commands } = recorded;
                Ok(replay_trace(trace.clone(), name, commands, options, id)?)
            }
        }
    }

    /// The trace that is explored.
    ///
    /// # Errors
    /// If the system fails without any crash.
    pub(in crate::commands) fn trace(&self) -> Result<Trace, Failure> {
        match self {
            Target::Reference(Selected { subject, case }) => Ok(subject.record(case)?),
            Target::Recorded(recorded, _) => Ok(recorded.trace.clone()),
        }
    }
}

impl Run<'_> {
    /// How to explore it, if so many runs are left.
    pub(in crate::commands) fn options(&self, search: &Search, started: Instant, left: usize) -> Options {
        let unlimited = search.time.is_some() || search.deviations.is_some();
        let states = self.made.unwrap_or(DEFAULT_STATES_MAX);
        let default = (!unlimited).then_some(states);
        let later = (!unlimited).then_some(DEFAULT_LATER_MAX.min(states / 4));
        let share = |time: std::time::Duration| time.saturating_sub(started.elapsed()) / left.max(1) as u32;
        let defaults = Options::default();
        Options {
            profile: self.profile.profile.clone(),
            strategy: search.strategy.into(),
            budget: Budget {
                time: search.time.map(share),
                states: search.states_max.map_or(default, |StatesMax(states)| states),
                later: search.later_max.map_or(later, |StatesMax(states)| states),
                deviations: search.deviations,
                beyond: search.beyond_max.map_or(defaults.budget.beyond, |StatesMax(states)| states),
                fail_fast: search.fail_fast,
            },
            lives: self.lives,
            jobs: search.jobs.map_or(defaults.jobs, usize::from),
            seed: search.seed,
            ..defaults
        }
    }

    /// As on the command line, with the bug switches.
    pub(in crate::commands) fn name(&self) -> String {
        match self.target {
            Target::Reference(Selected { subject, case }) => {
                let bugs: String = case.bugs.iter().map(|bug| format!("+{bug}")).collect();
                format!("{}{bugs}:{}", subject.name(), case.workload)
            }
            Target::Recorded(recorded, _) => recorded.name.clone(),
        }
    }

    /// Adds what only the command knows: what a stranger should know of what was explored, and the command that shows each
    /// finding again.
    pub(in crate::commands) fn complete(&self, exploration: &mut Exploration, regressions: &Path) {
        exploration.about = Some(self.about());
        for finding in &mut exploration.findings {
            let small = finding.shrunk.as_ref().and_then(|shrunk| shrunk.file.as_deref());
            finding.replay = Some(self.replay_line(&finding.id, regressions, small));
        }
    }

    fn about(&self) -> About {
        let profile = self.profile.profile.about.clone();
        match self.target {
            Target::Reference(Selected { subject, case }) => {
                let workloads = subject.workloads();
                let workload =
                    workloads.iter().find(|(name, _)| *name == case.workload).map(|(_, about)| *about);
                let other = match &case.stored {
                    Some(_) => "A failure that was found before, shrunk and stored.",
                    None => "Operations made from a seed.",
                };
                let what = |name: &String| subject.bugs().iter().find(|bug| bug.name == name);
                About {
                    system: subject.about().to_owned(),
                    workload: workload.unwrap_or(other).to_owned(),
                    profile,
                    bugs: case
                        .bugs
                        .iter()
                        .map(|name| what(name).map_or("", |bug| bug.about).to_owned())
                        .collect(),
                }
            }
            Target::Recorded(Recorded { commands, .. }, _) => About {
                system: format!("A trace that was recorded elsewhere, recovered by `{}`.", commands.recover),
                workload: "The file of the trace.".to_owned(),
                profile,
                bugs: Vec::new(),
            },
        }
    }

    /// The command that shows a state again, with the folder of the stored failures if it is not the usual one, or with the
    /// small trace that is stored.
    pub(super) fn replay_line(&self, id: &str, regressions: &Path, small: Option<&str>) -> String {
        let mut line = format!("crashcheck replay {}", quoted(id));
        let is_stored = id.parse().is_ok_and(|id: ReplayId| Regression::is_name(&id.workload));
        if is_stored && regressions != Path::new(REGRESSIONS) {
            line.push_str(&format!(" --regressions {}", quoted(&regressions.to_string_lossy())));
        }
        if let Some(file) = &self.profile.file {
            line.push_str(&format!(" --profile {}", quoted(file)));
        }
        if let Target::Recorded(_, args) = self.target {
            line.push_str(&match small {
                None => pasteable(args),
                Some(small) => pasteable(&args.with_trace(small.into())),
            });
        }
        line
    }
}
