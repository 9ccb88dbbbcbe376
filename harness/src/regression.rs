//! Shrunk failures as small readable files, which are explored first on every run.
//!
//! ```toml
//! # journal+no-revoke under reorder: no-foreign-data: block 9 of /b is one of /a
//! # It is explored first on every run. Delete this file to forget it.
//! version = 2
//! system = "journal"
//! bugs = ["no-revoke"]
//! workload = "block-reuse"
//! profile = "reorder"
//! lives = 2
//! fingerprint = "0123456789abcdef"
//! promise = "no-foreign-data"
//! detail = "block 9 of /b is one of /a"
//! setup = []
//! operations = [
//!     '{"mkdir":"/a"}',
//!     '"sync"',
//! ]
//! ```
//!
//! What is stored is the value itself, not the seed that made it: the operations, one text each, as JSON. So it outlives
//! every change of the program that leaves the operations as they are.

use crate::erased::{AnySystem, Op};
use crate::profile::Profile;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The version of the files.
const VERSION: u32 = 2;

/// So many digits of a fingerprint tell the faults of one system apart.
const SHORT: usize = 8;

/// The end of the name of a trace.
const TRACE: &str = ".crash";

/// A name of a workload that begins so is one of a stored failure.
const PREFIX: &str = "shrunk-";

/// A shrunk failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    version: u32,
    /// The system.
    pub system: String,
    /// Its bug switches that were on.
    pub bugs: Vec<String>,
    /// The workload in which it was found.
    pub workload: String,
    /// The device profile.
    pub profile: String,
    /// What tells a profile of the user's own from another one of that name ([`Profile::hash`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile_hash: Option<String>,
    /// How many lives may end in a crash.
    #[serde(alias = "nested")]
    pub lives: u8,
    /// The fingerprint of the finding.
    pub fingerprint: String,
    /// The promise that was broken.
    pub promise: String,
    /// What was seen, in a sentence.
    pub detail: String,
    /// The operations that are run first, and whose crashes are not explored, as JSON.
    pub setup: Vec<String>,
    /// The operations, as JSON.
    pub operations: Vec<String>,
}

/// Why a stored failure cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegressionError {
    /// The file or the folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold a stored failure.
    #[error("{}: {why}\nmend it, or delete it to forget this failure", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An operation is none of this system's.
    #[error("operation `{text}` is none that this system has: {why}")]
    Operation {
        /// The stored text.
        text: String,
        /// What is wrong with it.
        why: serde_json::Error,
    },
}

impl Regression {
    /// A failure with these operations.
    ///
    /// # Errors
    /// If an operation cannot be written as JSON.
    pub(crate) fn new(
        found: Found<'_>,
        setup: &[Op],
        operations: &[Op],
    ) -> Result<Regression, serde_json::Error> {
        let texts = |ops: &[Op]| ops.iter().map(|op| op.json()).collect::<Result<Vec<_>, _>>();
        let Found { system, bugs, workload, profile, lives, finding } = found;
        Ok(Regression {
            version: VERSION,
            system: system.to_owned(),
            bugs: bugs.to_vec(),
            workload: workload.to_owned(),
            profile: profile.name.clone(),
            profile_hash: profile.hash(),
            lives,
            fingerprint: finding.fingerprint.clone(),
            promise: finding.promise.clone(),
            detail: finding.detail.clone(),
            setup: texts(setup)?,
            operations: texts(operations)?,
        })
    }

    /// What the workload of this failure is called: in ids, and on the command line.
    pub fn name(&self) -> String {
        name_of(&self.fingerprint)
    }

    /// Whether a workload of this name is that of a stored failure.
    pub fn is_name(workload: &str) -> bool {
        workload.starts_with(PREFIX)
    }

    /// Whether this is a failure of the system with just these bug switches on.
    pub fn is_of(&self, system: &str, bugs: &[String]) -> bool {
        self.system == system && self.bugs == bugs
    }

