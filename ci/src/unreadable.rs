//! What is wrong with a file in TOML, in the words of whoever wrote it: where, which key, and what it takes.

use crate::failure::Failure;
use crate::keys::Key;
use crate::suggest;
use std::path::Path;

/// Why a file cannot be used that has these keys.
pub(crate) fn told(file: &Path, text: &str, error: &toml::de::Error, keys: &[Key]) -> Failure {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
    let source = text.lines().nth(line).unwrap_or_default();
    let why = why(source, text, error, keys);
    match error.span() {
        Some(_) => Failure::usage(format!("{}, line {}: {why}", file.display(), line + 1)),
        None => Failure::file(file, why),
    }
}

fn why(source: &str, text: &str, error: &toml::de::Error, keys: &[Key]) -> String {
    let message = error.message();
    let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let is = |words: &str| message.starts_with(words);
    match named[..] {
        [name, ref known @ ..] if is("unknown field") => unknown("key", name, known, keys),
        [name, ref known @ ..] if is("unknown variant") => {
            let key = source.split('=').next().unwrap_or_default().trim();
            unknown(&format!("value of {key}"), name, known, &[])
        }
        [name, ..] if is("missing field") => format!("the key '{name}' is missing{}", example(name, keys)),
        [name, ..] if is("duplicate") => format!("'{name}' is there twice"),
        _ if text.parse::<toml::Table>().is_err() => {
            format!("this is not TOML: {message}: {}", source.trim())
        }
        _ => value(source, message, keys),
    }
}

/// There is no such key; the name of one of another table says where it belongs.
fn unknown(what: &str, name: &str, known: &[&str], keys: &[Key]) -> String {
    match keys.iter().find(|key| key.name == name) {
        Some(key) if key.table.is_empty() => format!("the key '{name}' belongs above all tables"),
        Some(key) => format!("the key '{name}' belongs under [{}]", key.table),
        None => suggest::unknown(what, name, known.iter().copied()).message,
    }
}

/// A value that its key does not take. What the reader of the value says itself is passed on.
fn value(source: &str, message: &str, keys: &[Key]) -> String {
    let key = source.split('=').next().unwrap_or_default().trim();
    let general = ["invalid type", "invalid value", "data did not match", "invalid length"];
    let said = match general.iter().any(|words| message.starts_with(words)) {
        true => String::new(),
        false => format!(": {message}"),
    };
    format!("'{}' cannot be used{said}{}", source.trim(), example(key, keys))
}

fn example(name: &str, keys: &[Key]) -> String {
    let key = keys.iter().find(|key| key.name == name);
    key.map(|key| format!("\n{} = {}: {}", key.name, key.example, key.about)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KEYS, PROFILE};
    use crashcheck::Profile;

    fn of_profile(text: &str) -> String {
        let error = toml::from_str::<Profile>(text).expect_err("no profile");
        told(Path::new("mine.toml"), text, &error, PROFILE).message
    }

    #[test]
    fn a_profile_that_cannot_be_read_is_told_by_line_and_key() {
        for (text, told) in [
            (
                "name = \"a\"\natomik = 512",
                "mine.toml, line 2: there is no key 'atomik'; did you mean 'atomic'?",
            ),
            (
                "name = \"a\"\norder = \"isued\"",
                "mine.toml, line 2: there is no value of order 'isued'; did you mean 'issued'?",
            ),
            ("name = \"a\"\nmost = 2", "mine.toml, line 2: the key 'most' belongs under [faults]"),
            (
                "name = \"a\"\natomic = 12",
                "mine.toml, line 2: 'atomic = 12' cannot be used: atomic = 12: must be a power of two",
            ),
            ("name = 3\nabout = \"b\"", "mine.toml, line 1: 'name = 3' cannot be used\nname = \"mine\": "),
            ("name = \"a\nabout = 3", "mine.toml, line 1: this is not TOML: "),
            ("name = \"a\"", "the key 'about' is missing\nabout = "),
            (
                "name = \"a\"\nabout = \"b\"\n[faults]\nmost = \"one\"",
                "mine.toml, line 4: 'most = \"one\"' cannot be used\nmost = 1: ",
            ),
        ] {
            let message = of_profile(text);
            assert!(message.contains(told), "{text}: {message}");
            assert!(!message.contains("expected") || message.contains("not TOML"), "{message}");
        }
    }

    #[test]
    fn every_key_has_an_example_that_is_taken() {
        for key in PROFILE {
            let table = if key.table.is_empty() { String::new() } else { format!("[{}]\n", key.table) };
            let text = match key.name {
                "name" => "about = \"b\"\n".to_owned(),
                "about" => "name = \"a\"\n".to_owned(),
                _ => "name = \"a\"\nabout = \"b\"\n".to_owned(),
            };
            let text = format!("{text}{table}{} = {}\n", key.name, key.example);
            assert!(toml::from_str::<Profile>(&text).is_ok(), "{text}");
        }
        // And there is no other.
        for table in ["", "faults", "files", "cluster"] {
            let above = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            let text = format!("name = \"a\"\nabout = \"b\"\n{above}no-such-key = 1\n");
            let error = toml::from_str::<Profile>(&text).expect_err("no such key");
            let known: std::collections::BTreeSet<&str> =
                error.message().split('`').skip(3).step_by(2).collect();
            let told = PROFILE.iter().filter(|key| key.table == table).map(|key| key.name);
            let tables = ["faults", "files", "cluster"].into_iter().filter(|_| table.is_empty());
            assert_eq!(known, told.chain(tables).collect());
        }
        assert!(KEYS.iter().all(|key| key.table == "explore"));
    }
}
