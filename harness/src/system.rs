//! What a user writes: the whole plug-in surface.

use crate::disk::Disk;
use crate::judge::{self, History, Violation};
use crashcheck_outcome::Difference;
use crashcheck_trace::{Bytes, Device};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;

/// Any error of a system under test.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the methods of a [`System`] return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a system promises when it says that an operation is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// This operation, and every one before it, survives a crash from now on.
    Durable,
    /// Done, but a crash may undo it.
    Volatile,
    /// Refused (no such file, no space): the operation changed nothing that a user can see.
    Refused,
}

/// So many operations of the workload are gone on with.
const NEXT: usize = 4;

/// A system under test: how to open it, use it, look at it, and what it should show.
///
/// [`open`](System::open), [`apply`](System::apply), [`view`](System::view) and [`model`](System::model) are all that
/// most systems need.
pub trait System: Send + Sync {
    /// An operation of a workload. A failing workload is stored as data, so that it can be replayed.
    type Op: Clone + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// The opened system.
    type Live;
    /// What a user of the system can see: compared with the model after every recovery.
    type View: Clone + Debug + Eq + Hash + Send + Sync;

    /// What to call it in reports and ids: letters, digits, `-`, `_` and `@`.
    fn name(&self) -> String {
        let path = std::any::type_name::<Self>();
        path.rsplit("::").next().unwrap_or(path).to_lowercase()
    }

    /// The devices of the machine it runs on. By default one disk of 1 MiB in blocks of 4 KiB.
    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes(4096), Bytes(1 << 20))]
    }

    /// Prepares empty devices (mkfs). Crashes are not explored here.
    ///
    /// # Errors
    /// Anything that keeps the system from being set up.
    fn format(&self, disk: &Disk) -> Result<()> {
        let _ = disk;
        Ok(())
    }

    /// Opens the system after a crash or for the first time. **Your recovery runs here.**
    ///
    /// # Errors
    /// Refusing to open a crash state is a finding.
    fn open(&self, disk: Disk) -> Result<Self::Live>;

    /// Performs one operation.
    ///
    /// # Errors
    /// A failure that no user should see. An operation that is rightly refused returns [`Ack::Refused`].
    fn apply(&self, live: &mut Self::Live, op: &Self::Op) -> Result<Ack>;

    /// Reads everything a user can see.
    ///
    /// # Errors
    /// Content that cannot be read is a finding.
    fn view(&self, live: &mut Self::Live) -> Result<Self::View>;

    /// What the operation should do to what a user sees.
    fn model(&self, view: &mut Self::View, op: &Self::Op);

    /// Whether the opened system is well-formed: its own consistency check, if it has one.
    ///
    /// # Errors
    /// Says what is wrong.
    fn check(&self, live: &mut Self::Live) -> Result<()> {
        let _ = live;
        Ok(())
    }

    /// The same for what a user may see before it: asked when what the system shows is known, and what it shows while a
    /// device fails in service, so that whatever is wrong hides neither. It only reads, and of a cluster it is not asked.
    ///
    /// # Errors
    /// Says what is wrong.
    fn audit(&self, live: &mut Self::Live) -> Result<()> {
        let _ = live;
        Ok(())
    }

    /// Operations that must work, and not be refused, on a recovered system that shows this. By default none: *usable*
    /// is then not measured.
    fn probe(&self, view: &Self::View) -> Vec<Self::Op> {
        let _ = view;
        Vec::new()
    }

    /// What a life goes on with after a recovery that has shown this, before the [`probe`](System::probe): `rest` is what is
    /// left of the workload. By default the next few of these operations. A life ends with one that fails, because it may not
    /// apply to what recovery has shown.
    fn go_on(&self, view: &Self::View, rest: &[Self::Op]) -> Vec<Self::Op> {
        let _ = view;
        rest.iter().take(NEXT).cloned().collect()
    }

    /// Whether what a completed recovery has shown survives all later crashes, as if it had been acknowledged as durable. A
    /// system that does not promise it may show something else after the next crash, as long as the first one allows it.
    fn is_stable(&self) -> bool {
        true
    }

    /// Judges what recovery shows. By default it must equal the model after some prefix of the operations that holds
    /// every durable acknowledgement ([`judge::prefix`]).
    ///
    /// # Errors
    /// The broken promise.
    fn judge(&self, view: &Self::View, history: &History<'_, Self>) -> Result<(), Violation> {
        judge::prefix(view, history)
    }

    /// In what two views differ, in a sentence, where a fault of a device has turned the first into the second. `states`
    /// is what the model says after each of the operations.
    fn tell_apart(&self, before: &Self::View, after: &Self::View, states: &[Self::View]) -> String {
        let _ = (before, after, states);
        "after the fault it shows something else than before".to_owned()
    }

    /// In what the recovered state differs from one that the crash allows, in what a user knows: files, keys, blocks. By
    /// default the lines in which the two differ when they are printed.
    fn differences(&self, expected: &Self::View, recovered: &Self::View) -> Vec<Difference> {
        judge::differing_lines(expected, recovered)
    }

    /// Operations that do less than this one, the simplest first: a shorter write, a smaller key. A failing workload is
    /// shrunk with them, after operations have been left out. By default none.
    fn simpler(&self, op: &Self::Op) -> Vec<Self::Op> {
        let _ = op;
        Vec::new()
    }

    /// What recovery had to do, in a few fixed words, for the census of outcomes: `consistent`, `space leak`.
    fn remark(&self, live: &Self::Live) -> Option<String> {
        let _ = live;
        None
    }
}
