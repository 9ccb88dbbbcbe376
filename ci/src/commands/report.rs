//! `crashcheck report`: the data of a report as pages for people and for other programs.

use super::{prepare_file, write_file};
use crate::args::ReportArgs;
use crate::clash::STDOUT;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::outcome::Report;
use crashcheck_report::{html, json, junit, markdown};
use std::path::Path;

/// Writes the pages that were asked for; a page beside the data if none was.
///
/// # Errors
/// If the data is none, or a page cannot be written.
pub(crate) fn run(args: &ReportArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let report = load(args)?;
    let beside = args.file.with_extension("html");
    let ReportArgs { html, markdown, junit, .. } = args;
    let taken = [html, markdown, junit].into_iter().flatten().any(|path| path == Path::new(STDOUT));
    let screen = &screen.beside_report(taken);
    let none = html.is_none() && markdown.is_none() && junit.is_none();
    let html = html.as_ref().or(none.then_some(&beside));
    type Write = fn(&Report) -> String;
    let pages: [(_, Write); 3] =
        [(html, html::write), (markdown.as_ref(), markdown::write), (junit.as_ref(), junit::write)];
    for (path, write) in pages {
        let Some(path) = path else { continue };
        prepare_file(path)?;
        write_file(path, &write(&report), screen)?;
        if path == Path::new(STDOUT) {
            continue;
        }
        screen.print(&format!("report: {}\n", crashcheck_report::text::escape(&path.to_string_lossy())));
    }
    Ok(ExitCode::Clean)
}

fn load(args: &ReportArgs) -> Result<Report, Failure> {
    let file = &args.file;
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, error))?;
    json::read(&text).map_err(|error| {
        Failure::file(file, format!("{error}\n`crashcheck explore` of this version writes report.json"))
    })
}
