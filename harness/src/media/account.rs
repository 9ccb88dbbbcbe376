//! What a life does on its devices, in order: written down only where a finding is told.

use crashcheck_trace::{Bytes, DeviceId, Event};

/// So much is written down, and so many bytes of what was written.
const DEEDS: usize = 1 << 14;
const BYTES: usize = 16 << 20;

/// What is written down of the lives that a run goes through.
pub(crate) struct Account {
    pub(crate) deeds: Vec<Deed>,
    /// So much was done beyond what is written down.
    pub(crate) more: u64,
    bytes: usize,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// The power is on; the life with this number begins, from 2.
    PowerOn(u8),
    /// What follows is this.
    Enter(Stage),
    /// A range was read, after so many questions had been asked.
    Read { device: DeviceId, at: Bytes, len: Bytes, asked: usize },
    /// Something was written, or happened beside the devices.
    Did(Event),
}

/// What a life is at after its recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// What recovery has left is looked at.
    Look,
    /// It is in use.
    Use,
    /// The devices as recovery had left them are recovered once more.
    Again,
    /// What that has left is looked at.
    LookAgain,
}

impl Account {
    /// The power is on, and the life with this number begins.
    pub(super) fn of_life(life: u8) -> Account {
        Account { deeds: vec![Deed::PowerOn(life)], more: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, deed: Deed) {
        if let (Deed::Read { .. }, Some(last)) = (&deed, self.deeds.last())
            && is_same_read(last, &deed)
        {
            return;
        }
        let bytes = match &deed {
            Deed::Did(event) => event.payload().map_or(0, |data| data.len().index()),
            Deed::PowerOn(_) | Deed::Enter(_) | Deed::Read { .. } => 0,
        };
        if self.deeds.len() == DEEDS || self.bytes + bytes > BYTES {
            self.more += 1;
            return;
        }
        self.bytes += bytes;
        self.deeds.push(deed);
    }
}

/// Whether a range is read once more without anything in between.
fn is_same_read(last: &Deed, next: &Deed) -> bool {
    match (last, next) {
        (Deed::Read { device, at, len, .. }, Deed::Read { device: on, at: there, len: as_long, .. }) => {
            (device, at, len) == (on, there, as_long)
        }
        _ => false,
    }
}
