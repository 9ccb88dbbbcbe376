//! What each medium leaves behind at a crash.
//!
//! The [`Timeline`] lays a trace out once: *cells* (runs of bytes that are always written together) with their version
//! chains, and *epochs* between durability points. A [`LazyImage`] is one crash state of one epoch that makes itself up
//! while it is read. What differs from medium to medium is which cells there are, and what they can hold.

mod account;
mod astray;
mod block;
mod cell;
mod census;
mod cluster;
mod contents;
mod count;
mod date;
mod epoch;
pub(crate) mod fault;
mod files;
mod flag;
mod flash;
mod group;
mod holds;
mod idle;
mod image;
mod known;
mod landing;
mod layout;
mod life;
mod member;
mod outcomes;
mod over_time;
mod overlay;
mod phases;
mod piece;
mod prefix;
mod silent;
pub(crate) mod steps;
mod sweep;
mod timeline;
mod ways;

#[cfg(test)]
mod scale;

pub(crate) use account::{Account, Deed, Stage};
pub(crate) use cell::{Cell, CellId, Held, Version};
pub use census::{Census, Count, EpochCensus, census, census_of_each};
pub(crate) use cluster::Outlived;
pub(crate) use contents::ContentId;
#[cfg(test)]
pub(crate) use fault::corrupt;
pub(crate) use image::{AsRecovered, Asked, Frozen, Kept, LazyImage, Observed, Represented};
pub(crate) use known::Known;
pub(crate) use landing::{block_len, landing_of};
pub(crate) use life::Life;
pub(crate) use member::{AtomFate, Shown};
pub(crate) use timeline::Timeline;
