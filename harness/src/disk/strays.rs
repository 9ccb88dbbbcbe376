//! Threads that go on using the devices after recovery has returned.
//!
//! What they do is part of a crash state or not as time will have it, and no answer to a question decides that. It is
//! noticed, so that it can be said.

/// Who may use the devices of a machine, and whether somebody else has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strays {
    /// The thread on which a recovery has returned last.
    home: Option<usize>,
    /// Whether a recovery is at work, on as many threads as it likes.
    recovering: bool,
    met: bool,
}

impl Strays {
    /// Recovery begins.
    pub(super) fn begin_recovery(&mut self) {
        self.recovering = true;
    }

    /// Recovery has returned, on this thread.
    pub(super) fn end_recovery(&mut self) {
        (self.home, self.recovering) = (Some(here()), false);
    }

    /// Somebody uses a device, by a handle that has power or by one of an earlier life.
    pub(super) fn look(&mut self, has_power: bool) {
        let may = has_power && self.recovering;
        self.met |= !may && self.home.is_some_and(|home| home != here());
    }

    /// Whether a thread has used the devices that should not have.
    pub(super) fn were_met(&self) -> bool {
        self.met
    }
}

/// What tells the threads that are alive apart, without counting a reference.
fn here() -> usize {
    thread_local! { static HERE: u8 = const { 0 }; }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
