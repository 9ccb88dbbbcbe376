//! What the names of the data mean, for somebody who has never met them.

pub(super) use crashcheck_outcome::counted;
use crashcheck_outcome::{EventKind, Fate, Holds, Operation, Promised, Verdict};

/// What a promise means, if it is one that crashcheck knows.
pub(super) fn promise(name: &str) -> Option<&'static str> {
    Some(match name {
        "recovers" => "Recovery must come to an end without an error, whatever the crash has left.",
        "well-formed" => "After recovery, the system’s own check must find nothing to complain about.",
        "durable" => "What was acknowledged as durable must still be there after a crash.",
        "atomic" => "An operation must be there as a whole, or not at all.",
        "prefix" => "What is there must come from the operations up to some point, with none left out.",
        "no-resurrection" => "What was replaced or deleted for good must not come back.",
        "no-foreign-data" => "Nobody may ever be shown content that was never written there.",
        "idempotent" => "To recover a second time must change nothing.",
        "usable" => "The recovered system must go on working.",
        "redundant" => "A fault that the system is built to bear must not change what a user sees.",
        "deterministic" => "Up to the crash, the system must do the same whenever it is run.",
        "no-leak" => "No space may be lost.",
        "judged" => "Judging what recovery shows must come to its end.",
        "checked" => "The check that was given must pass after recovery.",
        _ => return None,
    })
}

/// What a verdict means.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Survived => "every crash state of the workload keeps every promise",
        Verdict::Incomplete => "every crash state that was looked at keeps every promise; not all were",
        Verdict::NotMeasured => "there was nothing to judge",
        Verdict::DeviceLies => "a promise is broken, but only because the device breaks its own",
        Verdict::Lost => "a promise is broken",
        Verdict::Broken => "the system fails without any crash",
    }
}

/// The class of a verdict in the style sheet.
pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Survived => "good",
        Verdict::Incomplete | Verdict::NotMeasured | Verdict::DeviceLies => "doubtful",
        Verdict::Lost | Verdict::Broken => "bad",
    }
}

/// What the user had been told of an operation: a name for it, and what that means.
pub(super) fn promised(operation: &Operation) -> (&'static str, String) {
    let (class, meaning) = match (operation.promised, operation.durable_by) {
        (Promised::Durable, Some(by)) => {
            return ("durable", format!("done, and made durable by operation {by}: must be there"));
        }
        (Promised::Durable, None) => ("durable", "acknowledged as durable: must be there"),
        (Promised::Done, _) => ("done", "done, but not promised to be durable: may be there or not"),
        (Promised::Refused, _) => ("done", "refused: changes nothing"),
        (Promised::Begun, _) => ("begun", "in progress: may be there or not"),
        (Promised::NotBegun, _) => ("not-begun", "not begun yet"),
    };
    (class, meaning.to_owned())
}

/// What became of a write: its class, its name and what that means.
pub(super) fn fate(fate: Fate) -> (&'static str, &'static str, &'static str) {
    match fate {
        Fate::Before => ("before", "durable", "was durable before"),
        Fate::Survived => ("survived", "survived", "was in flight, and reached the medium"),
        Fate::Lost => ("lost", "lost", "was in flight, and never reached the medium"),
        Fate::Torn => ("torn", "torn", "was in flight, and reached the medium in part"),
        Fate::Garbled => ("garbled", "garbled", "was in flight, and left garbage"),
        Fate::Unread => {
            ("unread", "not looked at", "was in flight; recovery never looked, so both ways end alike")
        }
        Fate::NotIssued => ("not-issued", "not issued", "would have come after the crash"),
    }
}

/// What a place on the medium holds: its class, its name and what that means.
pub(super) fn holds(holds: Holds) -> (&'static str, &'static str, &'static str) {
    match holds {
        Holds::New => ("survived", "new", "the newest content that was issued"),
        Holds::Old => ("old", "old", "content in flight that is not the newest"),
        Holds::Torn => ("torn", "torn", "some of a write, and not the rest"),
        Holds::Lost => ("lost", "lost", "what was there before; nothing in flight arrived"),
        Holds::Garbled => ("garbled", "garbled", "garbage"),
        Holds::Unread => ("unread", "not looked at", "recovery never looked, so it does not matter"),
    }
}

/// A kind of event.
pub(super) fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Write => "write",
        EventKind::WriteFua => "write with FUA",
        EventKind::Discard => "discard",
        EventKind::Resize => "new length",
        EventKind::Program => "program",
        EventKind::Erase => "erase",
        EventKind::Names => "names",
        EventKind::Flush => "flush",
        EventKind::FlushFailed => "flush failed",
        EventKind::Begin => "begin",
        EventKind::Ack => "acknowledged",
        EventKind::AckDurable => "acknowledged as durable",
        EventKind::Send => "message sent",
        EventKind::Deliver => "message delivered",
        EventKind::Down => "node down",
        EventKind::Up => "node up",
        EventKind::Mark => "mark",
    }
}

/// Whether an event changes a medium.
pub(super) fn changes(kind: EventKind) -> bool {
    use EventKind::{Discard, Erase, Names, Program, Resize, Write, WriteFua};
    matches!(kind, Write | WriteFua | Discard | Resize | Program | Erase | Names)
}

/// Whether something became of an event at the crash: it was in flight.
pub(super) fn in_flight(fate: Fate) -> bool {
    !matches!(fate, Fate::Before | Fate::NotIssued)
}
