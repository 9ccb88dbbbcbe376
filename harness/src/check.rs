//! What `check` does in a test: it explores what was stored, explores, and panics with what is found, shrunk, stored and
//! reported.

use crate::explore::{Naming, Options, guarded};
use crate::prepared::Prepared;
use crate::regression::Regression;
use crate::supervise::in_test::{self, Outcome, Task};
use crashcheck_outcome::{Coverage, Exploration, Finding, LifeCoverage, Report, Verdict};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

impl Prepared {
    /// Explores what was stored, explores, and panics with what is found.
    pub(crate) fn check(&self) {
        let made_of = format!("{:?} {:?}", self.setup, self.ops);
        self.end_with(&made_of, |prepared| {
            let exploration = prepared.run(&AtomicBool::new(false), &mut |_| ());
            let (exploration, _) =
                exploration.map_err(|error| format!("{}: {error}", prepared.naming.system))?;
            prepared.failure(&exploration).map_or_else(|| Ok(format!("{}\n", summary(&exploration))), Err)
        });
    }

    /// Explores what was stored, does the rest of a `check`, prints its text, and panics with what is wrong. In a test all
    /// that is done in a child process, which notices from what the workload is made of if it is another one there.
    pub(crate) fn end_with(&self, made_of: &str, rest: impl Fn(&Prepared) -> Outcome) {
        let prepared = self.clone().for_check();
        let Options { profile, regressions, lives, .. } = &prepared.options;
        let Naming { system, bugs, .. } = &prepared.naming;
        let identity = FxBuildHasher.hash_one((system, bugs, &profile.name, lives, made_of));
        let task = Task { identity, regressions: regressions.clone(), only_first: false };
        let work = |task: &Task| {
            let prepared = prepared.clone().for_task(task);
            prepared.check_stored().and_then(|()| rest(&prepared))
        };
        let outcome = match in_test::this_test().filter(|_| !self.in_process) {
            None => work(&task),
            Some(test) => in_test::check(&test, &task, |task| {
                guarded(|| work(task)).unwrap_or_else(|abort| Err(format!("{system}: {abort}")))
            }),
        };
        match outcome {
            Ok(text) => print!("{text}"),
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

    /// Explores the stored failures of this system.
    ///
    /// # Errors
    /// If one cannot be read, or fails again.
    fn check_stored(&self) -> Result<(), String> {
        let Some(folder) = &self.options.regressions else { return Ok(()) };
        let stored = Regression::load_all(folder).map_err(|error| error.to_string())?;
        let Naming { system, bugs, .. } = &self.naming;
        let profile = &self.options.profile.name;
        for regression in stored.iter().filter(|it| it.is_of(system, bugs) && it.profile == *profile) {
            let file = folder.join(regression.file_name());
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
        }
        Ok(())
    }

    /// What is wrong, if something is, and where the whole report is.
    pub(crate) fn failure(&self, exploration: &Exploration) -> Option<String> {
        let reason = exploration.reason.clone().unwrap_or_default();
        match exploration.verdict {
            Verdict::Survived | Verdict::Incomplete | Verdict::DeviceLies => None,
            Verdict::NotMeasured => Some(format!("{}: not measured: {reason}", exploration.system)),
            Verdict::Broken => Some(format!("{} fails without any crash: {reason}", exploration.system)),
            Verdict::Lost => {
                let id = |finding: &Finding| format!("{finding}\n  id:           {}", finding.id);
                let findings: Vec<String> = exploration.findings.iter().map(id).collect();
                let text = format!("{}\n\n{}", summary(exploration), findings.join("\n\n"));
                let report = self.stores.then(|| self.report(exploration)).flatten();
                let path = report.as_ref().map(|path| path.display());
                let line =
                    path.map(|path| format!("\n\nReport: {path} (`crashcheck report` makes a page of it)"));
                Some(text + &line.unwrap_or_default())
            }
        }
    }

    /// Writes what was found where cargo builds. A report that cannot be written changes nothing about what is wrong.
    fn report(&self, exploration: &Exploration) -> Option<PathBuf> {
        let program = std::env::current_exe().ok()?;
        let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
        let folder = target.join("crashcheck");
        let report = Report::new(env!("CARGO_PKG_VERSION"), self.options.seed, vec![exploration.clone()]);
        let text = serde_json::to_string_pretty(&report).ok()?;
        let first = &exploration.findings.first()?.fingerprint;
        let path = folder.join(format!("{}-{first}.json", exploration.system));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::write(&path, text).ok()?;
        Some(path)
    }
}

/// What was covered, in a line, and what there is to note about it.
pub fn summary(exploration: &Exploration) -> String {
    let Coverage { total, represented, recoveries, known, later, .. } = &exploration.coverage;
    let later: String = later.iter().map(of_later_life).collect();
    let Exploration { system, workload, profile, notes, .. } = exploration;
    let notes: String = notes.iter().map(|note| format!("\nnote: {note}")).collect();
    format!(
        "{system}:{workload} under {profile}: {represented} of {total} crash states covered by {recoveries} recoveries \
         ({known} more known){later}, {} findings{notes}",
        exploration.findings.len()
    )
}

fn of_later_life(covered: &LifeCoverage) -> String {
    let LifeCoverage { life, lives, begun, total, represented, recoveries, known, .. } = covered;
    format!(
        ", and of life {life}: {represented} of {total} by {recoveries} recoveries ({known} more known) in {begun} of \
         {lives} lives"
    )
}
