//! Crash states as whole images.

use super::instance::{Compared, Instance, Lived};
use super::shown::{Past, Shown};
use crate::choice::Pole;
use crate::disk::Disk;
use crate::judge::{Violation, Window};
use crashcheck_trace::{Image, OpId};
use std::sync::{Arc, Mutex, PoisonError};

/// A crash state that recovery was run on, as a whole.
#[derive(Clone, Debug)]
pub struct CrashImage {
    /// What each device held. What recovery did not read has persisted.
    pub devices: Vec<Image>,
    /// What the crash points that can leave it allow, in order.
    pub windows: Vec<Window>,
}

/// Keeps the crash states that an instance recovers from.
pub(crate) struct Keeping<I> {
    pub(crate) instance: I,
    pub(crate) kept: Arc<Mutex<Vec<CrashImage>>>,
}

impl<I: Instance> Instance for Keeping<I> {
    fn live(&self, disk: &Disk) -> Lived {
        let lived = self.instance.live(disk);
        if let Some(image) = disk.machine().crashed() {
            let kept = CrashImage { devices: image.whole(&[Pole::Newest]), windows: image.windows() };
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
        lived
    }

    fn judge(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        self.instance.judge(shown, past, window)
    }

    fn compare(&self, shown: &Shown, past: Option<&Past>, window: Window) -> Compared {
        self.instance.compare(shown, past, window)
    }

    fn is_refused(&self, past: Option<&Past>, op: OpId) -> bool {
        self.instance.is_refused(past, op)
    }

    fn devices(&self, shown: &Shown) -> Option<Vec<Image>> {
        self.instance.devices(shown)
    }

    fn promises(&self) -> Vec<&'static str> {
        self.instance.promises()
    }

    fn eager(&self) -> bool {
        self.instance.eager()
    }

    fn has_later_lives(&self) -> bool {
        self.instance.has_later_lives()
    }
}
