//! Markup that text from a trace cannot break out of: what is markup is a literal, and what is not is escaped.

use crate::text::{escape, escape_lines};
use std::fmt::Display;

/// A page, or a part of one, under construction.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds a template. Each `{}` in it takes the next value, escaped so that it is text or the value of a quoted
    /// attribute and nothing else. Values and places must be equally many.
    pub(super) fn put(&mut self, template: &'static str, values: &[&dyn Display]) {
        let mut parts = template.split("{}");
        self.0.push_str(parts.next().unwrap_or_default());
        let mut values = values.iter();
        for part in parts {
            let value = values.next().expect("a value for every place of the template");
            push_escaped(&mut self.0, &escape(&value.to_string()));
            self.0.push_str(part);
        }
        assert!(values.next().is_none(), "a place for every value: {template}");
    }

    /// Adds markup without any value.
    pub(super) fn raw(&mut self, literal: &'static str) {
        self.0.push_str(literal);
    }

    /// Adds text that keeps its lines.
    pub(super) fn lines(&mut self, text: &str) {
        push_escaped(&mut self.0, &escape_lines(text, 0));
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn push_escaped(markup: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            _ => markup.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(template: &'static str, value: &str) -> String {
        let mut markup = Markup::default();
        markup.put(template, &[&value]);
        markup.into_string()
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_place(text in any::<String>()) {
            let attribute = put("<a title=\"{}\">", &text);
            let inner = attribute.strip_prefix("<a title=\"").and_then(|rest| rest.strip_suffix("\">"));
            let inner = inner.expect("the template");
            prop_assert!(!inner.contains(['<', '>', '"', '\'']) && !inner.chars().any(char::is_control));
        }
    }

    #[test]
    fn text_reads_as_it_was() {
        assert_eq!(put("<p>{}</p>", "a < b && \"c\""), "<p>a &lt; b &amp;&amp; &quot;c&quot;</p>");
        assert_eq!(put("<p>{}</p>", "\u{1b}[2J\u{202e}"), "<p>\\u{1b}[2J\\u{202e}</p>");
    }

    #[test]
    fn a_value_that_looks_like_a_place_is_none() {
        let mut markup = Markup::default();
        markup.put("{} {}", &[&"{}", &7]);
        assert_eq!(markup.into_string(), "{} 7");
    }
}
