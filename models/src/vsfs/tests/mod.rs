//! Tests of the whole: golden reads and writes, fsck and the checker on corrupted images, the outcomes of an append. Crash
//! states are explored in `tests/`.

mod census;
mod checker;
mod fsck;
mod golden;
mod states;

use super::*;

/// A fresh file system on a plain disk.
fn fresh(system: &Vsfs) -> Disk {
    let disk = Disk::plain(&system.devices());
    system.format(&disk).expect("mkfs works on a zeroed disk");
    disk
}
