//! Which systems and workloads the command line names.

use crate::failure::Failure;
use crate::suggest;
use crashcheck::{Case, Recipe, Subject};

/// The reference systems.
pub(crate) type Subjects = [Box<dyn Subject>];

/// Every system that this command was built with.
pub(crate) fn systems() -> Vec<Box<dyn Subject>> {
    #[cfg_attr(
        not(any(feature = "redb", feature = "sqlite")),
        expect(unused_mut, reason = "features add systems")
    )]
    let mut systems = crashcheck_models::all();
    #[cfg(feature = "redb")]
    systems.push(crashcheck::subject::<crashcheck_adapters::redb::Redb>());
    #[cfg(feature = "sqlite")]
    systems.extend(crashcheck_adapters::sqlite::all());
    systems
}

/// Those systems, and the stacks that are named beside them.
pub(crate) fn systems_and<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Box<dyn Subject>> {
    let mut all = systems();
    for name in names {
        let system = Name::parse(name).system;
        if all.iter().all(|subject| subject.name() != system) {
            all.extend(crashcheck_models::stack(system));
        }
    }
    all
}

/// `SYSTEM[+BUG][:WORKLOAD]`, as tables and findings name what was explored.
pub(crate) struct Name<'a> {
    pub(crate) system: &'a str,
    pub(crate) bugs: Vec<&'a str>,
    pub(crate) workload: Option<&'a str>,
}

impl Name<'_> {
    pub(crate) fn parse(text: &str) -> Name<'_> {
        let (system, workload) = match text.split_once(':') {
            Some((system, workload)) => (system, Some(workload)),
            None => (text, None),
        };
        let mut parts = system.split('+');
        Name { system: parts.next().unwrap_or_default(), bugs: parts.collect(), workload }
    }

    /// Whether the system has that workload and those bug switches.
    ///
    /// # Errors
    /// If it does not; says what it has.
    pub(crate) fn check(&self, subject: &dyn Subject) -> Result<(), Failure> {
        let of = subject.name();
        let known: Vec<&str> = subject.bugs().iter().map(|bug| bug.name).collect();
        if let Some(bug) = self.bugs.iter().find(|bug| !known.contains(bug)) {
            return Err(suggest::unknown(&format!("bug switch of {of}"), bug, known));
        }
        let known: Vec<&str> = subject.workloads().iter().map(|(name, _)| *name).collect();
        match self.workload {
            Some(name) if !known.contains(&name) && Recipe::named(name).is_none() => {
                let known = known.into_iter().chain(["generated-SEED"]);
                Err(suggest::unknown(&format!("workload of {of}"), name, known))
            }
            _ => Ok(()),
        }
    }
}

/// A workload of a reference system.
#[derive(Clone)]
pub(crate) struct Selected<'a> {
    pub(crate) subject: &'a dyn Subject,
    pub(crate) case: Case,
}

/// The system of this name.
///
/// # Errors
/// If there is none.
pub(crate) fn subject<'a>(all: &'a Subjects, name: &str) -> Result<&'a dyn Subject, Failure> {
    let found = all.iter().find(|subject| subject.name() == name);
    found.map(AsRef::as_ref).ok_or_else(|| match name.split_once('@') {
        None => no_system(all, name),
        Some((upper, _)) if !crashcheck_models::uppers().contains(&upper) => {
            suggest::unknown("system that runs on a block device", upper, crashcheck_models::uppers())
        }
        Some((_, lower)) => {
            let bases = crashcheck_models::bases();
            suggest::unknown("block device", lower, bases.iter().map(|base| base.name()))
        }
    })
}

/// There is no system of this name; if it is that of a workload or of a bug switch, says how those are named.
fn no_system(all: &Subjects, name: &str) -> Failure {
    let of = |has: fn(&dyn Subject, &str) -> bool| all.iter().find(|subject| has(subject.as_ref(), name));
    let workload = of(|subject, name| subject.workloads().iter().any(|(known, _)| *known == name));
    let bug = of(|subject, name| subject.bugs().iter().any(|known| known.name == name));
    let (what, how) = match (workload, bug) {
        (Some(subject), _) => ("workload", format!("{}:{name}", subject.name())),
        (None, Some(subject)) => ("bug switch", format!("{}+{name}", subject.name())),
        (None, None) => return suggest::unknown("system", name, all.iter().map(|subject| subject.name())),
    };
    Failure::usage(format!("'{name}' is a {what}, not a system: name it with its system, as {how}"))
}

