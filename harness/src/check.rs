//! What `check` does in a test: it explores what was stored, explores, and panics with what is found, shrunk, stored and
//! reported.

mod again;

use crate::explore::{Naming, Options, guarded};
use crate::prepared::Prepared;
use crate::regression::Regression;
use crate::supervise::in_test::{self, Outcome, Task};
use crashcheck_outcome::{Coverage, Exploration, Finding, LifeCoverage, Report, Verdict, counted};
use crashcheck_report::{html, json};
use num_bigint::BigUint;
use rustc_hash::FxBuildHasher;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

impl Prepared {
    /// Explores what was stored, explores, and panics with what is found.
    #[track_caller]
    pub(crate) fn check(&self) {
        let made_of = format!("{:?} {:?}", self.setup, self.ops);
        self.end_with(&made_of, |prepared| {
            if let Some(id) = &prepared.asked {
                return prepared.replay_asked(id);
            }
            let exploration = prepared.run(&AtomicBool::new(false), &mut |_| ());
            let (exploration, _) =
                exploration.map_err(|error| format!("{}: {error}", prepared.naming.system))?;
            prepared.failure(&exploration).map_or_else(|| Ok(in_a_line(&summary(&exploration))), Err)
        });
    }

    /// Explores what was stored, does the rest of a `check`, prints its text, and panics with what is wrong. In a test all
    /// that is done in a child process, which notices from what the workload is made of if it is another one there.
    #[track_caller]
    pub(crate) fn end_with(&self, made_of: &str, rest: impl Fn(&Prepared) -> Outcome) {
        let prepared = self.clone().for_check();
        if let Some(asked) = again::asked() {
            match asked.and_then(|id| prepared.look_again(&id, &rest)) {
                Ok(text) => return again::say(&text),
                Err(text) => panic!("{text}"),
            }
        }
        let Options { profile, regressions, lives, .. } = &prepared.options;
        let Naming { system, bugs, .. } = &prepared.naming;
        let identity = FxBuildHasher.hash_one((system, bugs, &profile.name, lives, made_of));
        let task = Task { identity, regressions: regressions.clone(), only_first: false };
        let work = |task: &Task| {
            let prepared = prepared.clone().for_task(task);
            let stored = prepared.check_stored()?;
            let stored =
                (stored > 0).then(|| format!("; {} passed before", counted(stored, "stored failure")));
            Ok(format!("{}{}\n", rest(&prepared)?, stored.unwrap_or_default()))
        };
        let outcome = match in_test::this_test().filter(|_| !self.in_process) {
            None => work(&task),
            Some(test) => in_test::check(&test, &task, |task| {
                guarded(|| work(task)).unwrap_or_else(|abort| Err(format!("{system}: {abort}")))
            }),
        };
        match outcome {
            Ok(text) => eprint!("{text}"),
            Err(text) => panic!("{text}"),
        }
    }

    /// With the folder of the process that asks. Where one finding is enough, nothing is done about it but to tell it.
    fn for_task(mut self, task: &Task) -> Self {
        self.options.regressions.clone_from(&task.regressions);
        if task.only_first {
            self.options.budget.fail_fast = true;
            self.options.explain = false;
            self.options.shrink = None;
        }
        self
    }

    /// With what `check` does beside exploring.
    fn for_check(mut self) -> Self {
        self.options.shrink.get_or_insert_default();
        if self.stores && self.options.regressions.is_none() {
            let package = std::env::var_os("CARGO_MANIFEST_DIR");
            self.options.regressions = package.map(|package| Path::new(&package).join("regressions"));
        }
        self
    }

    /// Explores the stored failures of this system, and says how many there are.
    ///
    /// # Errors
    /// If one cannot be read, or fails again.
    fn check_stored(&self) -> Result<u64, String> {
        let Some(folder) = &self.options.regressions else { return Ok(0) };
        let mut passed = 0;
        let stored = Regression::load_all(folder).map_err(|error| error.to_string())?;
        let Naming { system, bugs, .. } = &self.naming;
        let profile = &self.options.profile;
        for regression in stored.iter().filter(|it| it.is_of(system, bugs) && it.profile == profile.name) {
            let file = folder.join(regression.file_name());
            if let Some(why) = regression.is_foreign_to(profile) {
                return Err(format!("{}: {why}", file.display()));
            }
            let stored = self.clone().stored(regression);
            let mut stored = stored.map_err(|error| format!("{}: {error}", file.display()))?;
            stored.options.shrink = None;
            let exploration = stored.run(&AtomicBool::new(false), &mut |_| ());
            let (exploration, _) =
                exploration.map_err(|error| format!("{system}: {}: {error}", file.display()))?;
            if exploration.verdict != Verdict::NotMeasured
                && let Some(text) = self.failure(&exploration)
            {
                return Err(format!("what was stored in {} fails again: {text}", file.display()));
            }
            passed += 1;
        }
        Ok(passed)
    }

    /// What is wrong, if something is, and where the whole report is.
    pub(crate) fn failure(&self, exploration: &Exploration) -> Option<String> {
        let reason = exploration.reason.clone().unwrap_or_default();
        match exploration.verdict {
            Verdict::Survived | Verdict::Incomplete | Verdict::DeviceLies => None,
            Verdict::NotMeasured => Some(format!("{}: not measured: {reason}", exploration.system)),
            Verdict::Broken => Some(format!("{} fails without any crash: {reason}", exploration.system)),
            Verdict::Lost => Some(self.lost(exploration)),
        }
    }

