//! Sets of seeded faults, of whatever system.

use crashcheck::{BugSwitch, UnknownBug};
use std::marker::PhantomData;

/// The faults of a system, one of which is a value.
pub trait Seeded: Copy {
    /// The place of the fault in a set, below 32.
    fn place(self) -> u32;

    /// The place of the fault with this name.
    fn place_of(name: &str) -> Option<u32>;
}

/// A set of the faults of a system; none by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches<B>(u32, PhantomData<B>);

impl<B> Default for Switches<B> {
    fn default() -> Self {
        Switches::NONE
    }
}

impl<B> Switches<B> {
    /// No fault.
    pub const NONE: Switches<B> = Switches(0, PhantomData);
}

impl<B: Seeded> Switches<B> {
    /// Whether the fault is in the set.
    pub fn has(self, bug: B) -> bool {
        self.0 >> bug.place() & 1 == 1
    }

    /// The set of the faults with these names, all of which must be among those a system knows.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn named(system: &str, known: &'static [BugSwitch], names: &[String]) -> Result<Self, UnknownBug> {
        names.iter().try_fold(Switches::NONE, |set, name| {
            let is_known = known.iter().any(|switch| switch.name == name);
            let place = B::place_of(name).filter(|_| is_known);
            place.map(|place| Switches(set.0 | 1 << place, PhantomData)).ok_or_else(|| UnknownBug {
                system: system.to_owned(),
                name: name.clone(),
                known: known.iter().map(|switch| switch.name).collect::<Vec<_>>().join(", "),
            })
        })
    }
}
