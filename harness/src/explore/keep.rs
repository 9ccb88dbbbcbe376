//! Crash states as whole images.

use super::instance::{Compared, Instance, Recovered};
use crate::Disk;
use crate::judge::{Violation, Window};
use crashcheck_trace::Image;
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
    type Shown = I::Shown;

    fn recover(&self, disk: &Disk) -> Recovered<I::Shown> {
        let recovered = self.instance.recover(disk);
        if let Some(image) = disk.machine().crashed() {
            let kept = CrashImage { devices: image.whole(), windows: image.windows() };
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
        recovered
    }

    fn judge(&self, shown: &I::Shown, window: Window) -> Result<(), Violation> {
        self.instance.judge(shown, window)
    }

    fn compare(&self, shown: &I::Shown, window: Window) -> Compared {
        self.instance.compare(shown, window)
    }

    fn promises(&self) -> Vec<&'static str> {
        self.instance.promises()
    }

    fn eager(&self) -> bool {
        self.instance.eager()
    }
}
