//! `crashcheck.toml`: defaults for `explore`. `keys.rs` has the reference of it.
//!
//! An option of the command line beats the preset, and that beats `[explore]`. A key that is not known is refused.

use crate::args::{Args, SearchArgs, StoredArgs};
use crate::failure::Failure;
use crate::keys::{KEYS, PROFILE};
use crate::progress::Show;
use crate::{suggest, unreadable};
use crashcheck::{Bytes, Profile, StrategyKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The file that is read if there is one.
pub(crate) const FILE: &str = "crashcheck.toml";

/// Where shrunk failures are if nothing else is asked for.
pub(crate) const REGRESSIONS: &str = "regressions";

/// So many lives can be crashed one after the other.
pub(crate) const LIVES_MAX: u8 = 16;

/// How long the findings of one workload are shrunk if nothing else is asked for.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// A limit of the recoveries for one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatesMax(pub(crate) Option<u64>);

impl FromStr for StatesMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(StatesMax(None)),
            _ => text
                .parse()
                .map(|states| StatesMax(Some(states)))
                .map_err(|_| "a number, or `all`".to_owned()),
        }
    }
}

/// Reads a time: `90s`, `10m`, `2h`, `500ms`; a bare number is in seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("'{unit}' is no unit of time: ms, s, m and h are")),
    };
    let number: f64 = number.parse().map_err(|_| "a time looks like 90s, 10m or 2h".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default)]
    explore: Defaults,
    #[serde(default)]
    preset: BTreeMap<String, Defaults>,
}

/// The keys of a table, named as the options of the command line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Defaults {
    profile: Option<Vec<String>>,
    #[serde(default, deserialize_with = "parsed")]
    strategy: Option<StrategyKind>,
    deviations: Option<usize>,
    #[serde(default, deserialize_with = "lives")]
    lives: Option<u8>,
    #[serde(default, deserialize_with = "time")]
    time: Option<Duration>,
    #[serde(default, deserialize_with = "states")]
    max_states: Option<StatesMax>,
    #[serde(default, deserialize_with = "states")]
    max_later: Option<StatesMax>,
    #[serde(default, deserialize_with = "states")]
    max_beyond: Option<StatesMax>,
    jobs: Option<std::num::NonZeroU16>,
    seed: Option<u64>,
    fail_fast: Option<bool>,
    require_complete: Option<bool>,
    out: Option<PathBuf>,
    regressions: Option<PathBuf>,
    #[serde(default, deserialize_with = "time")]
    max_shrink_time: Option<Duration>,
    #[serde(default, deserialize_with = "show")]
    progress: Option<Show>,
}

fn parsed<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<StrategyKind>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn time<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    duration(&text).map(Some).map_err(serde::de::Error::custom)
}

fn lives<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    let lives = u8::deserialize(from)?;
    let why = || serde::de::Error::custom(format!("lives = {lives}: must be from 1 to {LIVES_MAX}"));
    (1..=LIVES_MAX).contains(&lives).then_some(Some(lives)).ok_or_else(why)
}

