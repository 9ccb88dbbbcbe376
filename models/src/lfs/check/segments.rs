//! Segments: what lives in each, and what their summaries say of it.

use super::live::{Holds, Live};
use super::tables::Tables;
use super::{Blocks, Wrong};
use crate::vsfs::format::{BLOCK_SIZE, BlockNo, get_u32, get_u64};
use crashcheck::{Disk, DiskError};

const MAGIC: u64 = u64::from_le_bytes(*b"lfs-sum\x01");
/// Bytes of a summary before its first entry.
const HEAD: usize = 64;
const ENTRY: usize = 24;
/// Where the checksum of a summary stands, which counts as zero in it.
const CRC_AT: usize = 48;
const SECTOR: usize = 512;

/// What a part of the log says of itself.
pub(super) struct Summary {
    pub(super) epoch: u64,
    pub(super) serial: u64,
    time: u64,
    next: BlockNo,
    /// What each block holds, and its checksum.
    entries: Vec<(Option<Holds>, u32)>,
}

impl Summary {
    /// The summary in a block of the log, if there is a whole one of this file system.
    pub(super) fn read(disk: &Disk, tables: &Tables, at: BlockNo) -> Result<Option<Summary>, DiskError> {
        let most = (HEAD + ENTRY * (tables.blocks as usize - 1)).next_multiple_of(SECTOR).min(BLOCK_SIZE);
        let bytes = disk.lend(at.at(), most)?;
        let count = get_u32(&bytes, 44);
        let ours = get_u64(&bytes, 0) == MAGIC && get_u32(&bytes, 8) == tables.volume;
        if !ours || count > tables.room_behind(at) {
            return Ok(None);
        }
        let len = HEAD + ENTRY * count as usize;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..CRC_AT]);
        crc.update(&[0; 4]);
        crc.update(&bytes[CRC_AT + 4..len]);
        if crc.finalize() != get_u32(&bytes, CRC_AT) {
            return Ok(None);
        }
        Ok(Some(Summary {
            epoch: get_u64(&bytes, 16),
            serial: get_u64(&bytes, 24),
            time: get_u64(&bytes, 32),
            next: BlockNo(get_u32(&bytes, 40)),
            entries: bytes[HEAD..len].chunks_exact(ENTRY).map(entry).collect(),
        }))
    }
}

fn entry(bytes: &[u8]) -> (Option<Holds>, u32) {
    let [inode, version, position] = [4, 8, 12].map(|at| get_u32(bytes, at));
    let holds = match get_u32(bytes, 0) {
        1 => Some(Holds::Content { inode, version, position }),
        2 => Some(Holds::Inodes),
        3 => Some(Holds::Map),
        4 => Some(Holds::Names),
        _ => None,
    };
    (holds, get_u32(bytes, 16))
}

/// The usage table counts what lives, nothing lives where the log goes on, and summaries say whose each block is.
pub(super) fn check(blocks: &mut Blocks<'_>, tables: &Tables, live: &Live) -> Result<(), Wrong> {
    let mut numbers = Vec::new();
    for segment in 0..tables.segments {
        let (found, table) = (live.usage[segment as usize], tables.usage[segment as usize]);
        if found != table {
            return Err(Wrong::Usage { segment, live: found, table });
        }
        if found > 0 {
            let (first, last) = parts(blocks, tables, live, segment)?;
            numbers.push((first, last, segment));
        }
    }
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[0].1 >= pair[1].0) {
        Some(&[(_, last_before, _), (first, last, segment)]) => {
            Err(Wrong::Numbers { segment, first, last, last_before })
        }
        _ => Ok(()),
    }
}

/// Goes through the parts of a segment until each block that lives was spoken of; their first and last number.
fn parts(blocks: &mut Blocks<'_>, tables: &Tables, live: &Live, segment: u32) -> Result<(u64, u64), Wrong> {
    let range = tables.blocks_of(segment);
    let lives = |block: &u32| live.holds[*block as usize].is_some();
    let last = BlockNo(range.clone().rev().find(lives).unwrap_or(range.start));
    if range.contains(&tables.head.0) && last >= tables.head {
        return Err(Wrong::Ahead { block: last, head: tables.head });
    }
    let mut at = BlockNo(range.start);
    let mut before: Option<Summary> = None;
    let mut first = None;
    while at <= last {
        let unspoken = || {
            let block = BlockNo((at.0..range.end).find(lives).unwrap_or(at.0));
            Wrong::Unspoken { block, segment }
        };
        let summary = Summary::read(blocks.disk, tables, at)?.ok_or_else(unspoken)?;
        if lives(&at.0) {
            return Err(unspoken());
        }
        continues(tables, at, before.as_ref(), &summary)?;
        for (block, said) in (at.0 + 1..).map(BlockNo).zip(&summary.entries) {
            owner(blocks, live, block, said)?;
        }
        at = BlockNo(at.0 + 1 + summary.entries.len() as u32);
        first = first.or(Some(summary.serial));
        before = Some(summary);
    }
    let last = before.map_or(0, |summary| summary.serial);
    Ok((first.unwrap_or(last), last))
}

/// A summary of the log before the checkpoint, with the number behind that of the one before it.
fn continues(tables: &Tables, at: BlockNo, before: Option<&Summary>, summary: &Summary) -> Result<(), Wrong> {
    let wrong = |field, found, expected| Err(Wrong::Summary { block: at, field, found, expected });
    if let Some(before) = before {
        if summary.serial != before.serial + 1 {
            return wrong("number", summary.serial, before.serial + 1);
        }
        if before.next != at {
            return wrong("place", at.0.into(), before.next.0.into());
        }
        if summary.epoch < before.epoch {
            return wrong("epoch", summary.epoch, before.epoch);
        }
        if summary.time < before.time {
            return wrong("time", summary.time, before.time);
        }
    }
    let most = [
        ("number", summary.serial, tables.serial.saturating_sub(1)),
        ("epoch", summary.epoch, tables.epoch),
        ("time", summary.time, tables.clock),
    ];
    if let Some((field, found, most)) = most.into_iter().find(|(_, found, most)| found > most) {
        return wrong(field, found, most);
    }
    if summary.serial + 1 == tables.serial && summary.next != tables.head {
        return wrong("successor", summary.next.0.into(), tables.head.0.into());
    }
    Ok(())
}

/// A summary says of a live block what the inodes say, and its checksum fits as far as it was read.
fn owner(
    blocks: &Blocks<'_>,
    live: &Live,
    block: BlockNo,
    (said, crc): &(Option<Holds>, u32),
) -> Result<(), Wrong> {
    let Some(holds) = live.holds[block.index()] else { return Ok(()) };
    if *said != Some(holds) {
        let found = said.map_or_else(|| "nothing that there is".to_owned(), |said| said.to_string());
        return Err(Wrong::Owner { block, found, expected: holds.to_string() });
    }
    let Some(content) = blocks.known(block) else { return Ok(()) };
    let (found, expected) = (crc32fast::hash(content), *crc);
    if found == expected { Ok(()) } else { Err(Wrong::Checksum { block, found, expected }) }
}
