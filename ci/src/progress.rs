//! How far the run is: a bar on a terminal, a plain line now and then elsewhere, always on the standard error.

use clap::ValueEnum;
use crashcheck::outcome::counted;
use crashcheck::{Progress, Shrinking};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How to show the progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// A bar on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// A bar
    Bar,
    /// A line every 30 seconds
    Plain,
    /// Nothing
    None,
}

/// The time between two plain lines.
const EVERY: Duration = Duration::from_secs(30);
/// The steps of the bar for one exploration.
const STEPS: u64 = 1000;

/// Shows the progress of a run of several explorations.
pub(crate) struct Meter {
    how: How,
    count: u64,
    index: u64,
    name: String,
    started: Instant,
}

enum How {
    Nothing,
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Meter {
    /// A run of so many explorations begins.
    pub(crate) fn new(show: Show, count: usize) -> Meter {
        let count = count as u64;
        let how = match show {
            Show::None => How::Nothing,
            Show::Bar => How::Bar(bar(count)),
            Show::Auto if stderr().is_terminal() => How::Bar(bar(count)),
            Show::Auto | Show::Plain => How::Lines { last: Instant::now() },
        };
        Meter { how, count, index: 0, name: String::new(), started: Instant::now() }
    }

    /// The next exploration begins.
    pub(crate) fn begin(&mut self, name: &str) {
        self.index += 1;
        name.clone_into(&mut self.name);
        self.started = Instant::now();
        if let How::Bar(bar) = &self.how {
            bar.set_position((self.index - 1) * STEPS);
            bar.set_message(self.name.clone());
        }
    }

    /// The exploration is so far.
    pub(crate) fn update(&mut self, progress: Progress) {
        let line = self.line(progress);
        match &mut self.how {
            How::Nothing => {}
            How::Bar(bar) => {
                let within = (progress.covered.clamp(0.0, 1.0) * STEPS as f64) as u64;
                bar.set_position((self.index - 1) * STEPS + within);
                bar.set_message(line);
            }
            How::Lines { last } if last.elapsed() >= EVERY => {
                *last = Instant::now();
                // There is nobody left to tell if this fails.
                let _ = writeln!(stderr(), "[{}/{}] {line}", self.index, self.count);
            }
            How::Lines { .. } => {}
        }
    }

    /// The run is over.
    pub(crate) fn finish(&self) {
        if let How::Bar(bar) = &self.how {
            bar.finish_and_clear();
        }
    }

    fn line(&self, progress: Progress) -> String {
        let Progress { covered, recoveries, findings, shrinking } = progress;
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let speed = recoveries as f64 / seconds;
        let name = &self.name;
        if let Some(Shrinking { left, candidates }) = shrinking {
            let candidates = counted(candidates, "candidate");
            return format!("{name}: shrinking: {left} left to try, {candidates} so far");
        }
        let (recoveries, findings) = (counted(recoveries, "recovery"), counted(findings as u64, "finding"));
        format!("{name}: {:.1} % covered, {recoveries}, {speed:.0}/s, {findings}", covered * 100.0)
    }
}

fn bar(count: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("[{elapsed}] {bar:24} {eta} left  {msg}").expect("a valid template");
    ProgressBar::new(count * STEPS).with_style(style)
}
