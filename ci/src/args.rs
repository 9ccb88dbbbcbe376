//! The command line.

mod program;
mod record;

pub(crate) use program::ProgramArgs;
pub(crate) use record::{Mounts, RecordArgs};

use crate::colour::When;
use crate::complete;
use crate::config::{LIVES_MAX, StatesMax};
use crate::examples;
use crate::progress::Show;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;
use crashcheck::trace::import::Format;
use crashcheck::{Profile, StrategyKind};
use std::path::PathBuf;
use std::time::Duration;

/// Finds out whether storage software survives a crash.
///
/// Records what a system writes, lets the power fail at every point of it in every way that the device allows, runs the
/// system's own recovery on each crash state, and judges what that shows.
#[derive(Debug, Parser)]
#[command(name = "crashcheck", version, max_term_width = 110)]
#[command(after_help = examples::ALL_SHORT, after_long_help = examples::with_exit_codes(examples::ALL))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to write in colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", alias = "colour")]
    #[arg(help_heading = GENERAL, hide_short_help = true)]
    pub(crate) color: When,
    /// Read the defaults from this file instead of ./crashcheck.toml
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = GENERAL, hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,
    /// Take the defaults from [preset.NAME] of the configuration
    #[arg(long, global = true, value_name = "NAME")]
    #[arg(help_heading = GENERAL, hide_short_help = true)]
    pub(crate) preset: Option<String>,
}

/// The groups in which options are listed.
const GENERAL: &str = "General";
const WHAT: &str = "What to explore";
const HOW_FAR: &str = "How far to go";
const RECORDED: &str = "A trace recorded elsewhere";
const PROGRAM: &str = "The program";
const SHRINKING: &str = "Shrinking and stored failures";
const OUTPUT: &str = "Output";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explore the crash states of reference systems, or of a recorded trace
    #[command(after_help = examples::EXPLORE_SHORT, after_long_help = examples::with_exit_codes(examples::EXPLORE))]
    Explore(Box<ExploreArgs>),
    /// Record a program that nobody changed, and recover it from every crash state
    #[command(after_help = examples::PROGRAM_SHORT, after_long_help = examples::with_exit_codes(examples::PROGRAM))]
    Program(Box<ProgramArgs>),
    /// Say what each flush of a workload is good for, and which order of writes is missing
    #[command(after_help = examples::ADVISE_SHORT, after_long_help = examples::with_exit_codes(examples::ADVISE))]
    Advise(Box<AdviseArgs>),
    /// Write the trace of a workload, or of a program, to a file
    #[command(after_help = examples::RECORD)]
    Record(RecordArgs),
    /// Look at one crash state again, and write its devices, its trace and its page to files
    #[command(after_help = examples::REPLAY, after_long_help = examples::with_exit_codes(examples::REPLAY))]
    Replay(Box<ReplayArgs>),
    /// Make a page of the data that `explore` or a test has written
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// List what there is: systems, workloads, strategies, profiles, bug switches, trace formats, checks
    #[command(after_help = examples::LIST)]
    List(ListArgs),
    /// Look at traces, and bring them from one format to another
    #[command(subcommand, after_help = examples::TRACE)]
    Trace(TraceCommand),
    /// Print what a shell needs to complete commands, options and names
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a page of the manual
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Of which command: explore, or trace show; config is the page of crashcheck.toml, and profile that of device profiles
    /// [default: of crashcheck]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    #[arg(add = ArgValueCompleter::new(complete::pages))]
    pub(crate) command: Vec<String>,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExploreArgs {
    /// Systems, or workloads of them [default: everything]
    #[arg(value_name = "SYSTEM[+BUG][:WORKLOAD]", conflicts_with = "trace")]
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) targets: Vec<String>,
    /// Switch a planted fault on (crashcheck list bugs)
    ///
    /// May be repeated.
    #[arg(long = "bug", value_name = "NAME", conflicts_with = "trace")]
    #[arg(help_heading = WHAT, add = ArgValueCompleter::new(complete::bugs))]
    pub(crate) bugs: Vec<String>,
    /// Explore so many generated workloads of each system instead of those that have a name; --seed is that of the first,
    /// and those in which recovery does something new are mutated
    #[arg(long, value_name = "N", conflicts_with = "trace", value_parser = clap::value_parser!(u16).range(1..))]
    #[arg(help_heading = WHAT, hide_short_help = true)]
    pub(crate) generate: Option<u16>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    /// Store no shrunk failures, and explore none of those that are stored
    #[arg(long, conflicts_with = "regressions")]
    #[arg(help_heading = SHRINKING, hide_short_help = true)]
    pub(crate) no_regressions: bool,
    /// How long to shrink what is found in one workload; 0 not at all [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    #[arg(help_heading = SHRINKING, hide_short_help = true)]
    pub(crate) max_shrink_time: Option<Duration>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Only say how many crash states there are
    #[arg(long)]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) dry_run: bool,
}

