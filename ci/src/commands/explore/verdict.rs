//! From verdicts to the exit code.

use crate::config::Search;
use crate::exit_code::ExitCode;
use crashcheck::outcome::{Exploration, Report, Verdict};

/// What the exit code of a run is.
pub(super) fn exit_code(report: &Report, search: &Search, interrupted: bool) -> ExitCode {
    decide(&report.explorations, search.require_complete, interrupted)
}

fn decide(explorations: &[Exploration], require_complete: bool, interrupted: bool) -> ExitCode {
    let any = |verdict| explorations.iter().any(|exploration| exploration.verdict == verdict);
    let all_unmeasured = explorations.iter().all(|exploration| exploration.verdict == Verdict::NotMeasured);
    let incomplete = explorations.iter().any(|exploration| !exploration.coverage.complete);
    match () {
        () if interrupted => ExitCode::Interrupted,
        () if any(Verdict::Lost) => ExitCode::Findings,
        () if any(Verdict::Broken) => ExitCode::Broken,
        () if require_complete && (incomplete || any(Verdict::NotMeasured)) => ExitCode::Inconclusive,
        () if all_unmeasured => ExitCode::NothingSelected,
        () => ExitCode::Clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::outcome::{Coverage, Timing};

    fn exploration(verdict: Verdict, complete: bool) -> Exploration {
        Exploration {
            system: String::new(),
            bugs: Vec::new(),
            about: None,
            workload: String::new(),
            profile: String::new(),
            strategy: String::new(),
            lives: 1,
            verdict,
            reason: None,
            events: 0,
            operations: 0,
            coverage: Coverage { complete, ..Coverage::default() },
            judged: Vec::new(),
            census: Vec::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            timing: Timing::default(),
        }
    }

    fn code(verdicts: &[Verdict], complete: bool, require_complete: bool) -> ExitCode {
        let explorations: Vec<_> = verdicts.iter().map(|verdict| exploration(*verdict, complete)).collect();
        decide(&explorations, require_complete, false)
    }

    #[test]
    fn the_worst_verdict_decides() {
        use Verdict::{Broken, DeviceLies, Lost, Survived};
        assert_eq!(code(&[Survived, Lost, Broken], true, false), ExitCode::Findings);
        assert_eq!(code(&[Survived, Broken], true, false), ExitCode::Broken);
        assert_eq!(code(&[Survived, DeviceLies], true, false), ExitCode::Clean);
    }

    #[test]
    fn what_was_not_covered_counts_only_if_that_is_required() {
        assert_eq!(code(&[Verdict::Survived], false, false), ExitCode::Clean);
        assert_eq!(code(&[Verdict::Survived], false, true), ExitCode::Inconclusive);
        assert_eq!(code(&[Verdict::Survived], true, true), ExitCode::Clean);
    }

    #[test]
    fn what_was_never_measured_is_not_clean() {
        use Verdict::{NotMeasured, Survived};
        assert_eq!(code(&[NotMeasured, NotMeasured], true, false), ExitCode::NothingSelected);
        assert_eq!(code(&[NotMeasured, Survived], true, false), ExitCode::Clean);
        assert_eq!(code(&[NotMeasured, Survived], true, true), ExitCode::Inconclusive);
    }

    #[test]
    fn an_interrupted_run_says_so_whatever_it_found() {
        assert_eq!(decide(&[exploration(Verdict::Lost, false)], true, true), ExitCode::Interrupted);
    }
}
