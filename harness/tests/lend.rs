//! What a device lends is what it reads, whatever a crash, a fault or an earlier life has left.

use crashcheck::{Ack, Budget, Bytes, Device, Disk, Profile, Result, System, explore};

const BLOCK: usize = 4096;
const LEN: usize = 4 * BLOCK;

/// A disk that is written to here and there. Recovery copies a part of it, and whoever looks reads ranges of all kinds in
/// both ways.
struct Shelf;

impl System for Shelf {
    type Op = (usize, usize);
    type Live = Disk;
    type View = ();

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes::of(BLOCK), Bytes::of(LEN))]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Ok(disk.write(Bytes::of(3 * BLOCK), &[9; BLOCK])?)
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        if let Ok(found) = disk.lend(Bytes(512), 512)
            && found[0] > 0
        {
            disk.write(Bytes::of(2 * BLOCK + 512), &found)?;
            disk.flush()?;
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, (at, len): &(usize, usize)) -> Result<Ack> {
        disk.write(Bytes::of(*at), &vec![(1 + at / 512 + len / 512) as u8; *len])?;
        if *len < BLOCK {
            return Ok(Ack::Volatile);
        }
        disk.flush()?;
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<()> {
        let blocks = (0..LEN).step_by(BLOCK).map(|at| (at, BLOCK));
        for (at, len) in blocks.chain([(100, 0), (512, 512), (3000, 3000), (0, LEN), (LEN - 1, 1)]) {
            let (at, mut read) = (Bytes::of(at), vec![0; len]);
            let lent = disk.lend(at, len);
            let same = match disk.read(at, &mut read) {
                Ok(()) => lent.is_ok_and(|lent| *lent == *read),
                Err(error) => lent.is_err_and(|other| other == error),
            };
            if !same {
                return Err(format!("{len} bytes at {at:?} are lent as something else").into());
            }
        }
        Ok(())
    }

    fn model(&self, (): &mut (), _: &(usize, usize)) {}
}

#[test]
fn what_is_lent_is_what_is_read() {
    let ops = [(0, BLOCK), (512, 512), (BLOCK, BLOCK), (0, 512), (2560, 2048), (512, 512)];
    for profile in ["reorder", "torn", "garbage", "sector-error", "corrupt"] {
        let budget = Budget { states: Some(500), later: Some(500), ..Budget::default() };
        let subject = explore(Shelf).profile(Profile::named(profile).expect("is built in"));
        let exploration = subject.budget(budget).workload(ops).run().expect("runs");
        assert!(exploration.verdict.is_clean(), "{profile}: {:?}", exploration.findings);
    }
}

#[test]
fn nothing_is_lent_from_beyond_the_end() {
    let disk = Disk::plain(&Shelf.devices());
    assert!(disk.lend(Bytes::of(LEN), 1).is_err());
    assert!(disk.lend(Bytes(0), usize::MAX).is_err());
    assert_eq!(*disk.lend(Bytes(0), LEN).expect("is there"), [0; LEN]);
}
