//! What the reference block devices share: the operations, what a user sees, the model that says what every operation
//! should do, and what a crash may show.
//!
//! A block device makes no promise about more than one sector at a time: each holds what it held after some operation
//! between the last flush that was acknowledged and the last write that has begun (HM-15).
//!
//! | file | holds |
//! |---|---|
//! | `op.rs`, `view.rs` | the operations, and what a user sees |
//! | `layer.rs` | what a block device says of itself, so that it can be explored and built upon |
//! | `checks.rs` | what the codes of checks mean that all systems are held to |
//! | `stack.rs` | a system on top of a block device |
//! | `workloads.rs`, `generate.rs` | operations by name, and operations nobody thought of |

pub mod checks;
mod differences;
pub mod generate;
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
    UnknownBug, Violation, Workload, judge,
};

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

    /// Whether the device has all the blocks that an operation changes.
    fn has(op: &VolumeOp) -> bool {
        let end = op.range().map_or(Some(0), |(block, count)| block.checked_add(count));
        end.is_some_and(|end| end <= Self::blocks())
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
        if !Self::has(op) {
            return Ok(Ack::Refused);
        }
        match op {
            VolumeOp::Write { block, count, fill } => {
                let (at, len) = (Bytes(block * BLOCK), Bytes(count * BLOCK));
                live.write(at, &fill.bytes(at, len), false, None)?;
            }
            VolumeOp::Discard { block, count } => live.discard(Bytes(block * BLOCK), Bytes(count * BLOCK))?,
            VolumeOp::Maintain(step) => self.0.maintain(live, *step)?,
            VolumeOp::Flush => {
                live.flush()?;
                return Ok(Ack::Durable);
            }
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
            live.read(Bytes(number * BLOCK), &mut block)?;
            for (sector, bytes) in view::sectors(number, 1).zip(block.chunks(SECTOR as usize)) {
                view.extend(Sector::of(bytes, Bytes(sector * SECTOR)).map(|held| (sector, held)));
            }
        }
        Ok(view)
    }

    fn model(&self, view: &mut View, op: &VolumeOp) {
        let Some((block, count)) = op.range().filter(|_| Self::has(op)) else { return };
        for sector in view::sectors(block, count) {
            match op {
                VolumeOp::Write { fill, .. } => drop(view.insert(sector, Sector::Filled(*fill))),
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

    fn probe(&self, _: &View) -> Vec<VolumeOp> {
        let (block, fill) = (Self::blocks() - 1, crate::fs::Fill(0xee));
        vec![VolumeOp::Write { block, count: 1, fill }, VolumeOp::Flush]
    }

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        judge::each_key(view, history)
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
