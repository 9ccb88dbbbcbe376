//! The keys of `crashcheck.toml` and of device profiles, each with what it takes and what it means: the references that
//! `crashcheck list config`, `crashcheck list profiles` and the pages crashcheck.toml(5) and crashcheck-profile(5) of the manual print.

/// A key of a file in TOML.
pub(crate) struct Key {
    /// The table that it stands under; of the configuration that is `[preset.NAME]` as well.
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    /// A value, as it stands in the file.
    pub(crate) example: &'static str,
    /// What holds without it.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// Those of the configuration.
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
    Key { table: "explore", name, example, default, about }
}

/// Those of a device profile.
pub(crate) const PROFILE: &[Key] = &[
    of(
        "",
        "name",
        "\"mine\"",
        "",
        "What it is called: letters, digits, '-' and '_'; no name of one that comes with crashcheck",
    ),
    of("", "about", "\"My disk.\"", "", "What it is, in a sentence"),
    of(
        "",
        "order",
        "\"issued\"",
        "\"any\"",
        "Whether writes in flight may overtake each other: any, or issued, where what survives is a prefix of what was issued",
    ),
    of(
        "",
        "atomic",
        "512",
        "\"write\"",
        "Bytes that reach the medium together, a power of two of at least 8; or write, a whole one",
    ),
    of("", "flush", "\"ignored\"", "\"honest\"", "Whether a flush does what it says: honest or ignored"),
    of("", "fua", "\"ignored\"", "\"honest\"", "Whether force unit access does: honest or ignored"),
    of(
        "",
        "cache",
        "\"none\"",
        "\"volatile\"",
        "Whether what is written is durable only after a flush (volatile) or when the write is over (none)",
    ),
    of(
        "",
        "torn",
        "\"garbage\"",
        "\"old-or-new\"",
        "What a unit reads as that was being written: old-or-new or garbage",
    ),
    of("", "discard", "\"old\"", "\"zero\"", "What a discarded range reads as: old, zero or garbage"),
    of("faults", "most", "1", "1", "So many faults at most beside the power, in one crash state"),
    of(
        "faults",
        "device-lost",
        "\"at-crash\"",
        "\"never\"",
        "When one of several devices may fail as a whole: never, at-crash or in-service",
    ),
    of("faults", "unreadable", "true", "false", "A block cannot be read until it is written again"),
    of("faults", "corrupt", "true", "false", "A block holds what nobody wrote, until it is written again"),
    of("faults", "lost-write", "true", "false", "A write that was flushed never reached the medium"),
    of("faults", "misdirected", "true", "false", "A write that was flushed landed on a neighbouring block"),
    of(
        "faults",
        "misdirected-device",
        "true",
        "false",
        "A write that was flushed landed at its place on the next of several devices",
    ),
    of("faults", "flips", "true", "false", "One bit of a page of a flash chip reads flipped"),
    of(
        "faults",
        "flush-error",
        "true",
        "false",
        "A flush or a write with FUA returns an error, once or from then on",
    ),
    of(
        "files",
        "names",
        "\"issued\"",
        "\"any\"",
        "What calls do to names reaches the medium in the order of the calls: issued; or in any",
    ),
    of(
        "files",
        "replace-flush",
        "true",
        "false",
        "What has made a file longer is written out before it takes the name of another one",
    ),
    of(
        "files",
        "fsync",
        "\"earlier\"",
        "\"inode\"",
        "What fsync makes durable: inode, what it is called for; names, of a file its names too; earlier, what was done to any names before \
         its last change",
    ),
    of(
        "files",
        "fdatasync",
        "\"data\"",
        "\"length\"",
        "What fdatasync of a file makes durable: data, what was written; length, its length too, and of names only what fsync makes durable \
         for a file that is new or changed its length; fsync, what that does",
    ),
    of("cluster", "nodes", "1", "any number", "So many nodes at most go down"),
    of("cluster", "late", "true", "false", "A message on its way may arrive after everything else"),
    of("cluster", "twice", "true", "false", "It may arrive at its time, and once more after everything else"),
    of("cluster", "lost", "true", "false", "It may not arrive"),
];

const fn of(
    table: &'static str,
    name: &'static str,
    example: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key { table, name, example, default, about }
}

/// A device profile that shows how the tables work together.
pub(crate) const PROFILE_EXAMPLE: &str = "\
name = \"mine\"
about = \"My disk: sectors of 4096 bytes, of which one may not be readable.\"
atomic = 4096

[faults]                   # beside the power; without it nothing else goes wrong
unreadable = true
";

/// What a profile is, and how it is given.
pub(crate) const PROFILE_ABOUT: &str = "\
What a device may leave behind when the power fails: a file that ends in .toml, given as --profile FILE.toml. [faults] says what may go \
wrong beside the power, [files] what a file system promises of a tree of files beyond POSIX, and [cluster] what may happen to nodes that \
crash one by one. [faults] and [cluster] together are refused, and so is a key that is not known. The profiles that come with crashcheck are listed by crashcheck list profiles.";

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