/// What `SYSTEM[+BUG][:WORKLOAD]` names; all workloads of the system if it names none.
///
/// # Errors
/// If there is no such system, bug switch or workload.
fn target<'a>(all: &'a Subjects, text: &str) -> Result<Vec<Selected<'a>>, Failure> {
    let name = Name::parse(text);
    let subject = subject(all, name.system)?;
    name.check(subject)?;
    let mut bugs: Vec<String> = Vec::new();
    for bug in &name.bugs {
        if !bugs.iter().any(|known| known == bug) {
            bugs.push((*bug).to_owned());
        }
    }
    let select = |workload: &str| Selected {
        subject,
        case: Case { workload: workload.to_owned(), bugs: bugs.clone(), stored: None },
    };
    Ok(match name.workload {
        None => subject.workloads().iter().map(|(workload, _)| select(workload)).collect(),
        Some(workload) => vec![select(workload)],
    })
}

/// The systems among what was selected with their bug switches, each once, for workloads that are made when their turn
/// comes: until then they have no name.
pub(crate) fn systems_of<'a>(selected: &[Selected<'a>]) -> Vec<Selected<'a>> {
    let mut systems = selected.to_vec();
    systems.dedup_by(|one, other| {
        (one.subject.name(), &one.case.bugs) == (other.subject.name(), &other.case.bugs)
    });
    systems.iter_mut().for_each(|selected| selected.case.workload.clear());
    systems
}

/// What the targets name, with the bug switches on that they name, and those beside them where the system has them. Without targets it is everything; with bug
/// switches every system that has one of them.
///
/// # Errors
/// If a name is unknown, or a bug switch belongs to none of the systems.
pub(crate) fn cases<'a>(
    all: &'a Subjects,
    targets: &[String],
    bugs: &[String],
) -> Result<Vec<Selected<'a>>, Failure> {
    let has = |subject: &dyn Subject, bug: &str| subject.bugs().iter().any(|known| known.name == bug);
    let everything = || {
        let subjects = all.iter().map(AsRef::as_ref);
        let wanted = subjects.filter(|subject| bugs.is_empty() || bugs.iter().any(|bug| has(*subject, bug)));
        wanted.map(|subject| subject.name().to_owned()).collect()
    };
    let mut names: Vec<String> = if targets.is_empty() { everything() } else { targets.to_vec() };
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let mut selected = Vec::new();
    for name in &names {
        selected.extend(target(all, name)?);
    }
    for bug in bugs {
        if !selected.iter().any(|selected| has(selected.subject, bug)) {
            return Err(unknown_bug(all, &selected, bug));
        }
    }
    for Selected { subject, case } in &mut selected {
        let more = bugs.iter().filter(|bug| has(*subject, bug) && !case.bugs.contains(bug));
        let more: Vec<String> = more.cloned().collect();
        case.bugs.extend(more);
    }
    Ok(selected)
}

/// Names the switches of what was selected; of everything, if nothing was.
fn unknown_bug(all: &Subjects, selected: &[Selected<'_>], bug: &str) -> Failure {
    let chosen = |subject: &dyn Subject| {
        selected.is_empty() || selected.iter().any(|selected| selected.subject.name() == subject.name())
    };
    let switches = all.iter().filter(|subject| chosen(subject.as_ref())).flat_map(|subject| subject.bugs());
    let mut known: Vec<&str> = switches.map(|bug| bug.name).collect();
    known.sort_unstable();
    known.dedup();
    suggest::unknown("bug switch", bug, known)
}

/// The one workload that `SYSTEM[+BUG]:WORKLOAD` names.
///
/// # Errors
/// If a name is unknown, or the workload is missing.
pub(crate) fn one<'a>(all: &'a Subjects, text: &str, bugs: &[String]) -> Result<Selected<'a>, Failure> {
    if !text.contains(':') {
        let subject = subject(all, Name::parse(text).system)?;
        let workloads: Vec<&str> = subject.workloads().iter().map(|(name, _)| *name).collect();
        let known = workloads.join(", ");
        return Err(Failure::usage(format!("name a workload, as {text}:WORKLOAD\nthere are: {known}")));
    }
    let mut selected = cases(all, &[text.to_owned()], bugs)?;
    Ok(selected.remove(0))
}
