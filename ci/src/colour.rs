//! Whether to write in colour: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.

use clap::ValueEnum;
use crashcheck_report::text::Colour;
use std::ffi::OsString;
use std::io::IsTerminal;

/// What the flag says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR or CLICOLOR_FORCE say otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The colour for this process.
pub(crate) fn choose(when: When) -> Colour {
    decide(when, |name| std::env::var_os(name), std::io::stdout().is_terminal())
}

fn decide(when: When, variable: impl Fn(&str) -> Option<OsString>, terminal: bool) -> Colour {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    // Any value but the empty one counts (no-color.org).
    let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let coloured = match when {
        When::Always => true,
        When::Never => false,
        When::Auto => !no_color && (set("CLICOLOR_FORCE") || terminal),
    };
    if coloured { Colour::Ansi } else { Colour::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(when: When, set: &[(&str, &str)], terminal: bool) -> Colour {
        let value = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        decide(when, value, terminal)
    }

    #[test]
    fn the_flag_beats_the_environment_and_that_the_terminal() {
        let both = [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
        assert_eq!(with(When::Always, &both, false), Colour::Ansi);
        assert_eq!(with(When::Never, &both[1..], true), Colour::Plain);
        assert_eq!(with(When::Auto, &both, true), Colour::Plain);
        assert_eq!(with(When::Auto, &both[1..], false), Colour::Ansi);
        assert_eq!(with(When::Auto, &[], true), Colour::Ansi);
        assert_eq!(with(When::Auto, &[], false), Colour::Plain);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(with(When::Auto, &[("NO_COLOR", "")], true), Colour::Ansi);
        assert_eq!(with(When::Auto, &[("CLICOLOR_FORCE", "0")], false), Colour::Plain);
    }
}
