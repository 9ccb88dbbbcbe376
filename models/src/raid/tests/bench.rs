//! An array over devices that a test can lose, damage and bring back.

use crate::fs::Fill;
use crate::raid::bugs::Bugs;
use crate::raid::format::{Policy, Superblock, UNIT};
use crate::raid::geometry::{Geometry, Level, Role, Row};
use crate::raid::{Array, RaidError, assemble, format, superblock};
use crashcheck::{BlockDevice, Bytes, Device, DeviceId, Disk, DiskError, Label};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// A device with faults.
#[derive(Default)]
pub(super) struct Faulty {
    pub(super) bytes: Vec<u8>,
    pub(super) lost: bool,
    /// Blocks that cannot be read until they are written.
    pub(super) unreadable: BTreeSet<u64>,
}

struct Handle(Arc<Mutex<Faulty>>);

impl Handle {
    fn alive(&self) -> Result<MutexGuard<'_, Faulty>, DiskError> {
        let faulty = self.0.lock().expect("no test panics in a device");
        if faulty.lost { Err(DiskError::Lost { device: DeviceId(0) }) } else { Ok(faulty) }
    }
}

impl BlockDevice for Handle {
    fn len(&mut self) -> Result<Bytes, DiskError> {
        Ok(Bytes::of(self.alive()?.bytes.len()))
    }

    fn read(&mut self, at: Bytes, buf: &mut [u8]) -> Result<(), DiskError> {
        let faulty = self.alive()?;
        let blocks = at.0 / UNIT as u64..(at.0 + buf.len() as u64).div_ceil(UNIT as u64);
        if let Some(block) = blocks.into_iter().find(|block| faulty.unreadable.contains(block)) {
            return Err(DiskError::Unreadable { device: DeviceId(0), at: Bytes(block * UNIT as u64) });
        }
        buf.copy_from_slice(&faulty.bytes[at.index()..at.index() + buf.len()]);
        Ok(())
    }

    fn write(&mut self, at: Bytes, data: &[u8], _: bool, _: Option<&Label>) -> Result<(), DiskError> {
        let mut faulty = self.alive()?;
        let whole = at.0.div_ceil(UNIT as u64)..(at.0 + data.len() as u64) / UNIT as u64;
        faulty.unreadable.retain(|block| !whole.contains(block));
        faulty.bytes[at.index()..at.index() + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.alive().map(drop)
    }
}

/// The devices of an array, and what every block of it should hold.
pub(super) struct Bench {
    pub(super) superblock: Superblock,
    pub(super) devices: Vec<Arc<Mutex<Faulty>>>,
    pub(super) model: Vec<Vec<u8>>,
}

impl Bench {
    /// An array in which every block was written once.
    pub(super) fn full(level: Level, members: u8, policy: Policy, spares: u8) -> Bench {
        let shape = Geometry { level, members, chunk: 1, rows: 0 };
        Bench::of(shape.with_room_for(6 * shape.columns() as u64), policy, spares)
    }

    pub(super) fn of(geometry: Geometry, policy: Policy, spares: u8) -> Bench {
        let superblock = superblock("test", geometry, policy, spares);
        let new = Device::zeroed("disk", Bytes::of(UNIT), superblock.device_len());
        let disk = Disk::plain(&vec![new; usize::from(superblock.devices)]);
        format(&disk, &superblock).expect("room for the metadata");
        let content = |device: u8| {
            let mut bytes = vec![0; superblock.device_len().index()];
            disk.device(DeviceId(u16::from(device))).read(Bytes::ZERO, &mut bytes).expect("a device");
            Arc::new(Mutex::new(Faulty { bytes, ..Faulty::default() }))
        };
        let devices = (0..superblock.devices).map(content).collect();
        let model = vec![vec![0; UNIT]; geometry.blocks() as usize];
        let mut bench = Bench { superblock, devices, model };
        let mut array = bench.open().expect("a new array");
        for block in 0..geometry.blocks() {
            bench.write(&mut array, block, block as u8 + 1).expect("all members are well");
        }
        array.flush().expect("all members are well");
        bench
    }

    /// Opens the array on the devices as they are.
    pub(super) fn open(&self) -> Result<Array, RaidError> {
        self.open_with(Bugs::NONE)
    }

    pub(super) fn open_with(&self, bugs: Bugs) -> Result<Array, RaidError> {
        let disk = |device: &Arc<Mutex<Faulty>>| Disk::over(Box::new(Handle(Arc::clone(device))));
        assemble(self.devices.iter().map(disk).collect(), bugs)
    }

    pub(super) fn device(&self, device: u8) -> MutexGuard<'_, Faulty> {
        self.devices[usize::from(device)].lock().expect("no test panics in a device")
    }

    pub(super) fn lose(&self, device: u8) {
        self.device(device).lost = true;
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.superblock.geometry
    }

    /// Where the unit of a row lies on a device.
    pub(super) fn at(&self, row: Row) -> usize {
        self.superblock.data_at().index() + row.0 as usize * UNIT
    }

    pub(super) fn unit(&self, device: u8, row: Row) -> Vec<u8> {
        self.device(device).bytes[self.at(row)..][..UNIT].to_vec()
    }

    /// Makes the unit of a row unreadable.
    pub(super) fn damage(&self, device: u8, row: Row) {
        let block = self.at(row) as u64 / UNIT as u64;
        self.device(device).unreadable.insert(block);
    }

    /// Writes a block in the array and in the model.
    pub(super) fn write(&mut self, array: &mut Array, block: u64, fill: u8) -> Result<(), DiskError> {
        let at = Bytes(block * UNIT as u64);
        let bytes = Fill(fill).bytes(at, Bytes::of(UNIT));
        array.write(at, &bytes, false, None)?;
        self.model[block as usize] = bytes;
        Ok(())
    }

    /// What the array says of every block: right, wrong, or an error.
    pub(super) fn compare(&self, array: &mut Array) -> Vec<Result<bool, DiskError>> {
        let read = |(block, expected): (usize, &Vec<u8>)| {
            let mut found = vec![0; UNIT];
            array.read(Bytes::of(block * UNIT), &mut found).map(|()| found == *expected)
        };
        self.model.iter().enumerate().map(read).collect()
    }

    /// Panics unless every block is right.
    pub(super) fn assert_right(&self, array: &mut Array) {
        for (block, read) in self.compare(array).into_iter().enumerate() {
            assert_eq!(read, Ok(true), "block {block} of {:?}", self.geometry());
        }
    }

    /// Panics if a block is wrong; errors are well. Returns how many errors there were.
    pub(super) fn assert_no_garbage(&self, array: &mut Array) -> usize {
        let read = self.compare(array);
        assert!(!read.contains(&Ok(false)), "garbage of {:?}: {read:?}", self.geometry());
        read.iter().filter(|read| read.is_err()).count()
    }
}

/// Every level with an array of it, in the way it is kept consistent.
pub(super) fn redundant() -> Vec<Bench> {
    vec![
        Bench::full(Level::Mirrored, 4, Policy::Bitmap, 1),
        Bench::full(Level::Hamming, 7, Policy::Journal, 1),
        Bench::full(Level::Bytes, 5, Policy::Journal, 1),
        Bench::full(Level::FixedParity, 5, Policy::Bitmap, 1),
        Bench::full(Level::RotatedParity, 4, Policy::Bitmap, 1),
        Bench::full(Level::RotatedParity, 5, Policy::Journal, 1),
    ]
}

/// All members of an array.
pub(super) fn roles(bench: &Bench) -> Vec<Role> {
    (0..bench.geometry().members).map(Role).collect()
}
