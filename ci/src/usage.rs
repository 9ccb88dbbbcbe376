//! The line of the help that says how a command is used, broken where the terminal ends: clap leaves it as long as it is.

use clap::Command;

/// What stands before it, and below that where it goes on.
const BEFORE: &str = "Usage: ";

/// The command with usages, its own and those of its subcommands, that fit so many columns.
pub(crate) fn fitted(command: Command, columns: Option<usize>) -> Command {
    let Some(columns) = columns else { return command };
    let mut built = command.clone();
    built.build();
    fit(command, &built, columns)
}

fn fit(command: Command, built: &Command, columns: usize) -> Command {
    let usage = built.clone().render_usage().to_string();
    let command = match usage.lines().any(|line| line.len() > columns) {
        true => command.override_usage(broken(&usage, columns)),
        false => command,
    };
    // What clap adds when it builds a command is not there yet.
    let known = built.get_subcommands().filter(|known| command.find_subcommand(known.get_name()).is_some());
    let known: Vec<&Command> = known.collect();
    known.into_iter().fold(command, |command, known| {
        command.mut_subcommand(known.get_name(), |inner| fit(inner, known, columns))
    })
}

fn broken(usage: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in usage.trim_start_matches(BEFORE).split_whitespace() {
        let line = lines.last_mut().expect("one at least");
        match line.is_empty() {
            true => line.push_str(word),
            false if BEFORE.len() + line.len() + 1 + word.len() <= columns => {
                line.push_str(&format!(" {word}"));
            }
            false => lines.push(word.to_owned()),
        }
    }
    lines.join(&format!("\n{}", " ".repeat(BEFORE.len())))
}
