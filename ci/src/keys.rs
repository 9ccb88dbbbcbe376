//! The keys of `crashcheck.toml`, each with what it takes and what it means: the reference that `crashcheck list config` and the
//! page crashcheck.toml(5) of the manual print.

/// A key of the tables `[explore]` and `[preset.NAME]`.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// A value, as it stands in the file.
    pub(crate) example: &'static str,
    /// What holds without it.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// All of them.
pub(crate) const KEYS: &[Key] = &[
    key(
        "profile",
        "[\"reorder\", \"torn\"]",
        "what a system promises",
        "Device profiles: names, or files that end in .toml",
    ),
    key(
        "strategy",
        "\"deviations\"",
        "\"deviations\"",
        "How to walk the crash states (crashcheck list strategies)",
    ),
    key("deviations", "3", "no limit", "Stop so many deviations from everything or nothing persisted"),
    key("lives", "3", "2", "How many lives end in a crash; 1 is the workload alone"),
    key("time", "\"30m\"", "no limit", "Stop after this time, shared evenly: ms, s, m or h"),
    key(
        "max-states",
        "50000",
        "20000, or no limit with time or deviations",
        "Recoveries for each workload, or \"all\"",
    ),
    key(
        "max-later",
        "\"all\"",
        "250, or no limit with time or deviations",
        "Crash states of later lives for each workload, or \"all\"",
    ),
    key("max-beyond", "1000", "1000", "States that only add to failing ones, for each finding, or \"all\""),
    key("jobs", "2", "one for each core", "Worker threads"),
    key("seed", "7", "0", "The seed of everything random"),
    key("fail-fast", "true", "false", "Stop at the first finding"),
    key(
        "require-complete",
        "true",
        "false",
        "Fail with exit code 3 if something was not covered or not measured",
    ),
    key("out", "\"target/crashcheck\"", "\"target/crashcheck\"", "Where report.json and report.html go"),
    key(
        "regressions",
        "\"regressions\"",
        "\"regressions\"",
        "Where shrunk failures are stored, to be explored first",
    ),
    key(
        "max-shrink-time",
        "\"5m\"",
        "\"60s\"",
        "How long to shrink what is found in one workload; \"0\" not at all",
    ),
    key("progress", "\"plain\"", "\"auto\"", "How to show the progress: auto, bar, plain or none"),
];

const fn key(name: &'static str, example: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, example, default, about }
}

/// A file that shows how the tables work together.
pub(crate) const EXAMPLE: &str = "\
[explore]                  # for every run
profile = [\"reorder\", \"torn\"]
jobs = 2

[preset.nightly]           # with --preset nightly, on top of [explore]
time = \"30m\"
lives = 3
require-complete = true
";

/// Where the file is, and what beats what.
pub(crate) const ABOUT: &str = "\
The defaults of `crashcheck explore` and `crashcheck advise`, read from crashcheck.toml in the current directory, or from the file \
that --config names. [explore] holds for every run, and [preset.NAME] on top of it with --preset NAME; an option of the command \
line beats both. A key that is not known is refused.";
