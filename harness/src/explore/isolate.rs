//! Keeps what is under test from taking the exploration with it.

use crate::disk::Stopped;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Why a recovery did not return.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    /// It panicked, with this message and place.
    Panicked(String),
    /// It went on after its budget of device operations was used up.
    Stopped,
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Abort::Panicked(text) => write!(f, "panicked: {text}"),
            Abort::Stopped => f.write_str("did not end with its budget of device operations"),
        }
    }
}

thread_local! {
    /// What the panic hook saw on this thread while something is under test; `None` while nothing is.
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs what is under test. A panic is caught and not printed. What is guarded may guard a part of itself.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Abort> {
    static HOOK: Once = Once::new();
    HOOK.call_once(install_hook);
    let outer = SEEN.replace(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(run));
    let seen = SEEN.replace(outer).unwrap_or_default();
    result.map_err(|payload| match payload.is::<Stopped>() {
        true => Abort::Stopped,
        false => Abort::Panicked(seen),
    })
}

/// Panics of what is under test are noted; all others go where they went before.
fn install_hook() {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        let noted = SEEN.with_borrow_mut(|seen| {
            let Some(seen) = seen else { return false };
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
            let place = info
                .location()
                .map(|at| format!(" at {}:{}", portable(at.file()), at.line()))
                .unwrap_or_default();
            *seen = format!("{text}{place}");
            true
        });
        if !noted {
            before(info);
        }
    }));
}

/// The path of a source file without the part that differs from machine to machine.
fn portable(file: &str) -> &str {
    match file.split_once("/registry/src/") {
        Some((_, inside)) => inside.split_once('/').map_or(inside, |(_, file)| file),
        None => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message_and_place() {
        let result = guarded(|| panic!("no superblock"));
        let Err(Abort::Panicked(text)) = result else { panic!("not caught: {result:?}") };
        assert!(text.starts_with("no superblock at "), "{text}");
        assert!(text.contains("isolate.rs:"), "{text}");
    }

    #[test]
    fn a_panic_after_an_inner_one_is_told_as_itself() {
        let result = guarded(|| {
            let inner = guarded(|| panic!("inner"));
            assert!(
                matches!(&inner, Err(Abort::Panicked(text)) if text.starts_with("inner at ")),
                "{inner:?}"
            );
            panic!("outer");
        });
        let Err::<(), _>(Abort::Panicked(text)) = result else { panic!("not caught: {result:?}") };
        assert!(text.starts_with("outer at "), "{text}");
    }

    #[test]
    fn what_returns_is_passed_on() {
        assert_eq!(guarded(|| 7), Ok(7));
    }
}
