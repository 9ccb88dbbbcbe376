//! Which faults a profile allows that cannot happen in a trace: nobody should take them for survived.

use super::timeline::Timeline;
use crate::choice::Question;
use crate::profile::{Landing, When};

/// The key of a fault, whether the profile allows it, what asks for it, and what it takes.
type Row = (&'static str, bool, fn(&Question) -> bool, &'static str);

impl Timeline {
    /// The faults that the profile allows and that cannot happen here, each by its key in a profile, with what it would take.
    pub(crate) fn idle_faults(&self) -> Vec<(&'static str, &'static str)> {
        let faults = &self.profile.faults;
        let rows: [Row; 7] = [
            (
                "device-lost",
                faults.device_lost != When::Never,
                |question| matches!(question, Question::DeviceLost { .. }),
                "more than one device",
            ),
            (
                "unreadable",
                faults.unreadable,
                |question| matches!(question, Question::Unreadable { .. }),
                "a device that holds something",
            ),
            (
                "corrupt",
                faults.corrupt,
                |question| matches!(question, Question::Corrupt { .. }),
                "a device that is not a flash chip",
            ),
            (
                "lost-write",
                faults.lost_write,
                |question| matches!(question, Question::WriteLost { .. }),
                "a write to a disk that was flushed",
            ),
            (
                "misdirected",
                faults.misdirected,
                |question| matches!(question, Question::Misdirected { landing, .. } if *landing != Landing::NextDevice),
                "a write to a disk that was flushed, and a block beside it",
            ),
            (
                "misdirected-device",
                faults.misdirected_device,
                |question| matches!(question, Question::Misdirected { landing: Landing::NextDevice, .. }),
                "a write to one of several disks that was flushed",
            ),
            ("flips", faults.flips, |question| matches!(question, Question::Flipped { .. }), "a flash chip"),
        ];
        let is_open = |is_it: fn(&Question) -> bool| {
            let mut silent = self.silent.sites().iter().filter(|site| !site.open.is_empty());
            self.faults.sites().iter().any(is_it) || silent.any(|site| is_it(&site.question))
        };
        let idle = rows.into_iter().filter(|(_, allowed, is_it, _)| *allowed && !is_open(*is_it));
        idle.map(|(key, _, _, takes)| (key, takes)).collect()
    }
}