    /// The findings, each with the line that shows it again, and where the report is.
    fn lost(&self, exploration: &Exploration) -> String {
        let mut exploration = exploration.clone();
        for finding in &mut exploration.findings {
            finding.replay = Some(again::line(finding));
        }
        let told = |finding: &Finding| {
            let replay = finding.replay.as_deref().unwrap_or_default();
            format!("{finding}\n  Reproduce with: {replay}")
        };
        let findings: Vec<String> = exploration.findings.iter().map(told).collect();
        let text = format!("{}\n\n{}", summary(&exploration), findings.join("\n\n"));
        let report = self.report(&exploration);
        text + &report.map(|path| format!("\n\nReport: {}", path.display())).unwrap_or_default()
    }

    /// Writes what was found as a page and as data, where cargo builds unless another folder is named, and says where the page
    /// is. A report that cannot be written changes nothing about what is wrong.
    fn report(&self, exploration: &Exploration) -> Option<PathBuf> {
        let folder = match &self.reports {
            Some(folder) => folder.clone(),
            None => target_folder().filter(|_| self.stores)?.join("crashcheck"),
        };
        let report = Report::new(env!("CARGO_PKG_VERSION"), self.options.seed, vec![exploration.clone()]);
        let first = &exploration.findings.first()?.fingerprint;
        let path = |ending: &str| folder.join(format!("{}-{first}.{ending}", exploration.system));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::write(path("json"), json::write(&report)).ok()?;
        std::fs::write(path("html"), html::write(&report)).ok()?;
        Some(path("html"))
    }

    /// What there is to say when every workload that was made has passed; one state, if only that was asked for.
    ///
    /// # Errors
    /// If that state is of none of them.
    pub(crate) fn all_passed(&self, passed: &Passed) -> Outcome {
        if let Some(id) = &self.asked {
            let none = || {
                format!("{id}: none of the workloads has this trace: the system or the generator has changed")
            };
            return passed.replayed.clone().ok_or_else(none);
        }
        let Passed { workloads, unmeasured, total, represented, recoveries, notes, .. } = passed;
        let (system, profile) = (&self.naming.system, &self.options.profile.name);
        let unmeasured = match unmeasured {
            0 => String::new(),
            none => format!("; in {} there was nothing to judge", counted(*none, "workload")),
        };
        let notes: String = notes.iter().map(|note| format!("; note: {note}")).collect();
        Ok(format!(
            "{system} under {profile}: {}, {represented} of {total} crash states covered, {} in all lives, 0 findings\
             {unmeasured}{notes}",
            counted(*workloads, "workload"),
            counted(*recoveries, "recovery"),
        ))
    }
}

/// What came of several workloads.
#[derive(Default)]
pub(crate) struct Passed {
    workloads: u64,
    /// Those in which there was nothing to judge.
    unmeasured: u64,
    /// Crash states of the workloads, and those of them that were covered.
    total: BigUint,
    represented: BigUint,
    /// Of all lives.
    recoveries: u64,
    notes: BTreeSet<String>,
    /// What came of the only state that was asked for.
    replayed: Option<String>,
}

impl Passed {
    pub(crate) fn add(&mut self, exploration: &Exploration) {
        let Exploration { coverage, verdict, notes, .. } = exploration;
        let number = |decimal: &str| decimal.parse::<BigUint>().unwrap_or_default();
        self.workloads += 1;
        self.unmeasured += u64::from(*verdict == Verdict::NotMeasured);
        self.total += number(&coverage.total);
        self.represented += number(&coverage.represented);
        self.recoveries += coverage.recoveries_in_all();
        self.notes.extend(notes.iter().chain(&coverage.left_out).cloned());
    }
}

/// The folder that cargo builds in.
fn target_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
}

/// The same in one line.
fn in_a_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}

/// What was covered, in a line, and what there is to note about it, a line each.
pub fn summary(exploration: &Exploration) -> String {
    let Coverage { total, represented, recoveries, known, left_out, later, .. } = &exploration.coverage;
    let later: String = later.iter().map(of_later_life).collect();
    let Exploration { system, workload, profile, notes, .. } = exploration;
    let left_out = left_out.iter().map(|why| format!("\nnot covered: {why}"));
    let notes: String = left_out.chain(notes.iter().map(|note| format!("\nnote: {note}"))).collect();
    format!(
        "{system}:{workload} under {profile}: {represented} of {total} crash states covered by {} ({known} more known)\
         {later}, {}{notes}",
        counted(*recoveries, "recovery"),
        counted(exploration.findings.len() as u64, "finding"),
    )
}

fn of_later_life(covered: &LifeCoverage) -> String {
    let LifeCoverage { life, lives, begun, total, represented, recoveries, known, .. } = covered;
    format!(
        ", and of life {life}: {represented} of {total} by {} ({known} more known) in {begun} of {lives} {}",
        counted(*recoveries, "recovery"),
        if *lives == 1 { "life" } else { "lives" },
    )
}
