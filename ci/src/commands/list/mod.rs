//! `crashcheck list`: what there is. As JSON it is an API.

mod checks;
mod sections;

use crate::args::{ListArgs, What};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::keys::{KEYS, Key};
use crate::screen::Screen;
use crate::select::{self, Name};
use crashcheck::trace::import::Format;
use crashcheck::{BugSwitch, Profile, StrategyKind, Subject};
use serde::Serialize;

/// Prints what there is.
///
/// # Errors
/// If only some of it is asked for, and there is none of that.
pub(crate) fn run(args: &ListArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let systems = select::systems();
    if args.markdown && args.what != Some(What::Checks) {
        return Err(Failure::usage("only checks are shown as Markdown: crashcheck list checks --markdown"));
    }
    let (mut of, mut of_checks) = (None, None);
    match (args.what, args.only.as_deref()) {
        (_, None) => {}
        (Some(What::Checks), only) => of_checks = only,
        (Some(What::Systems | What::Workloads | What::Bugs), only) => of = only,
        (_, Some(only)) => {
            let why =
                "names choose among systems, workloads, bugs and checks, as in crashcheck list bugs journal";
            return Err(Failure::usage(format!("{only}: {why}")));
        }
    }
    let checks = checks::chosen(of_checks, &systems)?;
    let mut everything = Everything::collect(&systems, &checks);
    if let Some(name) = of {
        everything.systems = vec![one_system(name)?];
    }
    match (args.markdown, args.json) {
        (true, _) => screen.print_as_it_is(&checks::markdown(&checks)),
        (_, true) => screen.print_as_it_is(&everything.json(args.what)),
        _ => screen.print(&sections::told(&everything, args.what, screen.paper())),
    }
    Ok(ExitCode::Clean)
}

/// A system with its workloads and bug switches, or with those that are named beside it.
fn one_system(name: &str) -> Result<SystemEntry, Failure> {
    let all = select::systems_and([name]);
    let name = Name::parse(name);
    let subject = select::subject(&all, name.system)?;
    name.check(subject)?;
    let mut entry = system(subject);
    entry.workloads.retain(|entry| name.workload.is_none_or(|workload| entry.name == workload));
    entry.bugs.retain(|bug| name.bugs.is_empty() || name.bugs.contains(&bug.name));
    Ok(entry)
}

/// Absent parts were not asked for.
#[derive(Serialize)]
struct Everything {
    version: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    systems: Vec<SystemEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strategies: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<ProfileEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    formats: Vec<FormatEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<CheckEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    config: Vec<KeyEntry>,
}

#[derive(Serialize)]
struct SystemEntry {
    name: String,
    about: String,
    medium: &'static str,
    /// The profiles it is explored under if none is asked for.
    profiles: Vec<&'static str>,
    workloads: Vec<Entry>,
    bugs: Vec<BugEntry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
struct BugEntry {
    name: &'static str,
    about: &'static str,
    /// The promises any of which a finding may name.
    breaks: &'static [&'static str],
    checks: &'static [&'static str],
    /// The workload that shows it.
    workload: &'static str,
}

#[derive(Serialize)]
struct ProfileEntry {
    default: bool,
    #[serde(flatten)]
    profile: Profile,
}

#[derive(Serialize)]
struct FormatEntry {
    name: &'static str,
    import: bool,
    export: bool,
}

#[derive(Serialize)]
struct CheckEntry {
    code: &'static str,
    #[serde(skip)]
    family: &'static str,
    /// The kind of system that it belongs to.
    system: &'static str,
    source: &'static str,
    says: &'static str,
}

/// A key of crashcheck.toml.
#[derive(Serialize)]
struct KeyEntry {
    name: &'static str,
    example: &'static str,
    default: &'static str,
    about: &'static str,
}

impl Everything {
    fn collect(systems: &[Box<dyn Subject>], checks: &[checks::Entry]) -> Everything {
        let profiles = Profile::built_in().into_iter().enumerate();
        let format = |format: Format| FormatEntry {
            name: format.name(),
            import: true,
            export: matches!(format, Format::Container | Format::DmLogWrites),
        };
        Everything {
            version: 1,
            systems: systems.iter().map(|subject| system(subject.as_ref())).collect(),
            strategies: StrategyKind::TABLE.map(|(_, name, about)| Entry { name, about }).into(),
            profiles: profiles
                .map(|(index, profile)| ProfileEntry { default: index == 0, profile })
                .collect(),
            formats: Format::ALL.map(format).into(),
            checks: checks.iter().map(CheckEntry::of).collect(),
            config: KEYS.iter().map(KeyEntry::of).collect(),
        }
    }

    fn json(mut self, what: Option<What>) -> String {
        if let Some(what) = what {
            let of_systems = matches!(what, What::Systems | What::Workloads | What::Bugs);
            if !of_systems {
                self.systems.clear();
            }
            if what != What::Strategies {
                self.strategies.clear();
            }
            if what != What::Profiles {
                self.profiles.clear();
            }
            if what != What::Formats {
                self.formats.clear();
            }
            if what != What::Checks {
                self.checks.clear();
            }
            if what != What::Config {
                self.config.clear();
            }
        }
        let mut text = serde_json::to_string_pretty(&self).expect("plain data with text for its keys");
        text.push('\n');
        text
    }
}

impl KeyEntry {
    fn of(key: &Key) -> KeyEntry {
        let Key { name, example, default, about, .. } = *key;
        KeyEntry { name, example, default, about }
    }
}

impl CheckEntry {
    fn of((checks, check): &checks::Entry) -> CheckEntry {
        CheckEntry {
            code: check.code,
            family: check.family(),
            system: checks.of,
            source: check.source,
            says: check.says,
        }
    }
}

fn system(subject: &dyn Subject) -> SystemEntry {
    let workloads = subject.workloads().into_iter();
    let bug = |bug: &BugSwitch| BugEntry {
        name: bug.name,
        about: bug.about,
        breaks: bug.breaks,
        checks: bug.checks,
        workload: bug.workload,
    };
    SystemEntry {
        name: subject.name().to_owned(),
        about: subject.about().to_owned(),
        medium: subject.medium(),
        profiles: subject.profiles().to_vec(),
        workloads: workloads.map(|(name, about)| Entry { name, about }).collect(),
        bugs: subject.bugs().iter().map(bug).collect(),
    }
}
