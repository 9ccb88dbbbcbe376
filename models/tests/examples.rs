//! The examples find what they say they find, and show it small.

#![cfg(all(feature = "quickcheck", feature = "arbitrary"))]

use std::panic::{AssertUnwindSafe, catch_unwind};

#[path = "../examples/bytes.rs"]
mod bytes;
#[path = "../examples/proptest.rs"]
mod proptest;
#[path = "../examples/quickcheck.rs"]
mod quickcheck;

/// What an example says when it ends: the broken promise, and how many operations are left.
fn told(example: impl FnOnce()) -> (String, u32) {
    let panic = catch_unwind(AssertUnwindSafe(example)).expect_err("there is something to find");
    let text = *panic.downcast::<String>().expect("words");
    println!("{text}");
    let finding = text.split("\n\n").nth(1).unwrap_or_else(|| panic!("no finding: {text}"));
    let (promise, _) = finding.split_once(": ").unwrap_or_else(|| panic!("no promise: {text}"));
    let shrunk = finding.lines().find_map(|line| line.trim().strip_prefix("shrunk:")).expect("it was shrunk");
    let words: Vec<&str> = shrunk.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let ["from", before, "operations", "to", left, ..] = words[..] else { panic!("{shrunk}") };
    let number = |word: &str| word.parse::<u32>().expect("a number");
    assert!(number(before) >= 12, "{shrunk}");
    (promise.to_owned(), number(left))
}

// What makes something, and what says that it is durable.
#[test]
fn of_operations_from_proptest_two_are_left() {
    assert_eq!(told(proptest::main), ("durable".to_owned(), 2));
}

#[test]
fn of_operations_from_quickcheck_two_are_left() {
    assert_eq!(told(quickcheck::main), ("durable".to_owned(), 2));
}

#[test]
fn of_operations_from_bytes_two_are_left() {
    assert_eq!(told(bytes::main), ("durable".to_owned(), 2));
}
