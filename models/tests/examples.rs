//! The examples find what they say they find, and show it small.

#![cfg(all(feature = "quickcheck", feature = "arbitrary"))]

use std::panic::{AssertUnwindSafe, catch_unwind};

#[allow(dead_code, reason = "the example is a program of its own")]
#[path = "../examples/bytes.rs"]
mod bytes;
#[path = "../examples/proptest.rs"]
mod proptest;
#[path = "../examples/quickcheck.rs"]
mod quickcheck;

/// What an example says when it ends: the promise, and the operations.
fn told(example: impl FnOnce()) -> (String, Vec<String>) {
    let panic = catch_unwind(AssertUnwindSafe(example)).expect_err("there is something to find");
    let text = *panic.downcast::<String>().expect("words");
    println!("{text}");
    let finding = text.split("\n\n").nth(1).unwrap_or_else(|| panic!("no finding: {text}"));
    let promise = finding.split(':').next().unwrap_or_default().to_owned();
    let operation = |line: &str| {
        let (number, operation) = line.trim().split_once(". ")?;
        number.parse::<u32>().is_ok().then(|| operation.to_owned())
    };
    (promise, finding.lines().filter_map(operation).collect())
}

#[test]
fn of_operations_from_proptest_two_are_left() {
    let (promise, operations) = told(proptest::main);
    assert_eq!(promise, "durable");
    assert_eq!(operations, ["create /a (durable)", "sync (durable)"]);
}

#[test]
fn of_operations_from_quickcheck_two_are_left() {
    let (promise, operations) = told(quickcheck::main);
    assert_eq!(promise, "durable");
    assert_eq!(operations, ["create /a (durable)", "sync (durable)"]);
}

#[test]
fn of_operations_from_bytes_a_few_are_left() {
    let (promise, operations) = told(|| bytes::check(&bytes::without_a_pattern(256)));
    assert_eq!(promise, "durable");
    assert_eq!(operations, ["create /a (durable)", "sync (durable)"]);
}
