//! Why a device refused an operation.

use crashcheck_trace::{BlockNo, Bytes, DeviceId, NodeId, PageNo};
use thiserror::Error;

/// Why a device refused an operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The range ends beyond the device.
    #[error("{len} at byte {at} end beyond the device, whose length is {size}", at = at.0, size = size.0)]
    OutOfRange {
        /// First byte.
        at: Bytes,
        /// How many bytes.
        len: Bytes,
        /// The length of the device.
        size: Bytes,
    },
    /// The power is off: the recording has ended.
    #[error("the device has no power")]
    PoweredOff,
    /// The device has failed as a whole.
    #[error("device {} has failed", device.0)]
    Lost {
        /// Which.
        device: DeviceId,
    },
    /// A block cannot be read until it is written again.
    #[error("device {} cannot read the block at byte {at}", device.0, at = at.0)]
    Unreadable {
        /// Of which device.
        device: DeviceId,
        /// The first byte of the block.
        at: Bytes,
    },
    /// A flush, or a write with force unit access, has failed: what was to be durable may be lost, and no later flush saves it.
    #[error("device {} could not make durable what was written to it", device.0)]
    FlushFailed {
        /// Which.
        device: DeviceId,
    },
    /// What looks like a device is a layer over others, and failed.
    #[error("{what}")]
    Failed {
        /// What failed, and why.
        what: String,
    },
    /// Recovery has used more device operations than it may.
    #[error("recovery used more than {limit} device operations")]
    Runaway {
        /// The budget.
        limit: u64,
    },
    /// The device is a flash chip: it has no ranges to read and write, but pages and erase blocks.
    #[error("device {} is a flash chip: use it through Disk::nand", device.0)]
    IsFlash {
        /// Which.
        device: DeviceId,
    },
    /// The device is not a flash chip, or one that belongs to a node of a cluster.
    #[error("device {} is not a flash chip: make it with Device::nand, for a machine that is no cluster", device.0)]
    NotFlash {
        /// Which.
        device: DeviceId,
    },
    /// The chip has no such page.
    #[error("{page} is beyond the flash chip, which has {pages} pages")]
    NoSuchPage {
        /// Which.
        page: PageNo,
        /// How many there are.
        pages: u32,
    },
    /// The chip has no such erase block.
    #[error("{block} is beyond the flash chip, which has {blocks} erase blocks")]
    NoSuchBlock {
        /// Which.
        block: BlockNo,
        /// How many there are.
        blocks: u32,
    },
    /// A buffer has neither the length of a page nor that of a page with its spare area.
    #[error("{} bytes are no page: it has {} bytes of data and {} of spare area", len.0, page.0, spare.0)]
    NotAPage {
        /// The length of the buffer.
        len: Bytes,
        /// The data area.
        page: Bytes,
        /// The spare area.
        spare: Bytes,
    },
    /// A page was programmed that is not erased.
    #[error(
        "{page} of {block} is not erased: a page is programmed once between two erases of its block, and one that was in flight when the power failed is none"
    )]
    NotErased {
        /// Which.
        page: PageNo,
        /// Its block.
        block: BlockNo,
    },
    /// A page was programmed after a later one of its block.
    #[error("{page} of {block} comes too late, {later} is programmed: the order within a block is ascending")]
    OutOfOrder {
        /// Which.
        page: PageNo,
        /// A later page that is programmed.
        later: PageNo,
        /// The block of both.
        block: BlockNo,
    },
    /// The block has been erased as often as it survives, or left the factory bad.
    #[error("{block} is worn out: it can be neither erased nor programmed, use another")]
    WornOut {
        /// Which.
        block: BlockNo,
    },
    /// The node that acts is down: whoever runs the nodes goes on without it.
    #[error("{node} is down")]
    NodeDown {
        /// Which.
        node: NodeId,
    },
    /// The cluster has no such node.
    #[error("there is no {node}: the cluster has {nodes}")]
    NoSuchNode {
        /// Which.
        node: NodeId,
        /// How many there are.
        nodes: u16,
    },
}
