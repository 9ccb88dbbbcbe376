//! The JSON report is an API.

mod common;
mod schema;

use crashcheck_report::json::{JsonError, SCHEMA, read, write};
use serde_json::Value;

fn as_value() -> Value {
    serde_json::from_str(&write(&common::report())).expect("a report is JSON")
}

#[test]
fn a_report_reads_back_as_it_was() {
    let report = common::report();
    assert_eq!(read(&write(&report)).expect("what was written"), report);
}

#[test]
fn a_report_keeps_to_its_schema() {
    assert_eq!(schema::problems(SCHEMA, &as_value()), [""; 0]);
}

/// Every object of a value, as pointers; of the elements of a list each.
fn objects(value: &Value, at: &str) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => return Vec::new(),
    };
    let own = value.is_object().then(|| at.to_owned());
    own.into_iter()
        .chain(parts.into_iter().flat_map(|(name, value)| objects(value, &format!("{at}/{name}"))))
        .collect()
}

#[test]
fn every_field_that_is_written_is_in_the_schema_and_required() {
    let whole = as_value();
    let pointers = objects(&whole, "");
    for part in [
        "/about",
        "/shrunk",
        "/differences/2",
        "/steps/0",
        "/steps/9",
        "/sectors/0",
        "/fix/flushes/0",
        "/coverage/later/1",
        "/lives/0/writes/0",
        "/recoveries/0/reads/0/lost/0",
        "/recoveries/0/writes/0/same_as",
        "/provenance/places/0/instead",
        "/lives/0/operations/1",
        "/timing",
        "/checks/1",
    ] {
        assert!(pointers.iter().any(|pointer| pointer.ends_with(part)), "the report has no {part}");
    }
    for pointer in pointers {
        let fields = whole.pointer(&pointer).and_then(Value::as_object).expect(&pointer);
        for field in fields.keys() {
            let mut without = whole.clone();
            without.pointer_mut(&pointer).and_then(Value::as_object_mut).expect(&pointer).remove(field);
            assert!(!schema::problems(SCHEMA, &without).is_empty(), "{pointer}/{field} is not required");
        }
    }
}

#[test]
fn every_field_that_is_required_is_described() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in definitions.iter().filter(|(_, definition)| definition["required"].is_array()) {
        for field in definition["required"].as_array().expect("a list") {
            let field = field.as_str().expect("a name");
            assert!(definition["properties"].get(field).is_some(), "{name}/{field} has no description");
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_breaks_the_schema() {
    for (pointer, wrong) in [
        ("/seed", "seven"),
        ("/explorations/0/coverage/total", "many"),
        ("/explorations/0/verdict", "fine"),
        ("/explorations/1/findings/0/picture/steps/3/fate", "gone"),
        ("/explorations/1/findings/0/operations/0/promised", "much"),
        ("/explorations/1/findings/0/lives/0/life", "second"),
        ("/explorations/1/coverage/later/0/total", "many"),
    ] {
        let mut report = as_value();
        *report.pointer_mut(pointer).expect(pointer) = Value::from(wrong);
        assert!(!schema::problems(SCHEMA, &report).is_empty(), "{pointer} = {wrong}");
    }
}

#[test]
fn a_report_of_version_1_is_read() {
    let mut report = as_value();
    report["version"] = Value::from(1);
    let checks = report.pointer_mut("/explorations/1/findings/0/checks").expect("checks");
    *checks = serde_json::json!(["JN-24", "M4"]);
    let read = read(&report.to_string()).expect("an old report");
    let told: Vec<String> = read.explorations[1].findings[0].checks.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["JN-24", "M4"]);
}

#[test]
fn a_report_of_another_version_is_refused() {
    let mut report = as_value();
    report["version"] = Value::from(99);
    let error = read(&report.to_string()).expect_err("version 99");
    assert!(matches!(error, JsonError::Version { found: 99 }), "{error}");
}

#[test]
fn a_report_with_fields_of_the_future_is_read() {
    let mut report = as_value();
    report["shards"] = Value::from(8);
    assert_eq!(read(&report.to_string()).expect("an unknown field is ignored"), common::report());
}

#[test]
fn what_is_no_report_is_refused_with_its_place() {
    let error = read("{\"version\": 1,\n \"seed\": }").expect_err("no JSON").to_string();
    assert!(error.contains("line 2"), "{error}");
}
