//! The report as JSON: an API. `schema/report.schema.json` describes it.
//!
//! Fields are added without a new version, so a reader ignores those that it does not know; a field that is removed or
//! means something else is a new [`REPORT_VERSION`].

use crashcheck_outcome::{REPORT_VERSION, Report};
use serde::Deserialize;
use thiserror::Error;

/// The JSON schema of version [`REPORT_VERSION`].
pub const SCHEMA: &str = include_str!("../schema/report.schema.json");

/// The report, indented, with a newline at its end.
pub fn write(report: &Report) -> String {
    let mut text =
        serde_json::to_string_pretty(report).expect("a report is plain data with text for its keys");
    text.push('\n');
    text
}

/// Why a file is not a report that can be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is no JSON, or a field is missing or of the wrong type; says where.
    #[error("not a report of crashcheck: {0}")]
    Syntax(#[from] serde_json::Error),
    /// It is from another version of crashcheck.
    #[error("the report has version {found}; this crashcheck reads versions 1 to {REPORT_VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
}

/// Reads a report. In those of version 1 checks are nothing but their codes.
///
/// # Errors
/// If the text is no report, or one of a version that does not exist.
pub fn read(text: &str) -> Result<Report, JsonError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version: found } = serde_json::from_str(text)?;
    match found {
        1..=REPORT_VERSION => Ok(serde_json::from_str(text)?),
        _ => Err(JsonError::Version { found }),
    }
}
