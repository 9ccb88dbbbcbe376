//! The pages of the manual: one for each command, and crashcheck.toml(5).

use crate::args::Args;
use crate::keys::{ABOUT, EXAMPLE, KEYS};
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::io;

/// The page of the configuration.
pub(crate) const CONFIG: &str = "crashcheck.toml";

/// A page, and its name as that of a file.
pub(crate) struct Page {
    pub(crate) file: String,
    pub(crate) roff: Vec<u8>,
}

/// All pages: `crashcheck.1`, `crashcheck-explore.1`, `crashcheck-trace-show.1` and so on, and `crashcheck.toml.5`.
///
/// # Errors
/// If one cannot be rendered.
pub(crate) fn pages() -> io::Result<Vec<Page>> {
    let mut command = Args::command();
    command.build();
    let mut pages = Vec::new();
    of_command(&command, &mut pages)?;
    pages.push(Page { file: format!("{CONFIG}.5"), roff: config()? });
    Ok(pages)
}

/// The name of the page of a command, whose words are given without `crashcheck`.
pub(crate) fn file_of(words: &[String]) -> String {
    match words {
        [only] if only == CONFIG || only == "config" => format!("{CONFIG}.5"),
        words => {
            let parts = std::iter::once("crashcheck").chain(words.iter().map(String::as_str));
            format!("{}.1", parts.collect::<Vec<_>>().join("-"))
        }
    }
}

fn of_command(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let page = Man::new(command.clone());
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    pages.push(Page { file: page.get_filename(), roff });
    command.get_subcommands().try_for_each(|command| of_command(command, pages))
}

fn config() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    page.control("TH", [CONFIG, "5", "", concat!("crashcheck ", env!("CARGO_PKG_VERSION"))]);
    section(&mut page, "NAME", &format!("{CONFIG} - defaults of crashcheck"));
    section(&mut page, "DESCRIPTION", ABOUT);
    page.control("SH", ["KEYS"]);
    for key in KEYS {
        page.control("TP", []);
        page.text([bold(key.name), roman(" = "), italic(key.example)]);
        page.text([roman(format!("{}. Without it: {}.", key.about, key.default))]);
    }
    page.control("SH", ["EXAMPLE"]);
    page.control("nf", []);
    page.text(EXAMPLE.lines().flat_map(|line| [roman(line), Inline::LineBreak]).collect::<Vec<_>>());
    page.control("fi", []);
    section(&mut page, "SEE ALSO", "crashcheck(1), crashcheck-explore(1)");
    let mut text = Vec::new();
    page.to_writer(&mut text)?;
    Ok(text)
}

fn section(page: &mut Roff, name: &str, text: &str) {
    page.control("SH", [name]);
    page.text([roman(text)]);
}
