//! A node as home of pages: it reads and writes its disk for all others.

use super::bugs::Bug;
use super::format::{FormatError, read_page, write_page};
use super::message::Message;
use super::node::Node;
use super::page::{Page, Uid, Version};
use crashcheck::{DiskError, NodeId};

impl Node {
    /// Reads a page for another node.
    pub(super) fn load(&mut self, from: NodeId, uid: Uid, number: u64) -> Result<(), DiskError> {
        self.disk_reads += 1;
        let answer = match read_page(&self.disk, &self.superblock, uid) {
            Ok((version, page)) => Message::Loaded { uid, number, version, page },
            Err(FormatError::Disk(error)) => return Err(error),
            Err(_) => Message::Unreadable { uid, number },
        };
        self.send(from, answer);
        Ok(())
    }

    /// Writes a page for its owner, and acknowledges it when it is durable. The disk never goes back to an earlier
    /// version.
    pub(super) fn store(
        &mut self,
        from: NodeId,
        uid: Uid,
        version: Version,
        page: &Page,
    ) -> Result<(), DiskError> {
        let on_disk = match read_page(&self.disk, &self.superblock, uid) {
            Ok((version, _)) => version,
            // What is damaged is replaced.
            Err(FormatError::Damaged(_)) => Version(0),
            Err(FormatError::Disk(error)) => return Err(error),
            Err(_) => Version(u64::MAX),
        };
        if version < on_disk {
            self.send(from, Message::Outdated { uid, version: on_disk });
            return Ok(());
        }
        match write_page(&self.disk, &self.superblock, uid, version, page) {
            Err(FormatError::Disk(error)) => return Err(error),
            written => written.map_err(|error| DiskError::Failed { what: error.to_string() })?,
        }
        if !self.leaves_unflushed() {
            self.disk.flush()?;
        }
        self.send(from, Message::Stored { uid, version });
        Ok(())
    }

    /// Whether a page is acknowledged before it is durable, which is wrong.
    fn leaves_unflushed(&self) -> bool {
        let is_degraded = self.peers().len() + 1 < usize::from(self.geometry.nodes);
        self.bugs.has(Bug::StoredBeforeDurable) || is_degraded && self.bugs.has(Bug::DegradedNotFlushed)
    }
}
