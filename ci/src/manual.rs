//! The pages of the manual: one for each command, crashcheck.toml(5) and crashcheck-profile(5).

use crate::args::Args;
use crate::keys::{ABOUT, EXAMPLE, KEYS, Key, PROFILE, PROFILE_ABOUT, PROFILE_EXAMPLE};
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::io;

/// Who wrote the pages.
const SOURCE: &str = concat!("crashcheck ", env!("CARGO_PKG_VERSION"));

/// The page of the configuration.
const CONFIG: &str = "crashcheck.toml";

/// The page of device profiles.
const DEVICES: &str = "crashcheck-profile";

/// A page.
pub(crate) struct Page {
    /// As it is asked for: the words of a command without `crashcheck`, `config` or `profile`.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) roff: Vec<u8>,
}

/// All pages: `crashcheck.1`, `crashcheck-explore.1`, `crashcheck-trace-show.1` and so on, `crashcheck.toml.5` and
/// `crashcheck-profile.5`.
///
/// # Errors
/// If one cannot be rendered.
pub(crate) fn pages() -> io::Result<Vec<Page>> {
    // What the short help leaves out belongs into the manual.
    let mut command = told_in_full(Args::command().disable_help_subcommand(true));
    command.build();
    let mut pages = Vec::new();
    of_command(&command, &mut pages)?;
    let config = of_keys(CONFIG, "defaults of crashcheck", ABOUT, KEYS, EXAMPLE)?;
    pages.push(Page { name: "config".to_owned(), file: format!("{CONFIG}.5"), roff: config });
    let profile = of_keys(DEVICES, "what a device may do", PROFILE_ABOUT, PROFILE, PROFILE_EXAMPLE)?;
    pages.push(Page { name: "profile".to_owned(), file: format!("{DEVICES}.5"), roff: profile });
    Ok(pages)
}

fn told_in_full(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    command.mut_subcommands(told_in_full)
}

/// The page that is asked for by these words.
pub(crate) fn named<'a>(pages: &'a [Page], words: &[String]) -> Option<&'a Page> {
    let name = match words {
        [only] if only == CONFIG => "config".to_owned(),
        words => words.join(" "),
    };
    pages.iter().find(|page| page.name == name)
}

fn of_command(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    if command.is_hide_set() {
        return Ok(());
    }
    let page = Man::new(command.clone()).source(SOURCE).manual("Manual of crashcheck");
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    synopsis(command).to_writer(&mut roff)?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut roff)?;
    }
    after_help(command).to_writer(&mut roff)?;
    // What is a line of a list in the help is one here.
    let roff = String::from_utf8_lossy(&roff).replace("\n\\- ", "\n.br\n\\- ").into_bytes();
    let called = command.get_bin_name().unwrap_or_default();
    let name = called.split_once(' ').map(|(_, words)| words.to_owned()).unwrap_or_default();
    pages.push(Page { name, file: page.get_filename(), roff });
    command.get_subcommands().try_for_each(|command| of_command(command, pages))
}

/// The line of the help that says how a command is used.
fn synopsis(command: &clap::Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage: ").split_whitespace().collect();
    let mut page = Roff::new();
    section(&mut page, "SYNOPSIS", &usage.join(" "));
    page
}

/// The examples and the exit codes, each as a section, in lines as they are.
fn after_help(command: &clap::Command) -> Roff {
    let text = command.get_after_long_help().or_else(|| command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut page = Roff::new();
    for part in text.split("\n\n") {
        let Some((heading, lines)) = part.split_once(":\n") else { continue };
        page.control("SH", [heading.to_uppercase().as_str()]);
        as_it_is(&mut page, lines);
    }
    page
}

/// A page about the keys of a file.
fn of_keys(name: &str, what: &str, about: &str, keys: &[Key], example: &str) -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    page.control("TH", [name, "5", "", SOURCE, "Manual of crashcheck"]);
    section(&mut page, "NAME", &format!("{name} - {what}"));
    section(&mut page, "DESCRIPTION", about);
    for of_table in keys.chunk_by(|one, other| one.table == other.table) {
        let table = of_table[0].table;
        let heading = if table.is_empty() { "KEYS".to_owned() } else { format!("KEYS UNDER [{table}]") };
        page.control("SH", [heading.as_str()]);
        for key in of_table {
            let without =
                if key.default.is_empty() { String::new() } else { format!(" Without it: {}.", key.default) };
            page.control("TP", []);
            page.text([bold(key.name), roman(" = "), italic(key.example)]);
            page.text([roman(format!("{}.{without}", key.about.trim_end_matches('.')))]);
        }
    }
    page.control("SH", ["EXAMPLE"]);
    as_it_is(&mut page, example);
    section(&mut page, "SEE ALSO", "crashcheck(1), crashcheck-explore(1)");
    let mut text = Vec::new();
    page.to_writer(&mut text)?;
    Ok(text)
}

fn as_it_is(page: &mut Roff, text: &str) {
    page.control("nf", []);
    page.text(text.lines().flat_map(|line| [roman(line), Inline::LineBreak]).collect::<Vec<_>>());
    page.control("fi", []);
}

fn section(page: &mut Roff, name: &str, text: &str) {
    page.control("SH", [name]);
    page.text([roman(text)]);
}
