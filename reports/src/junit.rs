//! The report as JUnit XML, which every build server reads.
//!
//! One test suite for each system with its bug switches, one test case for each workload and device profile. Lost is a
//! failure, broken an error, not measured is skipped; so no server shows as passed what was not judged.

use crate::text::{cause, coverage, escape, escape_lines, system};
use crashcheck_outcome::{Exploration, LaterLife, LifeCoverage, Report, Verdict, counted};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::io;

/// The report as an XML document.
pub fn write(report: &Report) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    document(&mut writer, report).expect("memory can be written to");
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("text was written")
}

type Xml = Writer<Vec<u8>>;

fn document(xml: &mut Xml, report: &Report) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Exploration> = report.explorations.iter().collect();
    let root = with_counts(BytesStart::new("testsuites"), "crashcheck", &all);
    xml.write_event(Event::Start(root))?;
    for (name, cases) in suites(report) {
        suite(xml, &name, &cases, report.seed)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))
}

/// The explorations by system, in the order in which the systems appear.
fn suites(report: &Report) -> Vec<(String, Vec<&Exploration>)> {
    let mut suites: Vec<(String, Vec<&Exploration>)> = Vec::new();
    for exploration in &report.explorations {
        let name = system(exploration);
        match suites.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cases)) => cases.push(exploration),
            None => suites.push((name, vec![exploration])),
        }
    }
    suites
}

fn suite(xml: &mut Xml, name: &str, cases: &[&Exploration], seed: u64) -> io::Result<()> {
    xml.write_event(Event::Start(with_counts(BytesStart::new("testsuite"), name, cases)))?;
    xml.write_event(Event::Start(BytesStart::new("properties")))?;
    let seed = seed.to_string();
    let property = BytesStart::new("property").with_attributes([("name", "seed"), ("value", &*seed)]);
    xml.write_event(Event::Empty(property))?;
    xml.write_event(Event::End(BytesEnd::new("properties")))?;
    for case in cases {
        test_case(xml, name, case)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))
}

fn with_counts<'a>(element: BytesStart<'a>, name: &str, cases: &[&Exploration]) -> BytesStart<'a> {
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count().to_string();
    let seconds: f64 = cases.iter().map(|case| case.timing.seconds).sum();
    element.with_attributes([
        ("name", name),
        ("tests", &cases.len().to_string()),
        ("failures", &count(Verdict::Lost)),
        ("errors", &count(Verdict::Broken)),
        ("skipped", &count(Verdict::NotMeasured)),
        ("time", &format!("{seconds:.3}")),
    ])
}

fn test_case(xml: &mut Xml, suite: &str, case: &Exploration) -> io::Result<()> {
    let name = format!("{} under {}", escape(&case.workload), escape(&case.profile));
    let seconds = format!("{:.3}", case.timing.seconds);
    let element = BytesStart::new("testcase");
    let attributes = [("name", &*name), ("classname", suite), ("time", &*seconds)];
    xml.write_event(Event::Start(element.with_attributes(attributes)))?;
    let reason = escape(case.reason.as_deref().unwrap_or("it fails without any crash"));
    match case.verdict {
        Verdict::Survived | Verdict::Incomplete | Verdict::DeviceLies => {}
        Verdict::NotMeasured => with_text(xml, "skipped", &[("message", &*reason)], "")?,
        Verdict::Broken => with_text(xml, "error", &[("message", &*reason), ("type", "broken")], &reason)?,
        Verdict::Lost => failure(xml, case)?,
    }
    let covered = covered(case);
    if !covered.is_empty() {
        with_text(xml, "system-out", &[], &covered)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

/// One element for all findings: readers of JUnit look at the first failure of a case only.
fn failure(xml: &mut Xml, case: &Exploration) -> io::Result<()> {
    let tell = |finding: &crashcheck_outcome::Finding| {
        let detail = escape_lines(&finding.detail, 2);
        let (promise, id) = (escape(&finding.promise), escape(&finding.id));
        let (point, state) = (escape(&finding.crash_point), escape(&finding.state));
        let mut text = format!("{promise}: {detail}\npower fails: {point}\ncrash state: {state}\n");
        for (name, line) in finding.lives.iter().flat_map(LaterLife::lines) {
            text.push_str(&format!("{name}: {}\n", escape(&line)));
        }
        for (name, line) in cause(finding) {
            text.push_str(&format!("{name}: {}\n", escape(&line)));
        }
        if let Some(small) = &finding.shrunk {
            text.push_str(&format!("shrunk: {}\n", small.sizes()));
        }
        text.push_str(&format!("id: {id}\n"));
        if let Some(replay) = &finding.replay {
            text.push_str(&format!("Reproduce with: {}\n", escape(replay)));
        }
        text
    };
    let text: Vec<String> = case.findings.iter().map(tell).collect();
    let first = case.findings.first();
    let kind = first.map(|finding| escape(&finding.promise)).unwrap_or_default();
    let sentence = first.map(|finding| escape(&finding.detail)).unwrap_or_default();
    let message = match case.findings.len() {
        0 | 1 => format!("{kind}: {sentence}"),
        2 => format!("{kind}: {sentence} (and 1 more finding)"),
        count => format!("{kind}: {sentence} (and {} more findings)", count - 1),
    };
    with_text(xml, "failure", &[("message", &*message), ("type", &*kind)], &text.join("\n"))
}

fn covered(case: &Exploration) -> String {
    let numbers = &case.coverage;
    if numbers.total.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{} of {} crash states covered ({}) by {}\n",
        escape(&numbers.represented),
        escape(&numbers.total),
        coverage(numbers),
        counted(numbers.recoveries, "recovery")
    );
    text.extend(numbers.later.iter().map(covered_of_life));
    let why = numbers.left_out.iter().map(|why| format!("not covered: {why}"));
    let later = numbers.later.iter().filter_map(|life| {
        life.left_out.as_ref().map(|why| format!("not covered in life {}: {why}", life.life))
    });
    for line in why.chain(later).chain(case.notes.iter().map(|note| format!("note: {note}"))) {
        text.push_str(&escape(&line));
        text.push('\n');
    }
    text
}

fn covered_of_life(numbers: &LifeCoverage) -> String {
    let LifeCoverage { life, lives, begun, total, represented, recoveries, .. } = numbers;
    let (total, represented) = (escape(total), escape(represented));
    format!(
        "life {life}: {represented} of {total} crash states covered by {} in {begun} of {}\n",
        counted(*recoveries, "recovery"),
        if *lives == 1 { "1 life".to_owned() } else { format!("{lives} lives") }
    )
}

fn with_text(xml: &mut Xml, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    let element = BytesStart::new(name).with_attributes(attributes.iter().copied());
    if text.is_empty() {
        return xml.write_event(Event::Empty(element));
    }
    xml.write_event(Event::Start(element))?;
    xml.write_event(Event::Text(BytesText::new(text)))?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}
