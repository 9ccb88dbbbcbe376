//! The command line.

use crate::colour::When;
use crate::config::StatesMax;
use crate::exit_code;
use crate::progress::Show;
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use crashcheck::StrategyKind;
use crashcheck::trace::import::Format;
use std::path::PathBuf;
use std::time::Duration;

/// Finds out whether storage software survives a crash.
///
/// Records what a system writes, lets the power fail at every point of it in every way that the device allows, runs the
/// system's own recovery on each crash state, and judges what that shows.
#[derive(Debug, Parser)]
#[command(name = "crashcheck", version, after_long_help = exit_code::HELP, max_term_width = 110)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to write in colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", alias = "colour")]
    pub(crate) color: When,
    /// Read the defaults from this file instead of ./crashcheck.toml
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Take the defaults from [preset.NAME] of the configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) preset: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explore the crash states of reference systems, or of a recorded trace
    #[command(after_long_help = exit_code::HELP)]
    Explore(Box<ExploreArgs>),
    /// Say what each flush of a workload is good for, and which order of writes is missing
    #[command(after_long_help = exit_code::HELP)]
    Advise(Box<AdviseArgs>),
    /// Write the trace of a workload to a file
    Record(RecordArgs),
    /// Look at one crash state again
    #[command(after_long_help = exit_code::HELP)]
    Replay(ReplayArgs),
    /// Make a page of the data that `explore` or a test has written
    Report(ReportArgs),
    /// List what there is: systems, workloads, strategies, profiles, bug switches, trace formats, checks
    List(ListArgs),
    /// Look at traces, and bring them from one format to another
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExploreArgs {
    /// What to explore; without it every workload of every reference system
    #[arg(value_name = "SYSTEM[+BUG][:WORKLOAD]", conflicts_with = "trace")]
    pub(crate) targets: Vec<String>,
    /// Switch a seeded fault of the reference systems on
    #[arg(long = "bug", value_name = "NAME", conflicts_with = "trace")]
    pub(crate) bugs: Vec<String>,
    /// Explore so many generated workloads of each system instead of those that have a name; --seed is that of the first
    #[arg(long, value_name = "N", conflicts_with = "trace", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) generate: Option<u16>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    /// Store no shrunk failures, and explore none of those that are stored
    #[arg(long, conflicts_with = "regressions")]
    pub(crate) no_regressions: bool,
    /// How long to shrink what is found in one workload; 0 not at all [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    pub(crate) max_shrink_time: Option<Duration>,
    /// Write the report as JSON to this file as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as JUnit XML to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
    /// Write the report as one HTML page to this file as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown to this file, for a comment on a pull request
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) markdown: Option<PathBuf>,
    /// Where report.json and report.html go [default: target/crashcheck]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// How to show the progress
    #[arg(long, value_name = "HOW")]
    pub(crate) progress: Option<Show>,
    /// Print a line for every workload, and every finding in full
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Only say how many crash states there are
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AdviseArgs {
    /// What to look at: one workload, or all workloads of a system
    #[arg(
        value_name = "SYSTEM[+BUG][:WORKLOAD]",
        conflicts_with = "trace",
        required_unless_present = "trace"
    )]
    pub(crate) targets: Vec<String>,
    /// Switch a seeded fault of the reference systems on
    #[arg(long = "bug", value_name = "NAME", conflicts_with = "trace")]
    pub(crate) bugs: Vec<String>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
    /// Print the advice as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to search; what is not given comes from the configuration.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SearchArgs {
    /// What the device may leave behind: a profile by name, or a file that ends in .toml; may be repeated
    /// [default: what a system promises to survive, or what shows the bug switches]
    #[arg(long = "profile", value_name = "NAME|FILE.toml")]
    pub(crate) profiles: Vec<String>,
    /// How to walk the crash states
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<StrategyKind>,
    /// Stop so many deviations from either everything or nothing persisted
    #[arg(long, value_name = "K")]
    pub(crate) deviations: Option<usize>,
    /// Crash so many lives, from power-on to power-off: 1 is the workload alone; 2, each recovery and what follows as well
    /// [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) lives: Option<u8>,
    /// Stop after this time, shared evenly: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    pub(crate) time: Option<Duration>,
    /// Run at most so many recoveries for each workload, or `all`
    #[arg(long, value_name = "N")]
    pub(crate) max_states: Option<StatesMax>,
    /// Look at most at so many crash states of later lives for each workload, or `all`
    #[arg(long, value_name = "N")]
    pub(crate) max_later: Option<StatesMax>,
    /// Look at most at so many states that only add to failing ones for each finding, or `all` [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) max_beyond: Option<StatesMax>,
    /// The memory that the exploration, and so each recovery, may use
    #[arg(long, value_name = "MIB", default_value_t = 8192, value_parser = clap::value_parser!(u64).range(64..))]
    pub(crate) memory: u64,
    /// Worker threads [default: one for each core]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// The seed of everything random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Stop at the first finding
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Fail with exit code 3 if something was not covered or not measured
    #[arg(long)]
    pub(crate) require_complete: bool,
}

