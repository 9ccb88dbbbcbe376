//! What the reference block devices share: the operations, what a user sees, the model that says what every operation
//! should do, and what a crash may show.
//!
//! A block device makes no promise about more than one sector at a time: each holds what it held after some operation
//! between the last flush that was acknowledged and the last write that has begun (HM-15).
//!
//! | file | holds |
//! |---|---|
//! | `op.rs`, `view.rs` | the operations, and what a user sees |
//! | `judge.rs` | what a crash may show |
//! | `layer.rs` | what a block device says of itself, so that it can be explored and built upon |
//! | `checks.rs` | what the codes of checks mean that all systems are held to |
//! | `stack.rs` | a system on top of a block device |
//! | `workloads.rs`, `generate.rs` | operations by name, and operations nobody thought of |

pub mod checks;
mod differences;
pub mod generate;
mod judge;
mod layer;
mod op;
mod stack;
mod view;
pub mod workloads;

pub use differences::differences;
pub use layer::Layer;
pub use op::VolumeOp;
pub use stack::{Base, Stack, base, stacked};
pub use view::{Sector, View, first_difference};

use crashcheck::outcome::Difference;
use crashcheck::{
    Ack, BlockDevice, BugSwitch, Bytes, Checks, Device, Disk, DiskError, History, Reference, Result, System,
    UnknownBug, Violation, Workload,
};
use std::ops::Range;

/// The logical block, in bytes.
pub const BLOCK: u64 = 4096;

/// What a device writes as a whole at least, in bytes.
pub const SECTOR: u64 = 512;

/// A block device explored by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Volume<L>(L);

impl<L: Layer> Volume<L> {
    /// Exploring this layer.
    pub fn new(layer: L) -> Self {
        Volume(layer)
    }

    fn blocks() -> u64 {
        L::CAPACITY.0 / BLOCK
    }

    /// The sectors that an operation is about, if the device has all of them.
    fn sectors(op: &VolumeOp) -> Option<Range<u64>> {
        op.sectors().filter(|sectors| sectors.end <= Self::blocks() * (BLOCK / SECTOR))
    }

    /// Those of them that it changes.
    fn changed(op: &VolumeOp) -> Range<u64> {
        let each = BLOCK / SECTOR;
        match (op, Self::sectors(op)) {
            (VolumeOp::DiscardSectors { .. }, Some(Range { start, end })) if L::DISCARDS_WHOLE_BLOCKS => {
                let first = start.next_multiple_of(each);
                first..(end - end % each).max(first)
            }
            (_, sectors) => sectors.unwrap_or(0..0),
        }
    }

    /// Writes or discards sectors that the device has.
    fn change(live: &mut L::Live, op: &VolumeOp, sectors: &Range<u64>) -> Result<()> {
        let (at, len) = (Bytes(sectors.start * SECTOR), Bytes((sectors.end - sectors.start) * SECTOR));
        match op {
            VolumeOp::Write { fill, .. } | VolumeOp::WriteSectors { fill, .. } => {
                live.write(at, &fill.bytes(at, len), false, None)?;
            }
            VolumeOp::WriteThrough { fill, .. } => live.write(at, &fill.bytes(at, len), true, None)?,
            VolumeOp::Discard { .. } | VolumeOp::DiscardSectors { .. } => live.discard(at, len)?,
            VolumeOp::Flush | VolumeOp::Maintain(_) => {}
        }
        Ok(())
    }
}

impl<L: Layer> System for Volume<L> {
    type Op = VolumeOp;
    type Live = L::Live;
    type View = View;

    fn name(&self) -> String {
        L::NAME.to_owned()
    }

    fn devices(&self) -> Vec<Device> {
        self.0.devices(L::CAPACITY)
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        self.0.format(disk, L::CAPACITY)
    }

    fn open(&self, disk: Disk) -> Result<L::Live> {
        self.0.open(disk)
    }

