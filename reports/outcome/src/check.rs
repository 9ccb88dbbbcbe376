//! The checks that a finding violates.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a system must do according to a book or a paper, or a mistake that these warn of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Read")]
pub struct Check {
    /// Its code: `JN-24`.
    pub code: String,
    /// What it demands, in a sentence; absent if nobody says.
    pub says: Option<String>,
    /// Where that comes from: `OSTEP, chapter 42`.
    pub source: Option<String>,
}

/// A check as a report may hold it. Version 1 has nothing but the code.
#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Code(String),
    Told { code: String, says: Option<String>, source: Option<String> },
}

impl From<Read> for Check {
    fn from(read: Read) -> Self {
        match read {
            Read::Code(code) => Check { code, says: None, source: None },
            Read::Told { code, says, source } => Check { code, says, source },
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(says) = &self.says {
            write!(f, ": {says}")?;
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}
