//! A system whose recovery reads everything and changes nothing: no crash state is like another, and what is left of the
//! cost is the engine's.

use crashcheck::{Ack, Bytes, Device, Disk, History, Result, System, Violation};

/// A disk of so many slots of so many bytes, each of which may have been written.
pub(crate) struct Board<const SLOT: usize, const SLOTS: u64>;

impl<const SLOT: usize, const SLOTS: u64> System for Board<SLOT, SLOTS> {
    type Op = u64;
    type Live = Disk;
    type View = u32;

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes::of(SLOT), at::<SLOT>(SLOTS))]
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, slot: &u64) -> Result<Ack> {
        disk.write(at::<SLOT>(*slot), &[*slot as u8 + 1; SLOT])?;
        Ok(Ack::Volatile)
    }

    fn view(&self, disk: &mut Disk) -> Result<u32> {
        let mut board = 0;
        let mut slot = [0; SLOT];
        for nth in 0..SLOTS {
            disk.read(at::<SLOT>(nth), &mut slot)?;
            board |= u32::from(slot[0] != 0) << nth;
        }
        Ok(board)
    }

    fn model(&self, board: &mut u32, slot: &u64) {
        *board |= 1 << slot;
    }

    /// Any set of slots may have survived.
    fn judge(&self, _: &u32, _: &History<'_, Self>) -> Result<(), Violation> {
        Ok(())
    }
}

/// Where a slot begins.
fn at<const SLOT: usize>(slot: u64) -> Bytes {
    Bytes(slot * SLOT as u64)
}
