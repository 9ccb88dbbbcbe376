//! Where strategies, media and judges meet: the walk over all epochs of a trace.

#[cfg(test)]
mod brute_force;
mod continued;
mod describe;
mod finding;
mod instance;
mod isolate;
mod keep;
mod memo;
mod picture;
mod pool;
mod rerun;
mod run;
mod shown;
mod tally;
mod walk;
mod words;

pub(crate) use describe::{Teller, shortened};
pub(crate) use finding::{Key, Naming, key_of};
pub(crate) use instance::{Instance, Kind, Lived, Recorded, Recovered};
pub(crate) use isolate::guarded;
pub use keep::CrashImage;
pub(crate) use keep::Keeping;
pub(crate) use memo::Story;
pub(crate) use pool::Pool;
pub use run::Limits;
pub(crate) use run::{Context, Failed, Job, Leaf};
pub(crate) use shown::{Past, Shown};
pub(crate) use tally::Tally;
pub use walk::{Budget, Options, Progress};
pub(crate) use walk::{Walk, advised, explored, replay, told};
