//! From a source file to one that has every fault in it, of which none is switched on.
//!
//! Where a fault is, `find` becomes `if crate::mutant(number) { replace } else { find }`. So all faults are compiled once,
//! and which of them is there is decided when the program runs.

use crate::faults::{Fault, Form};
use std::ops::Range;

/// The function that says whether a fault is switched on; it is added to the root of the crate. None has the number 0.
pub(crate) const SWITCH: &str = r#"
/// Whether the fault of this number is switched on.
pub(crate) fn mutant(number: usize) -> bool {
    static CHOSEN: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| {
        std::env::var("CRASHCHECK_MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    });
    *CHOSEN == number
}
"#;

/// The environment variable with the number of the fault.
pub(crate) const CHOSEN: &str = "CRASHCHECK_MUTANT";

/// A source file with its faults, and where each of them has got to: its number, and the bytes of both its sides.
pub(crate) struct Rewritten {
    pub(crate) text: String,
    pub(crate) places: Vec<(usize, Range<usize>)>,
}

/// A fault and the bytes that it replaces.
struct Place<'f> {
    number: usize,
    fault: &'f Fault,
    at: Range<usize>,
}

/// Puts all faults of one file into it, each with its number.
///
/// # Errors
/// If the text of one is not there exactly once, or two overlap of which none is within the other.
pub(crate) fn rewrite(text: &str, faults: &[(usize, &Fault)]) -> Result<Rewritten, String> {
    let mut places = faults
        .iter()
        .map(|&(number, fault)| Ok(Place { number, fault, at: find(text, fault)? }))
        .collect::<Result<Vec<_>, String>>()?;
    // What is within another comes behind it.
    places.sort_by_key(|place| (place.at.start, std::cmp::Reverse(place.at.end), place.number));
    for (index, outer) in places.iter().enumerate() {
        let crossing = |inner: &&Place| inner.at.start < outer.at.end && inner.at.end > outer.at.end;
        if let Some(inner) = places[index + 1..].iter().find(crossing) {
            return Err(format!("{} and {} overlap", outer.fault.name, inner.fault.name));
        }
    }
    let mut rewritten = Rewritten { text: String::new(), places: Vec::new() };
    put(text, 0..text.len(), &places, &mut rewritten);
    Ok(rewritten)
}

/// Where the text of a fault is.
fn find(text: &str, fault: &Fault) -> Result<Range<usize>, String> {
    let start = match &fault.after {
        None => only(text, &fault.find).map_err(|error| format!("{}: {error}", fault.name))?,
        Some(after) => {
            let from = only(text, after).map_err(|error| format!("{}: {error}", fault.name))? + after.len();
            let found = text[from..].find(&fault.find);
            from + found.ok_or_else(|| format!("{}: {} is not behind {after}", fault.name, fault.find))?
        }
    };
    Ok(start..start + fault.find.len())
}

/// Where a text is that is there once.
fn only(text: &str, wanted: &str) -> Result<usize, String> {
    let mut found = text.match_indices(wanted).map(|(at, _)| at);
    match (found.next(), found.next()) {
        _ if wanted.is_empty() => Err("an empty text is everywhere".to_owned()),
        (Some(at), None) => Ok(at),
        (None, _) => Err(format!("`{wanted}` is not there")),
        (Some(_), Some(_)) => Err(format!("`{wanted}` is there more than once")),
    }
}

/// Writes a part of the text with the faults in it, the outermost first.
fn put(text: &str, part: Range<usize>, places: &[Place], into: &mut Rewritten) {
    let (mut at, mut rest) = (part.start, places);
    while let Some((place, behind)) = rest.split_first() {
        let within = behind.iter().take_while(|inner| inner.at.end <= place.at.end).count();
        into.text.push_str(&text[at..place.at.start]);
        let start = into.text.len();
        let (before, after) = match place.fault.form {
            Form::Expression => ("(", ")"),
            Form::Statement => ("", ""),
        };
        let (number, replace) = (place.number, &place.fault.replace);
        into.text.push_str(&format!("{before}if crate::mutant({number}) {{ {replace} }} else {{ "));
        put(text, place.at.clone(), &behind[..within], into);
        into.text.push_str(&format!(" }}{after}"));
        into.places.push((number, start..into.text.len()));
        (at, rest) = (place.at.end, &behind[within..]);
    }
    into.text.push_str(&text[at..part.end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, find: &str, after: Option<&str>, replace: &str, form: Form) -> Fault {
        Fault {
            name: name.to_owned(),
            file: String::new(),
            find: find.to_owned(),
            after: after.map(str::to_owned),
            replace: replace.to_owned(),
            form,
            why: String::new(),
            systems: Vec::new(),
            generate: 0,
            harmless: None,
            survives: None,
        }
    }

    const TEXT: &str = "fn f() { let a = one + 1; flush(); end(a); }\nfn g() { flush(); }\n";

    fn rewritten(faults: &[Fault]) -> Result<String, String> {
        let numbered: Vec<_> = (1..).zip(faults).collect();
        let rewritten = rewrite(TEXT, &numbered)?;
        for (number, place) in &rewritten.places {
            assert!(rewritten.text[place.clone()].contains(&format!("crate::mutant({number}) {{")));
        }
        Ok(rewritten.text)
    }

    #[test]
    fn both_sides_are_there() {
        let faults = [
            fault("off", "one + 1", None, "one", Form::Expression),
            fault("no-end", "end(a);", None, "", Form::Statement),
        ];
        assert_eq!(
            rewritten(&faults).expect("both are there once"),
            "fn f() { let a = (if crate::mutant(1) { one } else { one + 1 }); flush(); \
             if crate::mutant(2) {  } else { end(a); } }\nfn g() { flush(); }\n"
        );
    }

    #[test]
    fn a_fault_within_another_is_on_its_right_side() {
        let faults = [
            fault("one", "1", None, "2", Form::Expression),
            fault("all", "one + 1", None, "one", Form::Expression),
            fault("again", "one + 1", None, "1", Form::Expression),
        ];
        let text = rewritten(&faults).expect("each is there once");
        let nested = "let a = (if crate::mutant(2) { one } else { (if crate::mutant(3) { 1 } else { \
                      one + (if crate::mutant(1) { 2 } else { 1 }) }) });";
        assert!(text.contains(nested), "{text}");
    }

    #[test]
    fn a_text_must_be_there_once_or_behind_one_that_is() {
        let flush = |after| fault("x/flush", "flush();", after, "", Form::Statement);
        let error = |fault| rewritten(&[fault]).expect_err("not there once");
        assert_eq!(error(flush(None)), "x/flush: `flush();` is there more than once");
        assert_eq!(error(flush(Some("fn h"))), "x/flush: `fn h` is not there");
        assert_eq!(error(fault("x", "", None, "", Form::Statement)), "x: an empty text is everywhere");
        assert!(error(fault("x", "one", Some("fn g"), "", Form::Statement)).contains("is not behind fn g"));
        let second = rewritten(&[flush(Some("fn g"))]).expect("behind g");
        assert!(second.ends_with("fn g() { if crate::mutant(1) {  } else { flush(); } }\n"), "{second}");
    }

    #[test]
    fn faults_that_cross_are_refused() {
        let faults = [
            fault("left", "a = one", None, "", Form::Expression),
            fault("right", "one + 1", None, "", Form::Expression),
        ];
        assert_eq!(rewritten(&faults).expect_err("they cross"), "left and right overlap");
    }
}
