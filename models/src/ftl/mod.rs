//! Flash translation layers: a block device on a raw flash chip (OSTEP, chapter 44, "Flash-based SSDs").
//!
//! | system | maps | source |
//! |---|---|---|
//! | `ftl-direct` | every logical page to one place; rewrites whole blocks, by way of a scratch block | OSTEP, 44.6 |
//! | `ftl` | logical pages, to a log of pages | OSTEP, 44.7 to 44.11 |
//! | `ftl-mlc` | as `ftl`, on a chip whose pages share cells in pairs | |
//! | `ftl-hybrid` | blocks, and the pages of a few log blocks | OSTEP, 44.9; Kim et al. 2002, "A space-efficient flash translation layer for CompactFlash systems" |
//!
//! A write is acknowledged when it was issued to the chip; a flush waits for all that was issued. Until then a logical
//! page may hold its old or its new content after a crash, and nothing else (HM-15).
//!
//! | file | holds |
//! |---|---|
//! | `format.rs`, `ecc.rs` | a page with its out-of-band data and its error-correcting code |
//! | `chip.rs` | the chip, and what was done to it |
//! | `reader.rs` | what a chip says, read by nothing that the layers read it with; each has a `check.rs` over it |
//! | `checks.rs` | what the codes of checks mean |
//! | `exported.rs` | byte ranges made of logical pages |
//! | `direct/`, `paged/`, `hybrid/` | the layers |

pub mod checks;
mod chip;
pub mod direct;
pub mod ecc;
mod exported;
pub mod format;
pub mod hybrid;
pub mod paged;
mod reader;

pub use chip::{Chip, Counters};
pub use exported::{Exported, Translation};

use crashcheck::{Bytes, Device, DeviceId, DiskError, NandGeometry, Pairing};
use format::{BlockNo, Lpn, PAGE, PageNo, SPARE};
use thiserror::Error;

/// The device that holds the chip.
const CHIP: DeviceId = DeviceId(0);

/// A chip of so many blocks.
fn chip_with(pages_per_block: u32, blocks: u32, endurance: u32, paired: Pairing) -> Device {
    let (page, spare) = (Bytes::of(PAGE), Bytes::of(SPARE));
    Device::nand("chip", NandGeometry { page, spare, pages_per_block, blocks, endurance, paired })
}

/// Why a translation layer cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FtlError {
    /// The chip refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The chip has pages of another size.
    #[error("the chip has pages of {page} and {spare}, but the format is for pages of 4096 and 128 bytes")]
    Geometry {
        /// The data area of its pages.
        page: Bytes,
        /// The spare area.
        spare: Bytes,
    },
    /// There is no layer of this kind on the chip.
    #[error("the chip holds no {what}; was it formatted with this translation layer?")]
    NotFormatted {
        /// What was looked for.
        what: &'static str,
    },
    /// A logical page is not where it should be.
    #[error("logical page {lpn} should be in {page}, which does not hold it or cannot be corrected")]
    Damaged {
        /// Which.
        lpn: Lpn,
        /// Where it should be.
        page: PageNo,
    },
    /// A block holds what no order of writes can have left.
    #[error(
        "{block} holds logical pages that do not belong together; the chip was not written by this layer"
    )]
    Misplaced {
        /// Which.
        block: BlockNo,
    },
    /// No block can be freed.
    #[error("the chip has no room left: too many of its blocks are worn out")]
    Full,
    /// The chip does not hold what the format says.
    #[error("the chip is not as its format says: {what}")]
    Unsound {
        /// What is wrong.
        what: String,
    },
    /// The tables in memory are not what the chip says.
    #[error("the tables are not what the chip says: {what}")]
    Differs {
        /// What differs.
        what: String,
    },
}

impl From<FtlError> for DiskError {
    fn from(error: FtlError) -> Self {
        match error {
            FtlError::Disk(error) => error,
            other => DiskError::Failed { what: other.to_string() },
        }
    }
}
