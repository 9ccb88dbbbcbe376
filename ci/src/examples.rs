//! What stands below the options in the help of a command: a few command lines that one may start from, and the exit codes.

use crate::exit_code;

/// Examples, and what an exit code says.
pub(crate) fn with_exit_codes(examples: &str) -> String {
    format!("{examples}\n\n{}", exit_code::HELP)
}

/// What fits the short help.
pub(crate) const ALL_SHORT: &str = "Examples:
  crashcheck explore journal --bug no-revoke";

pub(crate) const ALL: &str = "Examples:
  crashcheck explore                              every reference system
  crashcheck explore journal --bug no-revoke      one of them, with a fault that was planted in it
  crashcheck list bugs journal                    which faults there are
  crashcheck help explore                         all options, and what exit codes say";

/// What fits the short help.
pub(crate) const EXPLORE_SHORT: &str = "Examples:
  crashcheck explore journal+no-revoke:block-reuse
  crashcheck explore --trace disk.crash --recover 'e2fsck -fy {image}'";

pub(crate) const EXPLORE: &str = "Examples:
  crashcheck explore journal:create               one workload
  crashcheck explore journal+no-revoke            all workloads, with a planted fault
  crashcheck explore lfs --time 10m --lives 3     for longer, and three crashes in a row
  crashcheck explore vsfs --generate 64           workloads that nobody thought of
  crashcheck explore --trace disk.crash --recover 'e2fsck -fy {image}'";

/// What fits the short help.
pub(crate) const PROGRAM_SHORT: &str = "Examples:
  crashcheck program --dir data --run ./write.sh --recover ./open-and-dump.sh --ack '^ok'";

pub(crate) const PROGRAM: &str = "Examples:
  crashcheck program --dir data --run ./write.sh --recover ./open-and-dump.sh
  crashcheck program --dir db --run \"sh -c 'sqlite3 db/x < steps.sql'\" --recover 'sqlite3 db/x .dump'
  crashcheck program --dir db --run './store put' --recover './store dump' --ack '^committed'";

/// What fits the short help.
pub(crate) const ADVISE_SHORT: &str = "Examples:
  crashcheck advise journal:create";

pub(crate) const ADVISE: &str = "Examples:
  crashcheck advise journal:create                what is lost without each flush
  crashcheck advise vsfs+no-sync-flush:create --json";

pub(crate) const REPLAY: &str = "Examples:
  crashcheck replay journal+no-revoke:block-reuse/reorder/e5/p48/9b41ca43/0
  crashcheck replay --fixed journal+no-revoke:block-reuse/reorder/e5/p48/9b41ca43/0
  crashcheck replay ID --trace log.crash --recover 'e2fsck -fy {image}' --image before.img";

pub(crate) const RECORD: &str = "Examples:
  crashcheck record journal:create -o create.crash
  crashcheck record journal+no-revoke:block-reuse -o reuse.crash
  crashcheck record --files data -o write.crash -- ./write.sh";

pub(crate) const REPORT: &str = "Examples:
  crashcheck report target/crashcheck/report.json
  crashcheck report report.json --markdown comment.md --junit junit.xml";

pub(crate) const LIST: &str = "Examples:
  crashcheck list                                 everything in short
  crashcheck list workloads journal               what its workloads do
  crashcheck list bugs journal@raid5              the faults of both
  crashcheck list checks JN-24                    what a code stands for
  crashcheck list config                          every key of crashcheck.toml";

pub(crate) const TRACE: &str = "Examples:
  crashcheck trace show disk.crash --limit 20
  crashcheck trace stats disk.crash --profile torn
  crashcheck trace import log.bin -o disk.crash";

pub(crate) const COMPLETIONS: &str = "Examples:
  source <(crashcheck completions bash)           in ~/.bashrc
  source <(crashcheck completions zsh)            in ~/.zshrc
  crashcheck completions fish > ~/.config/fish/completions/crashcheck.fish";

pub(crate) const MAN: &str = "Examples:
  crashcheck man explore | man -l -
  crashcheck man config | man -l -                the page of crashcheck.toml
  crashcheck man --dir pages                      all of them, as files";
