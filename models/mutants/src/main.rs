//! How many realistic faults does crashcheck find that nobody planted for it?
//!
//! The folder `faults` describes them, each as a text of a source file and what stands there instead. A copy of the
//! workspace gets all of them, each behind a switch, and is built once; then the systems are explored with one of them
//! switched on after the other. A fault is *killed* if something is found. Without any, nothing may be.
//!
//! ```sh
//! cargo run -p crashcheck-mutants
//! cargo run -p crashcheck-mutants -- --only raid
//! cargo run -p crashcheck-mutants -- --sample 12
//! ```
//!
//! | file | does |
//! |---|---|
//! | `faults.rs` | reads the descriptions, selects |
//! | `rewrite.rs` | puts faults into a source file |
//! | `scratch.rs` | copies and builds the workspace |
//! | `run.rs` | explores with a fault switched on |
//! | `table.rs` | the kill table |

mod faults;
mod rewrite;
mod run;
mod scratch;
mod table;

use clap::Parser;
use run::{Outcome, Runner};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Explore the reference systems with realistic faults in their sources, one by one, and print how many are found
#[derive(Parser)]
#[command(after_help = "Exit codes:
  0  every fault that has to be found was, and nothing was found without one
  1  one was not, or one was that is said not to be
  2  the faults cannot be read, are not in the sources, or do not compile")]
struct Args {
    /// Only these: a fault, or all that are in one system, by the name of its file; may be repeated
    #[arg(long, value_name = "NAME|SYSTEM")]
    only: Vec<String>,

    /// Only so many of them, drawn with --seed
    #[arg(long, value_name = "N")]
    sample: Option<usize>,

    /// What the sample is drawn with
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// So many generated workloads of each system as well, where those with a name find nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    generate: usize,

    /// How long one exploration may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time: u64,

    /// So many faults at a time [default: one for each core]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,

    /// Only see that all of them are in the sources and compile
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match work(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all came out as it should.
fn work(args: &Args) -> Result<bool, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = here.join("../..").canonicalize().map_err(|error| error.to_string())?;
    let all = faults::read(&here.join("faults"))?;
    let numbers = faults::select(&all, &args.only, args.sample, args.seed)?;
    let scratch = target(&top).join("mutants");
    if args.check {
        return scratch::check(&top, &scratch, &all).map(|()| true);
    }
    let command = scratch::build(&top, &scratch, &all)?;
    let time = Duration::from_secs(args.time);
    let runner = Runner { command, folder: scratch.join("runs"), generate: args.generate, time };
    let chosen: Vec<_> = numbers.iter().map(|number| &all[number - 1]).collect();
    let systems: BTreeSet<String> = chosen.iter().flat_map(|fault| fault.systems.iter().cloned()).collect();
    let sound = match runner.run(0, &Vec::from_iter(systems), args.generate) {
        Outcome::Survived => true,
        outcome => {
            println!("without any fault: {outcome:?}");
            false
        }
    };
    let jobs = args.jobs.or_else(|| thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let tell = |fault: &faults::Fault, outcome: &Outcome| eprintln!("{}: {outcome:?}", fault.name);
    let outcomes = runner.run_all(&all, &numbers, jobs, tell);
    let results: Vec<_> = chosen.into_iter().zip(outcomes).collect();
    print!("{}", table::table(&results));
    Ok(sound && table::is_as_expected(&results))
}

/// Where cargo builds the workspace.
fn target(top: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), |folder| top.join(folder))
}