/// Where shrunk failures are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StoredArgs {
    /// Where shrunk failures are stored, to be explored first on every run [default: regressions]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) regressions: Option<PathBuf>,
}

/// A trace recorded elsewhere, and the commands that recover it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RecordedArgs {
    /// Explore a recorded trace of any format; with x.blktrace.0, the files of the other processors beside it as well
    #[arg(long, value_name = "FILE", requires = "recover", value_hint = ValueHint::FilePath)]
    pub(crate) trace: Option<PathBuf>,
    /// The command that recovers an image; {image} stands for its path
    #[arg(long, value_name = "COMMAND", requires = "trace")]
    pub(crate) recover: Option<String>,
    /// A command that must succeed on the recovered image; may be repeated
    #[arg(long = "check", value_name = "COMMAND", requires = "trace")]
    pub(crate) checks: Vec<String>,
    /// The power fails only after this mark of the trace: what comes before it is durable
    #[arg(long, value_name = "MARK", requires = "trace", conflicts_with = "from_event")]
    pub(crate) from_mark: Option<String>,
    /// The power fails only after so many events of the trace: those before are durable
    #[arg(long, value_name = "N", requires = "trace")]
    pub(crate) from_event: Option<usize>,
    /// How long one command may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::config::duration)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

impl RecordedArgs {
    /// The same for another trace, which is a container.
    pub(crate) fn with_trace(&self, trace: PathBuf) -> RecordedArgs {
        RecordedArgs {
            trace: Some(trace),
            input: InputArgs::default(),
            from_mark: None,
            from_event: None,
            ..self.clone()
        }
    }
}

/// What the file of a trace does not say.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct InputArgs {
    /// The format, if it is not to be told from the first bytes
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// What the device held when the recording began [default: zeros]
    #[arg(long, value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub(crate) base: Option<PathBuf>,
    /// How long the device is, in bytes [default: to the end of the last write, or as the file says]
    #[arg(long, value_name = "BYTES")]
    pub(crate) device_len: Option<u64>,
    /// Use entries that follow those which a dm-log-writes log counts: the recorder died before it counted them, or they
    /// are of an older recording
    #[arg(long)]
    pub(crate) uncounted: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The workload to record
    #[arg(value_name = "SYSTEM[+BUG]:WORKLOAD")]
    pub(crate) target: String,
    /// Where the trace goes
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Switch a seeded fault of the system on
    #[arg(long = "bug", value_name = "NAME")]
    pub(crate) bugs: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The id that `explore` printed
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Switch the bug switches of the id off: does the repaired system pass?
    #[arg(long, conflicts_with = "trace")]
    pub(crate) fixed: bool,
    /// The file of the device profile, if it is none that comes with crashcheck
    #[arg(long, value_name = "FILE.toml", value_hint = ValueHint::FilePath)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The data: report.json of `explore`, or the file that a failing test has named
    #[arg(value_name = "FILE.json", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Write it as one self-contained HTML page [default, if nothing is asked for: beside the data]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
    /// Write it as Markdown, for a pull request
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) markdown: Option<PathBuf>,
    /// Write it as JUnit XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// What to list [default: everything]
    pub(crate) what: Option<What>,
    /// Of which system: journal, journal@raid5. Of the checks also a code (JN-24) or a family (JN) [default: all]
    #[arg(value_name = "SYSTEM|CHECK")]
    pub(crate) only: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The checks as a document in Markdown
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// The reference systems
    Systems,
    /// The workloads of each system
    Workloads,
    /// How to walk
    Strategies,
    /// What devices may leave behind
    Profiles,
    /// The seeded faults of each system
    Bugs,
    /// The formats of traces
    Formats,
    /// What codes such as JN-24 stand for
    Checks,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TraceCommand {
    /// Print the events of a trace
    Show {
        /// The trace, in any format
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The first event to print
        #[arg(long, value_name = "EVENT", default_value_t = 0)]
        from: usize,
        /// Print so many events
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        #[command(flatten)]
        input: InputArgs,
    },
    /// Count the epochs, the writes in flight and the crash states of a trace
    Stats {
        /// The trace, in any format
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// What the device may leave behind
        #[arg(long, value_name = "NAME|FILE.toml", default_value = "reorder")]
        profile: String,
        #[command(flatten)]
        input: InputArgs,
    },
    /// Write a trace of any format as a container
    Import {
        /// The trace, in any format
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where the container goes
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
        #[command(flatten)]
        input: InputArgs,
    },
    /// Write one device of a trace in another format
    Export {
        /// The trace, in any format
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where it goes
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
        /// The format to write
        #[arg(long = "format", value_name = "FORMAT", default_value = "dm-log-writes")]
        to: Export,
        /// The device, counted from 0
        #[arg(long, value_name = "N", default_value_t = 0)]
        device: u16,
        /// The sector size in bytes
        #[arg(long, value_name = "BYTES", default_value = "512")]
        sector: Sector,
    },
}

/// A format that can be written, besides the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Export {
    /// The log of the kernel's dm-log-writes target
    DmLogWrites,
}

/// The sector size of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sector {
    /// 512 bytes
    #[value(name = "512")]
    B512,
    /// 4096 bytes
    #[value(name = "4096")]
    B4096,
}