fn states<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<StatesMax>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Word(String),
    }
    match Given::deserialize(from)? {
        Given::Number(states) => Ok(Some(StatesMax(Some(states)))),
        Given::Word(word) => word.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

fn show<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Show>, D::Error> {
    let text = String::deserialize(from)?;
    clap::ValueEnum::from_str(&text, false).map(Some).map_err(serde::de::Error::custom)
}

impl Defaults {
    fn or(self, other: Defaults) -> Defaults {
        Defaults {
            profile: self.profile.or(other.profile),
            strategy: self.strategy.or(other.strategy),
            deviations: self.deviations.or(other.deviations),
            lives: self.lives.or(other.lives),
            time: self.time.or(other.time),
            max_states: self.max_states.or(other.max_states),
            max_later: self.max_later.or(other.max_later),
            max_beyond: self.max_beyond.or(other.max_beyond),
            jobs: self.jobs.or(other.jobs),
            seed: self.seed.or(other.seed),
            fail_fast: self.fail_fast.or(other.fail_fast),
            require_complete: self.require_complete.or(other.require_complete),
            out: self.out.or(other.out),
            regressions: self.regressions.or(other.regressions),
            max_shrink_time: self.max_shrink_time.or(other.max_shrink_time),
            progress: self.progress.or(other.progress),
        }
    }
}

/// The configuration of this run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config(Defaults);

impl Config {
    /// Reads the file that the arguments name, or the one in the current directory if there is one.
    ///
    /// # Errors
    /// If the file cannot be read, has a key that is not known, or has no such preset.
    pub(crate) fn load(args: &Args) -> Result<Config, Failure> {
        let path = args.config.as_deref().unwrap_or(Path::new(FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.config.is_none() => {
                String::new()
            }
            Err(error) => return Err(Failure::file(path, error)),
        };
        Config::parse(path, &text, args.preset.as_deref())
    }

    fn parse(path: &Path, text: &str, preset: Option<&str>) -> Result<Config, Failure> {
        let Contents { explore, preset: mut presets } =
            toml::from_str(text).map_err(|error| unreadable::told(path, text, &error, KEYS))?;
        let Some(name) = preset else { return Ok(Config(explore)) };
        match presets.remove(name) {
            Some(preset) => Ok(Config(preset.or(explore))),
            None => {
                let unknown = suggest::unknown("preset", name, presets.keys().map(String::as_str));
                Err(Failure::file(path, unknown.message))
            }
        }
    }

    /// Where the report goes.
    pub(crate) fn out(&self) -> PathBuf {
        self.0.out.clone().unwrap_or_else(|| PathBuf::from("target/crashcheck"))
    }

    /// Where shrunk failures are, unless the arguments say otherwise.
    pub(crate) fn regressions(&self, args: &StoredArgs) -> PathBuf {
        let named = args.regressions.clone().or_else(|| self.0.regressions.clone());
        named.unwrap_or_else(|| PathBuf::from(REGRESSIONS))
    }

    /// How long to shrink the findings of one workload, unless the arguments say otherwise.
    pub(crate) fn shrink_time(&self, asked: Option<Duration>) -> Duration {
        asked.or(self.0.max_shrink_time).unwrap_or(SHRINK_TIME)
    }

    /// How to show the progress.
    pub(crate) fn progress(&self) -> Show {
        self.0.progress.unwrap_or_default()
    }

    /// How to search, with what the command line says on top.
    ///
    /// # Errors
    /// If a device profile does not exist or cannot be read.
    pub(crate) fn search(&self, args: &SearchArgs) -> Result<Search, Failure> {
        let defaults = self.0.clone();
        let named = if args.profiles.is_empty() { defaults.profile } else { Some(args.profiles.clone()) };
        let named = named.filter(|named| !named.is_empty()).unwrap_or_default();
        Ok(Search {
            profiles: named.iter().map(|name| profile(name)).collect::<Result<_, _>>()?,
            strategy: args.strategy.or(defaults.strategy).unwrap_or_default(),
            deviations: args.deviations.or(defaults.deviations),
            lives: args.lives.or(defaults.lives),
            time: args.time.or(defaults.time),
            states_max: args.max_states.or(defaults.max_states),
            later_max: args.max_later.or(defaults.max_later),
            beyond_max: args.max_beyond.or(defaults.max_beyond),
            memory: Bytes(args.memory << 20),
            jobs: args.jobs.or(defaults.jobs.map(u16::from)),
            seed: args.seed.or(defaults.seed).unwrap_or(0),
            fail_fast: args.fail_fast || defaults.fail_fast.unwrap_or(false),
            require_complete: args.require_complete || defaults.require_complete.unwrap_or(false),
        })
    }
}

/// How to search.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// Those that were asked for; if none, the default or what shows the bug switches.
    pub(crate) profiles: Vec<Named>,
    pub(crate) strategy: StrategyKind,
    pub(crate) deviations: Option<usize>,
    pub(crate) lives: Option<u8>,
    pub(crate) time: Option<Duration>,
    pub(crate) states_max: Option<StatesMax>,
    pub(crate) later_max: Option<StatesMax>,
    pub(crate) beyond_max: Option<StatesMax>,
    pub(crate) memory: Bytes,
    pub(crate) jobs: Option<u16>,
    pub(crate) seed: u64,
    pub(crate) fail_fast: bool,
    pub(crate) require_complete: bool,
}

/// A device profile, and the file that it comes from if it is not built in.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) profile: Profile,
    pub(crate) file: Option<String>,
}

/// Whether a device profile of this name is read from a file.
pub(crate) fn is_profile_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