    fn apply(&self, live: &mut L::Live, op: &VolumeOp) -> Result<Ack> {
        match op {
            VolumeOp::Flush => {
                live.flush()?;
                return Ok(Ack::Durable);
            }
            VolumeOp::Maintain(step) => self.0.maintain(live, *step)?,
            _ => match Self::sectors(op) {
                Some(sectors) => Self::change(live, op, &sectors)?,
                None => return Ok(Ack::Refused),
            },
        }
        Ok(Ack::Volatile)
    }

    fn view(&self, live: &mut L::Live) -> Result<View> {
        let len = live.len()?;
        if len < L::CAPACITY {
            return Err(DiskError::Failed { what: format!("the device has only {len}") }.into());
        }
        let (mut view, mut block) = (View::new(), vec![0; BLOCK as usize]);
        for number in 0..Self::blocks() {
            let first = number * (BLOCK / SECTOR);
            match live.read(Bytes(number * BLOCK), &mut block) {
                Err(DiskError::Failed { .. }) if !self.0.lost_with(number).is_empty() => {
                    let sectors = first..first + BLOCK / SECTOR;
                    view.extend(sectors.map(|sector| (sector, Sector::Unreadable)));
                    continue;
                }
                read => read?,
            }
            for (sector, bytes) in (first..).zip(block.chunks(SECTOR as usize)) {
                view.extend(Sector::of(bytes, Bytes(sector * SECTOR)).map(|held| (sector, held)));
            }
        }
        Ok(view)
    }

    fn model(&self, view: &mut View, op: &VolumeOp) {
        for sector in Self::changed(op) {
            match op {
                VolumeOp::Write { fill, .. }
                | VolumeOp::WriteSectors { fill, .. }
                | VolumeOp::WriteThrough { fill, .. } => drop(view.insert(sector, Sector::Filled(*fill))),
                _ => drop(view.remove(&sector)),
            }
        }
    }

    fn differences(&self, expected: &View, recovered: &View) -> Vec<Difference> {
        differences(expected, recovered)
    }

    fn simpler(&self, op: &VolumeOp) -> Vec<VolumeOp> {
        generate::simpler(op)
    }

    /// A layer is checked by what its devices hold, after a user has looked: what a fault has put there shows first.
    fn audit(&self, live: &mut L::Live) -> Result<()> {
        self.0.check(live)
    }

    /// Where something is lost, nothing has to work but reading.
    fn probe(&self, view: &View) -> Vec<VolumeOp> {
        if view.values().any(|held| *held == Sector::Unreadable) {
            return Vec::new();
        }
        let (block, fill) = (Self::blocks() - 1, crate::fs::Fill(0xee));
        vec![VolumeOp::Write { block, count: 1, fill }, VolumeOp::Flush]
    }

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        let lost_with = |sector: u64| {
            let Range { start, end } = self.0.lost_with(sector * SECTOR / BLOCK);
            start * (BLOCK / SECTOR)..end * (BLOCK / SECTOR)
        };
        judge::judge(view, history, Self::changed, lost_with)
    }

    fn tell_apart(&self, before: &View, after: &View, states: &[View]) -> String {
        if let Some(explained) = self.0.explain(before, after, states) {
            return explained;
        }
        match first_difference(before, after) {
            Some((block, was, is)) => format!("block {block} held {was}, and after the fault it holds {is}"),
            None => "nothing differs".to_owned(),
        }
    }

    fn remark(&self, live: &L::Live) -> Option<String> {
        self.0.remark(live)
    }
}

impl<L: Layer> Reference for Volume<L> {
    const NAME: &'static str = L::NAME;
    const ABOUT: &'static str = L::ABOUT;
    const MEDIUM: &'static str = L::MEDIUM;
    const PROFILES: &'static [&'static str] = L::PROFILES;
    const BUGS: &'static [BugSwitch] = L::BUGS;
    const CHECKS: &'static [Checks] = crate::checks::ALL;

    fn with_bugs(bugs: &[String]) -> Result<Self, UnknownBug> {
        L::with_bugs(bugs).map(Volume)
    }

    fn workloads() -> Vec<Workload<VolumeOp>> {
        L::workloads()
    }

    fn generated(seed: u64) -> Vec<VolumeOp> {
        generate::generated(seed, Self::blocks())
    }
}
