//! `crashcheck list`: what there is. As JSON it is an API.

mod checks;

use crate::args::{ListArgs, What};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::select;
use crashcheck::trace::import::Format;
use crashcheck::{BugSwitch, Profile, StrategyKind, Subject};
use crashcheck_report::text::{Align, Colour, table};
use serde::Serialize;

/// Prints what there is.
///
/// # Errors
/// If only some of it is asked for, and there is none of that.
pub(crate) fn run(args: &ListArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    if args.what != Some(What::Checks) && (args.only.is_some() || args.markdown) {
        return Err(Failure::usage(
            "only checks are chosen by name or shown as Markdown: crashcheck list checks",
        ));
    }
    let systems = select::systems();
    let checks = checks::chosen(args.only.as_deref(), &systems)?;
    let text = match (args.markdown, args.json) {
        (true, _) => checks::markdown(&checks),
        (_, true) => Everything::collect(&systems, &checks).json(args.what),
        _ => Everything::collect(&systems, &checks).text(args.what, screen.colour),
    };
    screen.print(&text);
    Ok(ExitCode::Clean)
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
    /// The kind of system that it belongs to.
    system: &'static str,
    source: &'static str,
    says: &'static str,
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
        }
        let mut text = serde_json::to_string_pretty(&self).expect("plain data with text for its keys");
        text.push('\n');
        text
    }

    fn text(&self, what: Option<What>, colour: Colour) -> String {
        const ALL: [What; 7] = [
            What::Systems,
            What::Workloads,
            What::Bugs,
            What::Profiles,
            What::Strategies,
            What::Formats,
            What::Checks,
        ];
        let sections: Vec<What> = what.map_or(ALL.to_vec(), |what| vec![what]);
        let sections: Vec<String> = sections.iter().map(|what| self.section(*what, colour)).collect();
        sections.join("\n")
    }

    fn section(&self, what: What, colour: Colour) -> String {
        let (heading, rows): (&[&str], Vec<Vec<String>>) = match what {
            What::Systems => (&["system", "medium", "profiles", "about"], self.rows(SystemEntry::row)),
            What::Workloads => (&["system", "workload", "about"], self.rows(SystemEntry::workload_rows)),
            What::Bugs => {
                (&["system", "bug", "breaks", "shown by", "about"], self.rows(SystemEntry::bug_rows))
            }
            What::Profiles => {
                let profiles = self.profiles.iter().map(|entry| &entry.profile);
                let rows = profiles.map(|profile| row(&[&profile.name, &profile.about]));
                (&["profile", "about"], rows.collect())
            }
            What::Strategies => {
                let rows = self.strategies.iter().map(|entry| row(&[entry.name, entry.about]));
                (&["strategy", "about"], rows.collect())
            }
            What::Formats => {
                (&["format", "import", "export"], self.formats.iter().map(FormatEntry::row).collect())
            }
            What::Checks => {
                (&["code", "system", "source", "says"], self.checks.iter().map(CheckEntry::row).collect())
            }
        };
        let heading: Vec<(&str, Align)> = heading.iter().map(|name| (*name, Align::Left)).collect();
        table(&heading, &rows, colour)
    }

    fn rows(&self, of: fn(&SystemEntry) -> Vec<Vec<String>>) -> Vec<Vec<String>> {
        self.systems.iter().flat_map(of).collect()
    }
}

impl SystemEntry {
    fn row(&self) -> Vec<Vec<String>> {
        vec![row(&[&self.name, self.medium, &self.profiles.join(", "), &self.about])]
    }

    fn workload_rows(&self) -> Vec<Vec<String>> {
        self.workloads.iter().map(|entry| row(&[&self.name, entry.name, entry.about])).collect()
    }

    fn bug_rows(&self) -> Vec<Vec<String>> {
        let cells =
            |bug: &BugEntry| row(&[&self.name, bug.name, &bug.breaks.join(", "), bug.workload, bug.about]);
        self.bugs.iter().map(cells).collect()
    }
}

impl FormatEntry {
    fn row(&self) -> Vec<String> {
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        row(&[self.name, yes(self.import), yes(self.export)])
    }
}

impl CheckEntry {
    fn of((checks, check): &checks::Entry) -> CheckEntry {
        CheckEntry { code: check.code, system: checks.of, source: check.source, says: check.says }
    }

    fn row(&self) -> Vec<String> {
        row(&[self.code, self.system, self.source, self.says])
    }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(ToString::to_string).collect()
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
