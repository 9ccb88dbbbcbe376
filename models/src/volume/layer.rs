//! What a block device says of itself.

use super::{View, VolumeOp};
use crashcheck::{BlockDevice, BugSwitch, Bytes, Device, Disk, Result, UnknownBug, Workload};
use std::ops::Range;

/// A block device over other devices: a RAID, a flash translation layer, a layer of checksums.
pub trait Layer: Copy + Send + Sync + 'static {
    /// Its name on the command line: `raid5`.
    const NAME: &'static str;
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// What it keeps its data on: `block`, `array`, `flash`.
    const MEDIUM: &'static str;
    /// The device profiles it is explored under if nothing else is asked for.
    const PROFILES: &'static [&'static str];
    /// Those of them under which nothing is ever lost, so that something else can be built upon it.
    const PROFILES_BELOW: &'static [&'static str] = Self::PROFILES;
    /// The faults it can be built with.
    const BUGS: &'static [BugSwitch];
    /// How long the device is when it is explored by itself.
    const CAPACITY: Bytes;
    /// Whether a block keeps its content that a discard covers in part; if not, that part reads as zeros.
    const DISCARDS_WHOLE_BLOCKS: bool = true;

    /// The opened device.
    type Live: BlockDevice + 'static;

    /// The layer with the named faults switched on.
    ///
    /// # Errors
    /// If it has no such fault.
    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug>;

    /// The devices that it needs to export at least that much.
    fn devices(&self, capacity: Bytes) -> Vec<Device>;

    /// Prepares empty devices to export at least that much.
    ///
    /// # Errors
    /// Anything that keeps the layer from being set up.
    fn format(&self, disk: &Disk, capacity: Bytes) -> Result<()>;

    /// Opens the device after a crash or for the first time: its recovery runs here.
    ///
    /// # Errors
    /// Refusing to open a crash state is a finding.
    fn open(&self, disk: Disk) -> Result<Self::Live>;

    /// Whether the opened device is well-formed: its devices are read, and nothing is written, by what its format says,
    /// and the result is compared with what the layer goes by. That is asked right after it was opened.
    ///
    /// # Errors
    /// Says what is wrong.
    fn check(&self, live: &mut Self::Live) -> Result<()>;

    /// What recovery had to do, in a few fixed words, for the census of outcomes.
    fn remark(&self, live: &Self::Live) -> Option<String> {
        let _ = live;
        None
    }

    /// A step of the work that it does when it is left alone. By default there is none.
    ///
    /// # Errors
    /// If the devices fail.
    fn maintain(&self, live: &mut Self::Live, step: u8) -> Result<()> {
        let _ = (live, step);
        Ok(())
    }

    /// How a fault of a device has turned one view into another, if the layer can tell: `states` is what the model says
    /// after each of the operations.
    fn explain(&self, before: &View, after: &View, states: &[View]) -> Option<String> {
        let _ = (before, after, states);
        None
    }

    /// The blocks that may become unreadable with this one if a device fails while one of them is being written. They are
    /// judged as lost then, and must never read as what nobody wrote. By default there are none.
    fn lost_with(&self, block: u64) -> Range<u64> {
        block..block
    }

    /// The workloads by name.
    fn workloads() -> Vec<Workload<VolumeOp>>;
}
