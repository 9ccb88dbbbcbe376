//! Why the command cannot go on.

use crate::exit_code::ExitCode;
use crashcheck::{CaseError, CommandError, ProgramError};
use std::fmt::Display;
use std::path::Path;

/// A message for a person, and the exit code for a script.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: ExitCode,
    pub(crate) message: String,
}

impl Failure {
    /// The user asked for something that cannot be done.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: ExitCode::Usage, message: message.into() }
    }

    /// Something is wrong with crashcheck or the machine.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure { exit: ExitCode::Internal, message: message.into() }
    }

    /// A file that cannot be used.
    pub(crate) fn file(path: &Path, why: impl Display) -> Failure {
        Failure::usage(format!("{}: {why}", path.display()))
    }
}

impl From<CaseError> for Failure {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::Record(_) => Failure { exit: ExitCode::Broken, message: error.to_string() },
            _ => Failure::usage(error.to_string()),
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Images(_) => Failure::internal(error.to_string()),
            _ => Failure::usage(error.to_string()),
        }
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Failed(_) => Failure { exit: ExitCode::Broken, message: error.to_string() },
            ProgramError::Io(_) => Failure::internal(error.to_string()),
            _ => Failure::usage(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcheck::RecordError;

    #[test]
    fn a_system_that_fails_without_a_crash_has_its_own_exit_code() {
        let disagree =
            RecordError::Disagree { when: "after".into(), shown: "1".into(), expected: "2".into() };
        assert_eq!(Failure::from(CaseError::from(disagree)).exit, ExitCode::Broken);
        let workload = CaseError::Workload { system: "vsfs".into(), name: "x".into(), known: "y".into() };
        assert_eq!(Failure::from(workload).exit, ExitCode::Usage);
    }
}
