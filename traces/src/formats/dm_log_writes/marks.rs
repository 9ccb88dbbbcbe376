//! Marks that carry the operations of a workload.

use crate::{Event, OpId};

/// What the kernel logs last.
pub(super) const END: &str = "dm-log-writes-end";

const ESCAPE: &str = "mark ";

/// The event of a mark, or `None` for the end of the log.
pub(super) fn parse(text: &str) -> Option<Event> {
    if text == END {
        return None;
    }
    if let Some(event) = operation(text) {
        return Some(event);
    }
    // Only what needs the escape has it: the mark `mark 1` of somebody else stays as it is.
    let text = text.strip_prefix(ESCAPE).filter(|rest| !stands_for_itself(rest)).unwrap_or(text);
    Some(Event::Mark { text: text.to_owned() })
}

/// The text of a mark event that reads back as this event, or `None` if it is no mark.
pub(super) fn text(event: &Event) -> Option<String> {
    match event {
        Event::Begin { op, text } => Some(format!("begin {} {text}", op.0)),
        Event::Ack { op, durable: true } => Some(format!("ack {} durable", op.0)),
        Event::Ack { op, durable: false } => Some(format!("ack {}", op.0)),
        Event::Mark { text } if stands_for_itself(text) => Some(text.clone()),
        Event::Mark { text } => Some(format!("{ESCAPE}{text}")),
        Event::Write { .. }
        | Event::WriteZeroes { .. }
        | Event::Discard { .. }
        | Event::Resize { .. }
        | Event::Program { .. }
        | Event::Erase { .. }
        | Event::Names { .. }
        | Event::Flush { .. }
        | Event::FlushFailed { .. }
        | Event::Send { .. }
        | Event::Deliver { .. }
        | Event::Down { .. }
        | Event::Up { .. } => None,
    }
}

/// However many escapes stand in front, what counts is whether something lies behind them that needs one.
fn stands_for_itself(text: &str) -> bool {
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix(ESCAPE) {
        rest = inner;
    }
    rest != END && operation(rest).is_none()
}

fn operation(text: &str) -> Option<Event> {
    if let Some(rest) = text.strip_prefix("begin ") {
        let (op, text) = rest.split_once(' ')?;
        return Some(Event::Begin { op: number(op)?, text: text.to_owned() });
    }
    let rest = text.strip_prefix("ack ")?;
    let (op, durable) = rest.strip_suffix(" durable").map_or((rest, false), |op| (op, true));
    Some(Event::Ack { op: number(op)?, durable })
}

fn number(digits: &str) -> Option<OpId> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(OpId)
}
