//! Text that stems from a trace or from the system under test.

/// The text on one line, with everything that could steer a terminal or hide other text written as `\u{..}`.
///
/// ```
/// assert_eq!(crashcheck_outcome::escape("inode\u{1b}[2J table"), "inode\\u{1b}[2J table");
/// ```
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmless(c) {
            true => safe.push(c),
            false => safe.extend(c.escape_unicode()),
        }
    }
    safe
}

/// As [`escape`], but the text keeps its lines; all but the first are indented.
pub fn escape_lines(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(escape).collect();
    lines.join(&format!("\n{:indent$}", ""))
}

/// Whether a character is shown as itself: no control character, and none that changes the direction or the width of
/// other text unseen.
fn is_harmless(c: char) -> bool {
    let hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !hides
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_control_character_gets_through(text in any::<String>()) {
            prop_assert!(escape(&text).chars().all(|c| !c.is_control()));
            prop_assert!(escape_lines(&text, 2).chars().all(|c| !c.is_control() || c == '\n'));
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[ -~äöü漢字]*") {
            prop_assert_eq!(escape(&text), text);
        }
    }

    #[test]
    fn text_that_runs_backwards_is_shown_as_what_it_is() {
        assert_eq!(escape("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
    }

    #[test]
    fn lines_are_kept_and_indented() {
        assert_eq!(escape_lines("one\r\ntwo\n\tthree\n", 2), "one\n  two\n  \\u{9}three");
    }
}