/// What is printed and written.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OutputArgs {
    /// Write the report as JSON to this file as well; - is the standard output, and all text goes to the standard error then
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as JUnit XML to this file, or to - as --json
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) junit: Option<PathBuf>,
    /// Write the report as one HTML page to this file as well, or to - as --json
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown to this file, or to - as --json, for a comment on a pull request
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) markdown: Option<PathBuf>,
    /// Where report.json and report.html go [default: target/crashcheck]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) out: Option<PathBuf>,
    /// How to show the progress
    #[arg(long, value_name = "HOW")]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    pub(crate) progress: Option<Show>,
    /// Print a line for every workload, and every finding in full
    #[arg(long, short)]
    #[arg(help_heading = OUTPUT)]
    pub(crate) verbose: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AdviseArgs {
    /// What to look at: one workload, or all workloads of a system
    #[arg(
        value_name = "SYSTEM[+BUG][:WORKLOAD]",
        conflicts_with = "trace",
        required_unless_present = "trace"
    )]
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) targets: Vec<String>,
    /// Switch a planted fault on (crashcheck list bugs)
    ///
    /// May be repeated.
    #[arg(long = "bug", value_name = "NAME", conflicts_with = "trace")]
    #[arg(help_heading = WHAT, add = ArgValueCompleter::new(complete::bugs))]
    pub(crate) bugs: Vec<String>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
    /// Print the advice as JSON
    #[arg(long)]
    #[arg(help_heading = OUTPUT)]
    pub(crate) json: bool,
}

/// How to search; what is not given comes from the configuration.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SearchArgs {
    /// What the device may leave behind (crashcheck list profiles)
    #[arg(long = "profile", value_name = "PROFILE")]
    #[arg(help_heading = HOW_FAR, add = ArgValueCompleter::new(complete::profiles), long_help = profiles_in_full())]
    pub(crate) profiles: Vec<String>,
    /// How to walk the crash states
    #[arg(long, value_name = "NAME")]
    #[arg(value_parser = strategies(), help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) strategy: Option<StrategyKind>,
    /// Stop so many deviations from either everything or nothing persisted
    #[arg(long, value_name = "K")]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) deviations: Option<usize>,
    /// Crash so many lives one after the other [default: 2]
    ///
    /// A life is what happens from power-on to power-off: 1 is the workload alone; 2, each recovery and what follows as well.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(LIVES_MAX)))]
    #[arg(help_heading = HOW_FAR)]
    pub(crate) lives: Option<u8>,
    /// Stop after this time: 90s, 10m, 2h
    ///
    /// The workloads share it evenly.
    #[arg(long, value_name = "TIME", value_parser = crate::config::duration)]
    #[arg(help_heading = HOW_FAR)]
    pub(crate) time: Option<Duration>,
    /// Run at most so many recoveries for each workload [default: 20000, or all with --time or --deviations]
    #[arg(long, value_name = "N|all")]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) max_states: Option<StatesMax>,
    /// Look at most at so many crash states of later lives for each workload [default: 250, or all with --time or
    /// --deviations]
    #[arg(long, value_name = "N|all")]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) max_later: Option<StatesMax>,
    /// Look at most at so many states that only add to failing ones for each finding, or `all` [default: 1000]
    #[arg(long, value_name = "N|all")]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) max_beyond: Option<StatesMax>,
    /// The memory that the exploration, and so each recovery, may use
    #[arg(long, value_name = "MIB", default_value_t = 8192, value_parser = clap::value_parser!(u64).range(64..))]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) memory: u64,
    /// Worker threads [default: one for each core]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) jobs: Option<u16>,
    /// The seed of everything random
    #[arg(long, value_name = "N")]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) seed: Option<u64>,
    /// Stop at the first finding
    #[arg(long)]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) fail_fast: bool,
    /// Fail with exit code 3 if something was not covered or not measured
    #[arg(long)]
    #[arg(help_heading = HOW_FAR, hide_short_help = true)]
    pub(crate) require_complete: bool,
}

