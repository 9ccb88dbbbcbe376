//! Whether the file system is well-formed: everything that two places say must agree.
//!
//! Names form one tree, and every link count is the number of names (LF-20). Every block belongs to one position of one
//! inode. What the summaries call live is what the inode map reaches, and nothing else (LF-27, LF-08), and the usage
//! table counts it (LF-22, LF-33).

use super::clean::Live;
use super::log::Log;
use super::summary::Holds;
use crate::vsfs::FsError;
use crate::vsfs::dir;
use crate::vsfs::files::Files;
use crate::vsfs::format::{BlockNo, InodeNo};
use crate::vsfs::inode::{FileType, Inode};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What is wrong with a file system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] FsError),
    /// A number is in use, but nothing leads there.
    #[error("inode {} has no name", .0.0)]
    Nameless(InodeNo),
    /// A directory has two names, or a name leads up the tree.
    #[error("directory {} is reached twice", .0.0)]
    SecondName(InodeNo),
    /// "." or ".." leads elsewhere.
    #[error("'.' or '..' of directory {} is wrong", .0.0)]
    Dots(InodeNo),
    /// A link count is not the number of names.
    #[error("inode {} has {links} links, but {names} names lead to it", inode.0)]
    Links {
        /// Which inode.
        inode: InodeNo,
        /// What it says.
        links: u32,
        /// What the directories say.
        names: u32,
    },
    /// An inode does not own as many blocks as it says, or owns some beyond its end.
    #[error("inode {} is wrong about its blocks", .0.0)]
    Blocks(InodeNo),
    /// What the usage table says of a segment is not what lives in it.
    #[error("segment {segment} has {live} live bytes, but the usage table says {table}")]
    Usage {
        /// Which segment.
        segment: u32,
        /// What lives.
        live: u32,
        /// What the table says.
        table: u32,
    },
    /// What the summaries call live is not what the inode map reaches.
    #[error("summaries and inodes disagree about what lives in segment {0}: {1}")]
    Liveness(u32, String),
    /// A block that lives has a version of a former life.
    #[error("the version of block {} says that it is dead, but inode {} points to it", .0.0, .1.0)]
    Version(BlockNo, InodeNo),
}

/// Looks at everything. Nothing may be newer in memory than in the log.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(log: &mut Log) -> Result<(), Wrong> {
    links(log)?;
    let reached = reached(log)?;
    liveness(log, &reached)
}

/// The tree of names, and the link counts that follow from it.
fn links(log: &mut Log) -> Result<(), Wrong> {
    let mut names = BTreeMap::<InodeNo, u32>::from([(InodeNo::ROOT, 2)]);
    let mut open = vec![(InodeNo::ROOT, InodeNo::ROOT)];
    let mut seen = BTreeSet::from([InodeNo::ROOT]);
    while let Some((number, parent)) = open.pop() {
        let inode = log.inode(number)?;
        for (name, child) in records(log, number, &inode)? {
            if matches!(name.as_slice(), b"." | b"..") {
                let right = if name == b"." { number } else { parent };
                (child == right).then_some(()).ok_or(Wrong::Dots(number))?;
                continue;
            }
            if log.inode(child)?.kind != FileType::Dir {
                *names.entry(child).or_default() += 1;
                continue;
            }
            seen.insert(child).then_some(()).ok_or(Wrong::SecondName(child))?;
            *names.entry(child).or_default() += 2;
            *names.entry(number).or_default() += 1;
            open.push((child, number));
        }
    }
    for number in log.map.used().collect::<Vec<_>>() {
        let names = *names.get(&number).ok_or(Wrong::Nameless(number))?;
        let links = log.inode(number)?.nlink;
        if links != names {
            return Err(Wrong::Links { inode: number, links, names });
        }
    }
    Ok(())
}

fn records(log: &mut Log, number: InodeNo, inode: &Inode) -> Result<Vec<(Vec<u8>, InodeNo)>, FsError> {
    let mut all = Vec::new();
    for index in 0..inode.blocks_long() {
        let Some(page) = log.block(number, inode, index)? else { continue };
        all.extend(dir::entries(page).map(|record| (record.name.to_vec(), record.inode)));
    }
    Ok(all)
}

/// Everything that the inode map reaches, by where it lies.
fn reached(log: &Log) -> Result<BTreeSet<(BlockNo, Live)>, Wrong> {
    let mut reached = BTreeSet::new();
    for number in log.map.used() {
        let nowhere = FsError::Corrupt { inode: number, what: "it is in use and lies nowhere" };
        let place = log.map.get(number).place.ok_or(nowhere)?;
        let inode = log.read_inode(number, place)?;
        reached.insert((place.block, Live::Inode(number)));
        let blocks = log.blocks_of(number, &inode)?;
        let inside = |(position, _): &(super::position::Position, BlockNo)| {
            position.first() < inode.blocks_long() || position.height() > 0
        };
        if blocks.len() != inode.nblocks as usize || !blocks.iter().all(inside) {
            return Err(Wrong::Blocks(number));
        }
        reached.extend(blocks.into_iter().map(|(position, at)| (at, Live::Page(number, position))));
    }
    let pieces = log.map.pieces.iter().flatten().map(|place| place.block).collect::<BTreeSet<_>>();
    for block in pieces {
        reached.extend(log.map.pieces_in(block).into_iter().map(|piece| (block, Live::Piece(piece))));
    }
    Ok(reached)
}

fn liveness(log: &mut Log, reached: &BTreeSet<(BlockNo, Live)>) -> Result<(), Wrong> {
    let geometry = *log.geometry();
    for segment in geometry.segment_numbers() {
        let here: BTreeSet<Live> = reached
            .iter()
            .filter(|(block, _)| geometry.segment_of(*block) == segment)
            .map(|(_, live)| *live)
            .collect();
        let live = here.iter().map(|live| live.size() as u32).sum();
        let table = log.usage.get(segment).live;
        if live != table {
            return Err(Wrong::Usage { segment: segment.0, live, table });
        }
        if here.is_empty() {
            continue;
        }
        let told: BTreeSet<Live> = log.live_in(segment)?.into_iter().collect();
        if told != here {
            let differ: Vec<&Live> = told.symmetric_difference(&here).collect();
            return Err(Wrong::Liveness(segment.0, format!("{differ:?}")));
        }
        shortcut(log, segment)?;
    }
    Ok(())
}

/// What the version calls dead, the inode does as well (LF-28).
fn shortcut(log: &mut Log, segment: super::format::SegmentNo) -> Result<(), Wrong> {
    for (summary, at) in log.summaries(segment)? {
        for (entry, block) in summary.entries.iter().zip((at.0 + 1..).map(BlockNo)) {
            if let Holds::Content { inode, version, position } = entry.holds
                && log.map.get(inode).version != version
                && log.points_to(inode, position, block)?
            {
                return Err(Wrong::Version(block, inode));
            }
        }
    }
    Ok(())
}
