//! The files that a run leaves.

use crate::args::OutputArgs;
use crate::clash::STDOUT;
use crate::commands::{prepare_file, write_file};
use crate::config::Config;
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::outcome::Report;
use crashcheck_report::{html, json, junit, markdown};
use std::path::{Path, PathBuf};

/// The files that a run leaves.
pub(super) struct Outputs {
    directory: PathBuf,
    json: Option<PathBuf>,
    junit: Option<PathBuf>,
    html: Option<PathBuf>,
    markdown: Option<PathBuf>,
}

impl Outputs {
    pub(super) fn new(args: &OutputArgs, config: &Config) -> Outputs {
        let directory = args.out.clone().unwrap_or_else(|| config.out());
        let OutputArgs { json, junit, html, markdown, .. } = args;
        let (json, junit) = (json.clone(), junit.clone());
        Outputs { directory, json, junit, html: html.clone(), markdown: markdown.clone() }
    }

    /// Whether one of the reports goes to the standard output.
    pub(super) fn takes_stdout(&self) -> bool {
        let mut named = [&self.json, &self.junit, &self.html, &self.markdown].into_iter().flatten();
        named.any(|path| path == Path::new(STDOUT))
    }

    /// The directory of the run.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where everything about the run is, for a person.
    pub(super) fn report_path(&self) -> String {
        self.directory.join("report.html").to_string_lossy().into_owned()
    }

    /// Makes the directories, so that a run is not lost for want of one.
    ///
    /// # Errors
    /// If one cannot be made, or a file that is to be written is a directory.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.directory).map_err(|error| {
            Failure::file(
                &self.directory,
                format!("cannot be made: {error}; name another directory with --out"),
            )
        })?;
        for path in [&self.json, &self.junit, &self.html, &self.markdown].into_iter().flatten() {
            prepare_file(path)?;
        }
        Ok(())
    }

    /// Writes the files.
    ///
    /// # Errors
    /// If one cannot be written; the others are written all the same.
    pub(super) fn write(&self, report: &Report, screen: &Screen) -> Result<(), Failure> {
        let (text, page) = (json::write(report), html::write(report));
        let (json, html) = (self.directory.join("report.json"), self.directory.join("report.html"));
        let write = |path: &Path, text: &str| write_file(path, text, screen);
        let mut written = vec![write(&json, &text), write(&html, &page)];
        written.extend(self.json.iter().map(|path| write(path, &text)));
        written.extend(self.html.iter().map(|path| write(path, &page)));
        written.extend(self.junit.iter().map(|path| write(path, &junit::write(report))));
        written.extend(self.markdown.iter().map(|path| write(path, &markdown::write(report))));
        written.into_iter().collect()
    }
}