    /// Of several failures that of this name; where two profiles of the user's own have one name, that of this profile.
    pub fn named<'a>(all: &'a [Regression], name: &str, profile: &Profile) -> Option<&'a Regression> {
        let named = || all.iter().filter(|regression| regression.name() == name);
        named().find(|regression| regression.is_foreign_to(profile).is_none()).or_else(|| named().next())
    }

    /// Why it says nothing under a profile of the same name, if that is another one than it was found under.
    pub fn is_foreign_to(&self, profile: &Profile) -> Option<String> {
        let Regression { profile: name, profile_hash, .. } = self;
        let text = format!(
            "it was found under another device profile '{name}' than this one; \
             give that one, or delete the stored failure to forget it"
        );
        (*name == profile.name && *profile_hash != profile.hash()).then_some(text)
    }

    /// The operations that are run first, and those that are explored.
    ///
    /// # Errors
    /// If one is none of the system's.
    pub(crate) fn workload(&self, system: &dyn AnySystem) -> Result<(Vec<Op>, Vec<Op>), RegressionError> {
        let parse = |text: &String| {
            let failed = |why| RegressionError::Operation { text: text.clone(), why };
            system.parse(text).map_err(failed)
        };
        let parsed = |texts: &[String]| texts.iter().map(parse).collect::<Result<Vec<Op>, _>>();
        Ok((parsed(&self.setup)?, parsed(&self.operations)?))
    }

    /// All that are stored in a folder, by the names of their files. No folder is none.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn load_all(folder: &Path) -> Result<Vec<Regression>, RegressionError> {
        let is_one = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        files(folder)?.iter().filter(|path| is_one(path)).map(|file| Regression::load(file)).collect()
    }

    /// The one in a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(path: &Path) -> Result<Regression, RegressionError> {
        let content = |why: String| RegressionError::Content { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path)
            .map_err(|source| RegressionError::File { path: path.to_owned(), source })?;
        let regression: Regression = toml::from_str(&text).map_err(|error| content(error.to_string()))?;
        match regression.version {
            VERSION => Ok(regression),
            other => Err(content(format!("it has version {other}, but this crashcheck knows {VERSION}"))),
        }
    }

    /// Writes it into a folder, over an older one of the same fault, and returns the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn store(&self, folder: &Path) -> Result<PathBuf, RegressionError> {
        let path = folder.join(self.file_name());
        let failed = |source| RegressionError::File { path: path.clone(), source };
        let text = self.text().map_err(|error| failed(std::io::Error::other(error)))?;
        std::fs::create_dir_all(folder).map_err(failed)?;
        // A file is whole or not there.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }

    /// The name of its file. Under another profile of the user's own that has the same name it is another one.
    pub(crate) fn file_name(&self) -> String {
        let bugs: String = self.bugs.iter().map(|bug| format!("+{bug}")).collect();
        let profile = self.profile_hash.iter().map(|hash| format!("-{hash}")).collect::<String>();
        format!("{}{bugs}-{}{profile}.toml", self.system, short(&self.fingerprint))
    }

    fn text(&self) -> Result<String, toml::ser::Error> {
        let Regression { system, bugs, profile, promise, detail, .. } = self;
        let bugs: String = bugs.iter().map(|bug| format!("+{bug}")).collect();
        let detail = detail.lines().next().unwrap_or_default().escape_debug();
        Ok(format!(
            "# {system}{bugs} under {profile}: {promise}: {detail}\n\
             # It is explored first on every run. Delete this file to forget it.\n{}",
            toml::to_string_pretty(self)?
        ))
    }
}

/// What a stored failure is made from, beside its operations.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) system: &'a str,
    pub(crate) bugs: &'a [String],
    pub(crate) workload: &'a str,
    pub(crate) profile: &'a Profile,
    pub(crate) lives: u8,
    pub(crate) finding: &'a crashcheck_outcome::Finding,
}

/// What the workload of a finding with this fingerprint is called once it is stored.
pub(crate) fn name_of(fingerprint: &str) -> String {
    format!("{PREFIX}{}", short(fingerprint))
}

/// What the file of a small trace is called, by the name of the trace in which the finding was.
pub(crate) fn trace_name(trace: &str, fingerprint: &str) -> String {
    let stem = trace.strip_suffix(TRACE).unwrap_or(trace);
    format!("{stem}-{}{TRACE}", short(fingerprint))
}

/// The small traces that are stored for findings of the trace of this name, by the names of their files. No folder is none.
///
/// # Errors
/// If the folder cannot be read.
pub fn stored_traces(folder: &Path, trace: &str) -> Result<Vec<PathBuf>, RegressionError> {
    let stem = format!("{}-", trace.strip_suffix(TRACE).unwrap_or(trace));
    let is_of = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fingerprint = name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(TRACE));
        fingerprint
            .is_some_and(|text| text.len() == SHORT && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    Ok(files(folder)?.into_iter().filter(is_of).collect())
}

/// All files in a folder, by name. No folder is none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, RegressionError> {
    let failed = |source| RegressionError::File { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// As much of a fingerprint as tells the faults of one system apart.
fn short(fingerprint: &str) -> &str {
    fingerprint.get(..SHORT).unwrap_or(fingerprint)
}
