//! The part of JSON Schema that the schema of reports uses. A keyword that is not known here is a problem, so that the
//! schema cannot promise what is not checked.

use serde_json::Value;

/// Where a value does not keep to a schema, and how.
pub(crate) fn problems(schema: &str, value: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let mut found = Vec::new();
    Check { root: &root, found: &mut found }.check(&root, value, "");
    found
}

struct Check<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            let keeps = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let target =
                        rule.as_str().and_then(|name| self.root.pointer(name.trim_start_matches('#')));
                    self.check(target.expect("a reference leads somewhere"), value, at);
                    true
                }
                "anyOf" => rule.as_array().expect("a list").iter().any(|schema| {
                    let mut found = Vec::new();
                    Check { root: self.root, found: &mut found }.check(schema, value, at);
                    found.is_empty()
                }),
                "type" => is_of_type(rule, value),
                "const" => rule == value,
                "enum" => rule.as_array().expect("a list").contains(value),
                "minimum" => value.as_f64().is_none_or(|value| value >= rule.as_f64().expect("a number")),
                "maximum" => value.as_f64().is_none_or(|value| value <= rule.as_f64().expect("a number")),
                "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().expect("text"), text)),
                // It says nothing of what is no object.
                "required" => {
                    let names = rule.as_array().expect("a list").iter();
                    let has = |name: &Value| value.get(name.as_str().expect("a name")).is_some();
                    !value.is_object() || names.into_iter().all(has)
                }
                "properties" => {
                    for (name, schema) in rule.as_object().expect("an object") {
                        if let Some(value) = value.get(name) {
                            self.check(schema, value, &format!("{at}/{name}"));
                        }
                    }
                    true
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{index}"));
                    }
                    true
                }
                _ => false,
            };
            if !keeps {
                self.found.push(format!("{at} breaks {keyword}: {rule}"));
            }
        }
    }
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    if let Some(several) = rule.as_array() {
        return several.iter().any(|rule| is_of_type(rule, value));
    }
    match rule.as_str().expect("the name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has a type {other}"),
    }
}

/// The two patterns of the schema.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9]*$" => text.bytes().all(|byte| byte.is_ascii_digit()),
        "^[0-9a-f]{16}$" => {
            text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
        other => panic!("the schema has a pattern {other}"),
    }
}
