//! What a build server reads.

mod common;

use crashcheck_report::junit::write;
use quick_xml::Reader;
use quick_xml::events::Event;

/// Reads the document to its end and returns the elements that are open or empty, by name.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut names = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Eof => return names,
            Event::Start(element) | Event::Empty(element) => {
                names.push(String::from_utf8_lossy(element.name().as_ref()).into_owned());
            }
            _ => {}
        }
    }
}

#[test]
fn the_document_is_as_agreed() {
    assert_eq!(write(&common::report()), include_str!("golden/report.junit.xml"));
}

#[test]
fn each_verdict_has_its_element() {
    let names = elements(&write(&common::report()));
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    assert_eq!((count("testsuite"), count("testcase")), (2, 4));
    assert_eq!((count("failure"), count("error"), count("skipped")), (1, 1, 1));
}

#[test]
fn hostile_text_stays_text() {
    let xml = write(&common::report());
    assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "{xml}");
    assert!(xml.contains("&lt;/failure&gt;") && xml.contains("\\u{1b}[2J"), "{xml}");
}

#[test]
fn a_run_without_explorations_is_a_document_too() {
    let mut report = common::report();
    report.explorations.clear();
    assert_eq!(elements(&write(&report)), ["testsuites"]);
}