/// A device profile by name, or from a file that ends in `.toml`.
///
/// # Errors
/// If there is none, or the file is not one.
pub(crate) fn profile(name: &str) -> Result<Named, Failure> {
    let path = Path::new(name);
    if is_profile_file(path) {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
        if let Err(error) = toml::from_str::<Profile>(&text) {
            return Err(unreadable::told(path, &text, &error, PROFILE));
        }
        let profile = Profile::from_toml(&text).map_err(|error| Failure::file(path, error))?;
        return Ok(Named { profile, file: Some(name.to_owned()) });
    }
    let all = Profile::built_in();
    let known = all.iter().map(|profile| profile.name.as_str());
    let profile = Profile::named(name).map_err(|_| suggest::unknown("device profile", name, known))?;
    Ok(Named { profile, file: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{EXAMPLE, Key};
    use std::collections::BTreeSet;

    const TEXT: &str =
        "[explore]\njobs = 2\nseed = 7\n[preset.nightly]\ntime = \"30m\"\nseed = 8\nmax-states = \"all\"";

    fn parse(text: &str, preset: Option<&str>) -> Result<Config, Failure> {
        Config::parse(Path::new(FILE), text, preset)
    }

    #[test]
    fn a_preset_beats_the_defaults_and_the_command_line_beats_both() {
        let search = |preset: Option<&str>, args: &SearchArgs| {
            parse(TEXT, preset).expect("a configuration").search(args).expect("a search")
        };
        let nothing = SearchArgs::default();
        assert_eq!((search(None, &nothing).seed, search(None, &nothing).time), (7, None));
        let nightly = search(Some("nightly"), &nothing);
        assert_eq!((nightly.seed, nightly.jobs), (8, Some(2)));
        assert_eq!(
            (nightly.time, nightly.states_max),
            (Some(Duration::from_secs(1800)), Some(StatesMax(None)))
        );
        assert_eq!(search(Some("nightly"), &SearchArgs { seed: Some(9), ..SearchArgs::default() }).seed, 9);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_key() {
        for (text, told) in [
            (
                "[explore]\njobs = 2\nsede = 7",
                ", line 3: there is no key 'sede'; did you mean 'seed'?\nthere are: profile, ",
            ),
            (
                "[explore]\njobs = \"two\"",
                ", line 2: 'jobs = \"two\"' cannot be used\njobs = 2: Worker threads",
            ),
            (
                "[explore]\nlives = 17",
                ", line 2: 'lives = 17' cannot be used: lives = 17: must be from 1 to 16\nlives = 3: ",
            ),
            ("[explor]\njobs = 2", ", line 1: there is no key 'explor'; did you mean 'explore'?"),
            ("jobs = 2", ", line 1: the key 'jobs' belongs under [explore]"),
            (
                "[explore]\nmax-states = [1]",
                ", line 2: 'max-states = [1]' cannot be used\nmax-states = 50000: ",
            ),
            ("[explore\njobs = 2", ", line 1: this is not TOML: "),
        ] {
            let message = parse(text, None).expect_err("no configuration").message;
            assert!(message.starts_with(&format!("{FILE}{told}")), "{text}: {message}");
        }
    }

    /// The keys that the reference names are those that are read, with values such as it shows.
    #[test]
    fn the_reference_names_every_key_that_is_read_and_no_other() {
        for Key { name, example, .. } in KEYS {
            let read = parse(&format!("[explore]\n{name} = {example}"), None);
            assert!(read.is_ok(), "{name} = {example}: {:?}", read.err());
        }
        let error = parse("[explore]\nno-such-key = 1", None).expect_err("no such key").message;
        let known = error.split_once("there are: ").expect("the keys that are known").1;
        let read: BTreeSet<&str> = known.split(", ").collect();
        assert_eq!(read, KEYS.iter().map(|key| key.name).collect(), "{error}");
        let example = parse(EXAMPLE, Some("nightly")).expect("the example").0;
        assert_eq!((example.lives, example.jobs.map(u16::from)), (Some(3), Some(2)));
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused() {
        for text in [
            "time = \"10 parsecs\"",
            "jobs = 0",
            "strategy = \"guess\"",
            "max-states = \"some\"",
            "lives = 0",
            "lives = 17",
        ] {
            assert!(parse(&format!("[explore]\n{text}"), None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_preset_that_is_not_there_is_named() {
        let error = parse(TEXT, Some("nigthly")).expect_err("no such preset").message;
        assert!(error.contains("did you mean 'nightly'"), "{error}");
    }

    #[test]
    fn times_have_units() {
        let cases = [("90", 90_000), ("1.5s", 1500), ("10m", 600_000), ("2h", 7_200_000), ("500ms", 500)];
        for (text, expected) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "m", "1d", "-1s", "1e400h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
