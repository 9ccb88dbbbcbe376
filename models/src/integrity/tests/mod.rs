//! The layer on plain members whose bytes the tests change behind its back. Its crash states are explored in `tests/`.

mod check;
mod checksums;
mod faults;
mod formats;
mod volumes;

use super::*;
use crate::fs::Fill;
use crashcheck::{DeviceId, Disk};
use format::{BLOCK_SIZE, Page, Pointer};

/// Members with a volume of so many blocks.
fn formatted(layer: Integrity, blocks: u64) -> Disk {
    let capacity = Bytes(blocks * BLOCK_SIZE as u64);
    let disk = Disk::plain(&layer.devices(capacity));
    layer.format(&disk, capacity).expect("new members");
    disk
}

fn opened(layer: Integrity, disk: &Disk) -> Live {
    layer.open(disk.clone()).expect("a volume")
}

/// The layer with a fault.
fn with(bug: &str) -> Integrity {
    Integrity::with_bugs(&[bug.to_owned()]).expect("a known fault")
}

fn page(fill: u8, block: u64) -> Page {
    let bytes = Fill(fill).bytes(Bytes(block * BLOCK_SIZE as u64), Bytes::of(BLOCK_SIZE));
    bytes.try_into().expect("the bytes of one block")
}

/// Blocks written with one fill, and made durable.
fn write(live: &mut Live, fill: u8, blocks: std::ops::Range<u64>) {
    for block in blocks {
        live.write_block(block, &page(fill, block), "data").expect("room");
    }
    live.commit().expect("working members");
}

/// One member.
fn member(disk: &Disk, member: Member) -> Disk {
    disk.device(DeviceId(u16::from(member.0)))
}

/// The bytes of a block of a member.
fn raw(disk: &Disk, on: Member, place: Place) -> Vec<u8> {
    let mut raw = vec![0; FORMATTED];
    member(disk, on).read(place.at(), &mut raw).expect("within the member");
    raw
}

/// Changes a block of a member behind the back of the layer.
fn put(disk: &Disk, on: Member, place: Place, raw: &[u8]) {
    member(disk, on).write(place.at(), raw).expect("within the member");
}

/// Flips one bit of a block of a member.
fn flip(disk: &Disk, on: Member, place: Place, bit: usize) {
    let mut bytes = raw(disk, on, place);
    bytes[bit / 8] ^= 1 << (bit % 8);
    put(disk, on, place, &bytes);
}

/// What keeps a block from being read.
fn refused(live: &mut Live, block: u64) -> String {
    live.read_block(block).expect_err("no good copy").to_string()
}

fn place(pointer: Pointer) -> Place {
    assert!(!pointer.is_none(), "a block that lies somewhere");
    pointer.place
}
