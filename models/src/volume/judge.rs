//! What a crash may show of a block device.

use super::{Sector, View, VolumeOp};
use crashcheck::{History, System, Violation, Window, judge};
use std::borrow::Cow;
use std::ops::Range;

/// Every sector holds what it held after some operation that the crash may show, and what was written through is there
/// once the next operation has begun: it was acknowledged by then. A sector that cannot be read passes if one was being
/// written that it may be lost with. `changed` says which sectors an operation changes, `lost_with` which are lost with one.
///
/// # Errors
/// As [`judge::each_key`]; `durable` as well if something is gone that was written through, or lost that nobody wrote to.
pub(super) fn judge<S>(
    view: &View,
    history: &History<'_, S>,
    changed: impl Fn(&VolumeOp) -> Range<u64>,
    lost_with: impl Fn(u64) -> Range<u64>,
) -> Result<(), Violation>
where
    S: System<Op = VolumeOp, View = View> + ?Sized,
{
    let Window { durable, begun } = history.window;
    let mut readable = Cow::Borrowed(view);
    for (sector, _) in view.iter().filter(|(_, held)| **held == Sector::Unreadable) {
        if history.allowed().iter().any(|state| state.get(sector) == Some(&Sector::Unreadable)) {
            continue;
        }
        let lost = lost_with(*sector);
        let meets = |op: &VolumeOp| changed(op).any(|sector| lost.contains(&sector));
        if !history.ops[durable..begun].iter().any(meets) {
            let detail =
                format!("sector {sector} of the device cannot be read, but nobody was writing beside it");
            return Err(Violation::new("durable", detail));
        }
        match history.allowed().last().and_then(|state| state.get(sector)) {
            Some(held) => drop(readable.to_mut().insert(*sector, held.clone())),
            None => drop(readable.to_mut().remove(sector)),
        }
    }
    judge::each_key(&readable, history)?;
    are_written_through(view, history, changed)
}

/// Whether what was written through is there, as far as it can be read.
fn are_written_through<S>(
    view: &View,
    history: &History<'_, S>,
    changed: impl Fn(&VolumeOp) -> Range<u64>,
) -> Result<(), Violation>
where
    S: System<Op = VolumeOp, View = View> + ?Sized,
{
    let Window { durable, begun } = history.window;
    for (nth, op) in history.ops[..begun.saturating_sub(1)].iter().enumerate().skip(durable) {
        if !matches!(op, VolumeOp::WriteThrough { .. }) {
            continue;
        }
        let since = &history.states[nth + 1..=begun];
        let is_gone = |sector: &u64| {
            let held = view.get(sector);
            held != Some(&Sector::Unreadable) && since.iter().all(|state| state.get(sector) != held)
        };
        if let Some(sector) = changed(op).find(is_gone) {
            let (nth, words) = (nth + 1, held(view.get(&sector)));
            let detail = format!(
                "operation {nth} ({op}) was waited for, but sector {sector} of the device holds {words}"
            );
            return Err(Violation::new("durable", detail));
        }
    }
    Ok(())
}

fn held(sector: Option<&Sector>) -> String {
    sector.map_or("zeros".to_owned(), |held| format!("{held:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::Volume;
    use super::*;
    use crate::fs::Fill;
    use crate::ftl::direct::Direct;

    const THROUGH: VolumeOp = VolumeOp::WriteThrough { block: 0, count: 1, fill: Fill(2) };

    /// What the judge says of a device of which these operations have begun, none of them flushed, if the first block holds
    /// what was there after so many of them.
    fn judged(ops: &[VolumeOp], begun: usize, shown: usize) -> Option<String> {
        let volume = Volume::<Direct>::default();
        let mut states = vec![View::new()];
        for op in ops {
            let mut next = states[states.len() - 1].clone();
            volume.model(&mut next, op);
            states.push(next);
        }
        let history = History::<Volume<Direct>>::new(ops, &states, Window { durable: 0, begun });
        volume.judge(&states[shown], &history).err().map(|violation| violation.promise)
    }

    #[test]
    fn what_was_written_through_is_there_once_the_next_operation_has_begun() {
        let other = VolumeOp::Write { block: 1, count: 1, fill: Fill(3) };
        let ops = [VolumeOp::Write { block: 0, count: 1, fill: Fill(1) }, THROUGH, other];
        assert_eq!(judged(&ops, 2, 1), None, "it is in progress");
        assert_eq!(judged(&ops, 3, 1), Some("durable".to_owned()));
        assert_eq!(judged(&ops, 3, 2), None);
        let again = VolumeOp::Write { block: 0, count: 1, fill: Fill(4) };
        let ops = [THROUGH, again.clone(), again];
        assert_eq!((judged(&ops, 2, 1), judged(&ops, 2, 2)), (None, None), "the older or the newer");
        assert_eq!(judged(&ops, 2, 0), Some("durable".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_was_being_written_beside() {
        let op = |block| VolumeOp::Write { block, count: 1, fill: Fill(1) };
        let ops = [op(0), VolumeOp::Flush, op(1)];
        let changed = |op: &VolumeOp| op.sectors().unwrap_or(0..0);
        let states: Vec<View> = vec![View::new(); 4];
        let judged = |begun: usize, lost: Range<u64>| {
            let history =
                History::<Volume<Direct>>::new(&ops, &states, Window { durable: 2.min(begun), begun });
            let view = View::from([(0, Sector::Unreadable)]);
            judge(&view, &history, changed, |_| lost.clone()).err().map(|violation| violation.promise)
        };
        assert_eq!(judged(3, 0..16), None);
        assert_eq!(judged(2, 0..16), Some("durable".to_owned()), "nothing is in flight");
        assert_eq!(judged(3, 0..8), Some("durable".to_owned()), "another stripe");
    }
}
