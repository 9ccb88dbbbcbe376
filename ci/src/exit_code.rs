//! What the command's exit code says.

/// What the command's exit code says. If several apply, the first of this order is returned: interrupted, findings,
/// broken, inconclusive, nothing selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that was looked at keeps every promise.
    Clean = 0,
    /// A promise is broken. For `replay`: the state still fails.
    Findings = 1,
    /// The command line, `crashcheck.toml` or an input file cannot be used; says why, for a file with the byte.
    Usage = 2,
    /// With `--require-complete`: something was not covered or not measured.
    Inconclusive = 3,
    /// Nothing was selected, or there was nothing to judge in all that was.
    NothingSelected = 4,
    /// A system fails without any crash.
    Broken = 5,
    /// The replayed state is not the one that the id names: the trace or the recovery has changed.
    Diverged = 6,
    /// A fault of crashcheck itself, or of the machine it runs on.
    Internal = 70,
    /// Interrupted; what was found so far was printed and written.
    Interrupted = 130,
}

impl ExitCode {
    /// The exit code of this number.
    pub(crate) fn from_code(code: i32) -> Option<ExitCode> {
        const ALL: [ExitCode; 9] = [
            ExitCode::Clean,
            ExitCode::Findings,
            ExitCode::Usage,
            ExitCode::Inconclusive,
            ExitCode::NothingSelected,
            ExitCode::Broken,
            ExitCode::Diverged,
            ExitCode::Internal,
            ExitCode::Interrupted,
        ];
        ALL.into_iter().find(|known| *known as i32 == code)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}

/// The table for `--help` and the man page.
pub(crate) const HELP: &str = "Exit codes:
  0    every crash state that was looked at keeps every promise
  1    a promise is broken (replay: the state still fails)
  2    the command line, crashcheck.toml or an input file cannot be used
  3    with --require-complete: something was not covered or not measured
  4    nothing was selected, or there was nothing to judge
  5    a system fails without any crash
  6    replay: the trace or the recovery has changed
  70   a fault of crashcheck itself
  130  interrupted";
