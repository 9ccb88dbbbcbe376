//! The faults, as the files in `faults/` describe them.
//!
//! A file is named for what its faults are in. It names the systems that are explored for them, and has a table for each:
//!
//! | key | is |
//! |---|---|
//! | `name` | what it is called |
//! | `file` | the source file, from `models/src` on |
//! | `find` | the text that is replaced; it must be there exactly once |
//! | `after` | a text that is there exactly once; then the first `find` behind it is meant |
//! | `replace` | what stands there instead |
//! | `form` | `expression`, if left out, or `statement`: what the text is |
//! | `why` | the mistake, in one sentence |
//! | `systems` | the systems that are explored, if not those of the file |
//! | `generate` | so many generated workloads are explored as well, because those with a name do not find it |
//! | `harmless` | why no promise can be broken by it |
//! | `survives` | what would be needed to find it, where it is known that it is not found |

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What a text is in the grammar of Rust.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    #[default]
    Expression,
    /// Any number of statements, none of which declares what is used behind them.
    Statement,
}

/// One fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// With the name of its file before it, as in `vsfs/no-flush`.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) find: String,
    pub(crate) after: Option<String>,
    pub(crate) replace: String,
    #[serde(default)]
    pub(crate) form: Form,
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) systems: Vec<String>,
    #[serde(default)]
    pub(crate) generate: usize,
    pub(crate) harmless: Option<String>,
    pub(crate) survives: Option<String>,
}

impl Fault {
    /// What it is in: the name of its file.
    pub(crate) fn group(&self) -> &str {
        self.name.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it has to be found.
    pub(crate) fn is_expected(&self) -> bool {
        self.harmless.is_none() && self.survives.is_none()
    }
}

/// A file of faults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    systems: Vec<String>,
    fault: Vec<Fault>,
}

/// All faults of a folder. The number of one is its place, counted from 1.
///
/// # Errors
/// If a file cannot be read, is not what it should be, or two faults have one name.
pub(crate) fn read(folder: &Path) -> Result<Vec<Fault>, String> {
    let trouble = |error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(trouble)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(trouble)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let trouble = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| trouble(error.to_string()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        all.extend(parse(&name, &text).map_err(trouble)?);
    }
    Ok(all)
}

/// The faults of one file.
fn parse(name: &str, text: &str) -> Result<Vec<Fault>, String> {
    let group: Group = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut names = BTreeSet::new();
    let mut faults = group.fault;
    for fault in &mut faults {
        if !names.insert(fault.name.clone()) {
            return Err(format!("two faults are called {}", fault.name));
        }
        fault.name = format!("{name}/{}", fault.name);
        if fault.systems.is_empty() {
            fault.systems.clone_from(&group.systems);
        }
    }
    Ok(faults)
}

/// The numbers of those that are wanted: of these names or files, all without any; of them so many, drawn with this seed.
///
/// # Errors
/// If nothing has one of the names.
pub(crate) fn select(
    faults: &[Fault],
    only: &[String],
    sample: Option<usize>,
    seed: u64,
) -> Result<Vec<usize>, String> {
    let is = |fault: &Fault, name: &str| {
        fault.name == name
            || fault.name.split_once('/').is_some_and(|(group, short)| group == name || short == name)
    };
    if let Some(unknown) = only.iter().find(|name| !faults.iter().any(|fault| is(fault, name))) {
        return Err(format!("no fault and no file of faults is called {unknown}"));
    }
    let wanted = |fault: &Fault| only.is_empty() || only.iter().any(|name| is(fault, name));
    let mut numbers: Vec<usize> = (1..=faults.len()).filter(|number| wanted(&faults[number - 1])).collect();
    if let Some(sample) = sample {
        numbers.sort_by_key(|number| drawn(seed, &faults[number - 1].name));
        numbers.truncate(sample);
        numbers.sort_unstable();
    }
    Ok(numbers)
}

/// A number that looks random, from a seed and a name (FNV-1a).
fn drawn(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The last bytes of a name would decide little else.
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        systems = ["vsfs"]
        [[fault]]
        name = "one"
        file = "vsfs/mod.rs"
        find = "a"
        replace = "b"
        why = "it was mistaken"
        [[fault]]
        name = "two"
        file = "vsfs/mod.rs"
        find = "c;"
        replace = ""
        form = "statement"
        why = "it was forgotten"
        systems = ["journal"]
        harmless = "nobody reads it"
    "#;

    fn all() -> Vec<Fault> {
        let mut all = parse("left", TWO).expect("a good file");
        all.extend(parse("right", TWO).expect("a good file"));
        all
    }

    #[test]
    fn a_fault_has_the_systems_of_its_file_unless_it_names_others() {
        let two = parse("vsfs", TWO).expect("a good file");
        assert_eq!(
            (&*two[0].name, two[0].group(), &*two[0].systems),
            ("vsfs/one", "vsfs", &["vsfs".to_owned()][..])
        );
        assert_eq!((two[1].form, &*two[1].systems), (Form::Statement, &["journal".to_owned()][..]));
        assert!(two[0].is_expected() && !two[1].is_expected());
    }

    #[test]
    fn a_name_is_given_once_and_a_key_is_spelt_right() {
        let twice = parse("vsfs", &TWO.replace("\"two\"", "\"one\"")).expect_err("one name for two");
        assert_eq!(twice, "two faults are called one");
        assert!(parse("vsfs", &TWO.replace("harmless", "harmles")).is_err());
    }

    #[test]
    fn faults_are_selected_by_their_file_or_by_their_name() {
        let select = |only: &[&str]| {
            select(&all(), &only.iter().map(ToString::to_string).collect::<Vec<_>>(), None, 0)
        };
        assert_eq!(select(&[]), Ok(vec![1, 2, 3, 4]));
        assert_eq!(select(&["right"]), Ok(vec![3, 4]));
        assert_eq!(select(&["one"]), Ok(vec![1, 3]));
        assert_eq!(select(&["left/two", "right/one"]), Ok(vec![2, 3]));
        assert_eq!(select(&["three"]), Err("no fault and no file of faults is called three".to_owned()));
    }

    #[test]
    fn a_sample_depends_on_its_seed_and_on_nothing_else() {
        let sample = |seed| select(&all(), &[], Some(2), seed).expect("a sample");
        assert_eq!(sample(7), sample(7));
        assert!((0..20).any(|seed| sample(seed) != sample(7)));
        assert!((0..20).all(|seed| sample(seed).len() == 2));
    }
}
