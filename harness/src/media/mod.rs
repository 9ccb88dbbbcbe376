//! What each medium leaves behind at a crash.
//!
//! The [`Timeline`] lays a trace out once: *cells* (runs of bytes that are always written together) with their version
//! chains, and *epochs* between durability points. A [`LazyImage`] is one crash state of one epoch that makes itself up
//! while it is read. What differs from medium to medium is which cells there are, and what they can hold.

mod block;
mod census;
mod cluster;
mod contents;
mod epoch;
pub(crate) mod fault;
mod flag;
mod flash;
mod group;
mod image;
mod known;
mod life;
mod overlay;
mod prefix;
mod silent;
mod timeline;
mod ways;

pub use census::{Census, Count, EpochCensus, census};
pub(crate) use contents::ContentId;
pub(crate) use epoch::Epoch;
pub(crate) use fault::block_len;
#[cfg(test)]
pub(crate) use fault::corrupt;
pub(crate) use group::{AtomFate, Shown};
pub(crate) use image::{Asked, Frozen, LazyImage, Observed, Represented};
pub(crate) use known::Known;
pub(crate) use life::Life;
pub(crate) use timeline::{Cell, CellId, Held, Timeline, Version};