/// Where shrunk failures are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StoredArgs {
    /// Where shrunk failures are stored, to be explored first on every run [default: regressions]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = SHRINKING, hide_short_help = true)]
    pub(crate) regressions: Option<PathBuf>,
}

/// A trace recorded elsewhere, and the commands that recover it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RecordedArgs {
    /// Explore a recorded trace of any format
    ///
    /// With x.blktrace.0, the files of the other processors beside it are read as well.
    #[arg(long, value_name = "FILE", requires = "recover", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) trace: Option<PathBuf>,
    /// The command that recovers an image; {image} stands for its path, and of several devices {image0}, {image1} and so on for
    /// those of each
    #[arg(long, value_name = "COMMAND", requires = "trace")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) recover: Option<String>,
    /// A command that must succeed on the recovered image; {image} stands for its path; may be repeated
    #[arg(long = "check", value_name = "COMMAND", requires = "trace")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) checks: Vec<String>,
    /// The power fails only after this mark of the trace: what comes before it is durable
    #[arg(long, value_name = "MARK", requires = "trace", conflicts_with = "from_event")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) from_mark: Option<String>,
    /// The power fails only after so many events of the trace: those before are durable
    #[arg(long, value_name = "N", requires = "trace")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) from_event: Option<usize>,
    /// The folder in which the commands find the files, if the trace is of a program (crashcheck program)
    ///
    /// What recovery prints is compared with what it prints without a crash.
    #[arg(long = "files", value_name = "DIR", requires = "trace", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) folder: Option<PathBuf>,
    /// Whether to mount that folder with FUSE [default: where that can be]
    ///
    /// Otherwise each crash state is written there as files, and nothing is crashed after recovery.
    #[arg(long, value_name = "WHEN", requires = "folder", default_value = "auto", hide_default_value = true)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) fuse: Mounts,
    /// A command that goes on after recovery with the files of a program
    #[arg(long, value_name = "COMMAND", requires = "folder")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) go_on: Option<String>,
    /// A line that goes on with the files of a program and matches says that everything so far is durable
    #[arg(long, value_name = "REGEX", requires = "folder")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) ack: Option<String>,
    /// How long one command may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::config::duration)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
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
    #[arg(value_parser = formats(), help_heading = RECORDED, hide_short_help = true)]
    pub(crate) format: Option<Format>,
    /// What the device held when the recording began [default: zeros]
    #[arg(long, value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) base: Option<PathBuf>,
    /// How long the device is, in bytes [default: to the end of the last write, or as the file says]
    #[arg(long, value_name = "BYTES")]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) device_len: Option<u64>,
    /// Use entries that follow those which a dm-log-writes log counts: the recorder died before it counted them, or they
    /// are of an older recording
    #[arg(long)]
    #[arg(help_heading = RECORDED, hide_short_help = true)]
    pub(crate) uncounted: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The id that `explore` printed
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Look at the system without its bug switches
    ///
    /// Does the repaired system pass?
    #[arg(long, conflicts_with = "trace")]
    pub(crate) fixed: bool,
    /// The file of a device profile of your own
    #[arg(long, value_name = "FILE.toml", value_hint = ValueHint::FilePath)]
    #[arg(add = ArgValueCompleter::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) files: ReplayFiles,
    /// Print all operations
    ///
    /// With what the user had been told of each when the power failed.
    #[arg(long)]
    pub(crate) ops: bool,
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    #[command(flatten)]
    pub(crate) recorded: RecordedArgs,
}

