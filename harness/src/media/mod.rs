//! What each medium leaves behind at a crash.
//!
//! The [`Timeline`] lays a trace out once: *cells* (runs of bytes that are always written together) with their version
//! chains, and *epochs* between durability points. A [`LazyImage`] is one crash state of one epoch that makes itself up
//! while it is read. What differs from medium to medium is which cells there are, and what they can hold.

mod block;
mod census;
mod cluster;
mod contents;
mod date;
mod epoch;
pub(crate) mod fault;
mod flag;
mod flash;
mod group;
mod image;
mod known;
mod life;
mod outcomes;
mod over_time;
mod overlay;
mod phases;
mod prefix;
mod silent;
mod steps;
mod sweep;
mod timeline;
mod ways;

#[cfg(test)]
mod scale;

pub use census::{Census, Count, EpochCensus, census, census_of_each};
pub(crate) use contents::ContentId;
pub(crate) use fault::block_len;
#[cfg(test)]
pub(crate) use fault::corrupt;
pub(crate) use group::{AtomFate, Shown};
pub(crate) use image::{Asked, Frozen, LazyImage, Observed, Represented};
pub(crate) use known::Known;
pub(crate) use life::{Life, Outlived};
pub(crate) use timeline::{Cell, CellId, Held, Timeline, Version};
