//! What `check` does in a test: it explores what was stored, explores, and panics with what is found, shrunk, stored and
//! reported.

use crate::explore::Naming;
use crate::prepared::Prepared;
use crate::regression::Regression;
use crashcheck_outcome::{Coverage, Exploration, Finding, LifeCoverage, REPORT_VERSION, Report, Verdict};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

impl Prepared {
    /// Explores what was stored, explores, and panics with what is found.
    pub(crate) fn check(&self) {
        let prepared = self.clone().for_check();
        prepared.check_stored();
        match prepared.run(&AtomicBool::new(false), &mut |_| ()) {
            Ok(exploration) => match prepared.failure(&exploration) {
                None => println!("{}", summary(&exploration)),
                Some(text) => panic!("{text}"),
            },
            Err(error) => panic!("{}: {error}", prepared.naming.system),
        }
    }

    /// With what `check` does beside exploring.
    pub(crate) fn for_check(mut self) -> Self {
        self.options.shrink.get_or_insert_default();
        if self.stores && self.options.regressions.is_none() {
            let package = std::env::var_os("CARGO_MANIFEST_DIR");
            self.options.regressions = package.map(|package| Path::new(&package).join("regressions"));
        }
        self
    }

    /// Explores the stored failures of this system.
    ///
    /// # Panics
    /// If one cannot be read, or fails again.
    pub(crate) fn check_stored(&self) {
        let Some(folder) = &self.options.regressions else { return };
        let stored = Regression::load_all(folder).unwrap_or_else(|error| panic!("{error}"));
        let Naming { system, bugs, .. } = &self.naming;
        let profile = &self.options.profile.name;
        for regression in stored.iter().filter(|it| it.is_of(system, bugs) && it.profile == *profile) {
            let file = folder.join(regression.file_name());
            let stored = self.clone().stored(regression);
            let mut stored = stored.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            stored.options.shrink = None;
            let exploration = stored.run(&AtomicBool::new(false), &mut |_| ());
            let exploration =
                exploration.unwrap_or_else(|error| panic!("{system}: {}: {error}", file.display()));
            if exploration.verdict != Verdict::NotMeasured
                && let Some(text) = self.failure(&exploration)
            {
                panic!("what was stored in {} fails again: {text}", file.display());
            }
        }
    }

    /// What is wrong, if something is, and where the whole report is.
    pub(crate) fn failure(&self, exploration: &Exploration) -> Option<String> {
        let reason = exploration.reason.clone().unwrap_or_default();
        match exploration.verdict {
            Verdict::Survived | Verdict::DeviceLies => None,
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
        let report = Report {
            version: REPORT_VERSION,
            crashcheck: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.options.seed,
            explorations: vec![exploration.clone()],
        };
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