/// The files that a replay leaves. Where the power fails more than once, those of devices are about the last crash.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = OUTPUT)]
pub(crate) struct ReplayFiles {
    /// Write the device as recovery finds it
    ///
    /// To a new file: no image is written over one that is there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "dir")]
    pub(crate) image: Option<PathBuf>,
    /// The same of several devices, a new file for each
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Write what recovery makes of it
    ///
    /// To a new file, or to new files in this directory if there are several devices.
    #[arg(long, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub(crate) recovered: Option<PathBuf>,
    /// Write what was done up to the crash as a trace
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) save_trace: Option<PathBuf>,
    /// Write the page of this finding
    ///
    /// - is the standard output, and all text goes to the standard error then.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The data: report.json of `explore`, or the file that a failing test has named
    #[arg(value_name = "FILE.json", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Write it as one self-contained HTML page, or to - for the standard output [default, if nothing is asked for: beside the data]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) html: Option<PathBuf>,
    /// Write it as Markdown, for a pull request, or to - for the standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) markdown: Option<PathBuf>,
    /// Write it as JUnit XML, or to - for the standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// What to list [default: everything]
    pub(crate) what: Option<What>,
    /// Of which system: journal, journal@raid5. Of the checks also a code (JN-24) or a family (JN) [default: all]
    #[arg(value_name = "SYSTEM|CHECK")]
    #[arg(add = ArgValueCompleter::new(complete::listed))]
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
    /// What devices may leave behind, and the keys of a profile of your own
    Profiles,
    /// The seeded faults of each system
    Bugs,
    /// The formats of traces
    Formats,
    /// What codes such as JN-24 stand for
    Checks,
    /// The keys of crashcheck.toml
    Config,
}

/// The strategies as possible values.
fn strategies() -> impl TypedValueParser<Value = StrategyKind> {
    let values = StrategyKind::TABLE.map(|(_, name, about)| PossibleValue::new(name).help(about));
    PossibleValuesParser::new(values).map(|name| name.parse().expect("one of the possible values"))
}

/// The formats of traces as possible values.
fn formats() -> impl TypedValueParser<Value = Format> {
    let values = Format::ALL.map(|format| PossibleValue::new(format.name()));
    PossibleValuesParser::new(values).map(|name| name.parse().expect("one of the possible values"))
}

/// The help of `--profile`, with the profiles that there are.
fn profiles_in_full() -> String {
    let profiles = Profile::built_in().into_iter();
    let lines: String = profiles.map(|profile| format!("\n- {}: {}", profile.name, profile.about)).collect();
    format!(
        "What the device may leave behind: a profile by name, or a file that ends in .toml; may be repeated [default: \
         what a system promises to survive, or what shows the bug switches]\n\nProfiles that come with crashcheck:{lines}"
    )
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
        #[arg(long, value_name = "NAME|FILE.toml", default_value = "reorder", add = ArgValueCompleter::new(complete::profiles))]
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
        #[arg(long, value_name = "FORMAT", default_value = "dm-log-writes")]
        to: Export,
        /// The device, counted from 0
        #[arg(long, value_name = "N", default_value_t = 0)]
        device: u16,
        /// The sector size in bytes
        #[arg(long, value_name = "BYTES", default_value = "512")]
        sector: Sector,
        #[command(flatten)]
        input: InputArgs,
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
