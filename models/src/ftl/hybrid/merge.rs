//! The three merges: how a log block and a data block become one data block.

use super::bugs::Bug;
use super::chunks::HybridFtl;
use super::tables::{Entry, Log, Pages, page_at};
use crate::ftl::FtlError;
use crate::ftl::format::{BlockNo, Kind, Lpn, PAGE, Sequence};

/// How often each kind of merge was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merges {
    /// The log block became the data block.
    pub switched: u64,
    /// It did when the rest had been copied into it.
    pub partial: u64,
    /// Everything was copied.
    pub full: u64,
}

impl HybridFtl {
    /// Makes the log block and the data block of a chunk one data block.
    pub(super) fn merge(&mut self, chunk: usize) -> Result<(), FtlError> {
        let Some(log) = self.chunks[chunk].log.clone() else { return Ok(()) };
        let (first, pages) = (self.first(chunk), self.pages_per_block() as usize);
        let in_order = log.pages.in_order(first);
        let complete = in_order == pages || self.bugs.has(Bug::IncompleteSwitch) && in_order > 0;
        let new = if complete && in_order == log.pages.0.len() {
            self.merges.switched += 1;
            (log.block, log.pages)
        } else if in_order == log.pages.0.len() && !log.sealed {
            self.merges.partial += 1;
            let Log { block, pages, .. } = log;
            (block, self.copy_newest(chunk, block, pages)?)
        } else {
            self.merges.full += 1;
            // What a merge has made so far must be a part of what it is made from: three blocks are no chunk.
            if !self.bugs.has(Bug::SourcesNotAwaited) {
                self.chip.wait()?;
            }
            let block = self.begin_block()?;
            (block, self.copy_newest(chunk, block, Pages::default())?)
        };
        self.replace(chunk, new)
    }

    /// Copies the newest version of each page of a chunk that is not in a block yet behind those that are.
    fn copy_newest(&mut self, chunk: usize, into: BlockNo, mut pages: Pages) -> Result<Pages, FtlError> {
        let per_block = self.pages_per_block();
        let done = pages.0.len() as u32;
        for lpn in Lpn(self.first(chunk).0 + done).run(per_block - done) {
            let (entry, data, what) = match self.chunks[chunk].find(lpn, self.bugs) {
                Some((block, place, entry)) if entry.kind == Kind::Data => {
                    let data = self.read(lpn, page_at(block, place, per_block))?;
                    (entry, data, format!("copy of data {lpn}"))
                }
                Some((.., entry)) if !self.bugs.has(Bug::TrimForgotten) => {
                    (entry, vec![0; PAGE], format!("copy of trim {lpn}"))
                }
                _ => {
                    let entry = Entry { lpn, kind: Kind::Trim, sequence: Sequence::default() };
                    (entry, vec![0; PAGE], format!("nothing in {lpn}"))
                }
            };
            self.append(into, &mut pages, entry, &data, &what)?;
        }
        Ok(pages)
    }

    /// Gives a chunk its new data block, and frees the blocks that it had.
    fn replace(&mut self, chunk: usize, new: (BlockNo, Pages)) -> Result<(), FtlError> {
        if !self.bugs.has(Bug::MergeNotAwaited) {
            self.chip.wait()?;
        }
        let old: Vec<BlockNo> = self.chunks[chunk].blocks().filter(|block| *block != new.0).collect();
        self.recent.retain(|other| *other != chunk);
        self.chunks[chunk].log = None;
        self.chunks[chunk].data = Some(new);
        for block in old {
            self.erase(block)?;
        }
        Ok(())
    }
}
