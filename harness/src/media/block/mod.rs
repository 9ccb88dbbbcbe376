//! Block devices and files: writes that a flush makes durable.
//!
//! The fault model. A write is *in flight* from its issue until a flush that covers it has completed (with FUA: until it
//! has itself completed). At a crash any subset of the *atoms* in flight, an atom being a write or one atomic unit of it
//! as the [`Profile`](crate::Profile) says, has reached the medium; a later write to the same place wins over an earlier
//! one. Data that was durable is not lost. The length of a file-like device is state with a version chain of its own.
//!
//! The [`Timeline`] lays a trace out once: *cells* (runs of bytes that are always written together) with their version
//! chains, and *epochs* between durability points. A [`LazyImage`] is one crash state of one epoch that makes itself up
//! while it is read.

mod census;
mod contents;
mod epoch;
mod group;
mod image;
mod nested;
mod overlay;
mod timeline;
mod ways;

pub use census::{Census, Count, EpochCensus, census};
pub(crate) use contents::ContentId;
pub(crate) use epoch::Epoch;
pub(crate) use image::{LazyImage, Represented, Touched};
pub(crate) use timeline::{CellId, Timeline};
