//! How fast arrays are, counted from the requests of their members (Q-03, RD-03).

use super::bench::Bench;
use crate::fs::Fill;
use crate::raid::cost::{DiskSpeed, latency, positioning_ms, random_throughput, sequential_throughput};
use crate::raid::format::{Policy, UNIT};
use crate::raid::geometry::{Geometry, Level};
use crate::raid::{Array, Served};
use crashcheck::{BlockDevice, Bytes};

const N: u8 = 4;
/// A multiple of everything that goes round.
const ROWS: u64 = 48;

fn opened(level: Level) -> (u64, Array) {
    let policy = if level == Level::Striped { Policy::Nothing } else { Policy::Bitmap };
    let bench = Bench::of(Geometry { level, members: N, chunk: 1, rows: ROWS }, policy, 0);
    let mut array = bench.open().expect("all members are well");
    array.reset_served();
    (bench.geometry().blocks(), array)
}

fn at(block: u64) -> Bytes {
    Bytes(block * UNIT as u64)
}

/// Every block once, far from the one before, as often on one member as on any other.
fn scattered(blocks: u64) -> impl Iterator<Item = u64> {
    let stride = blocks / 2 + 1;
    (0..blocks).map(move |nth| {
        nth * if stride.is_multiple_of(2) || blocks.is_multiple_of(stride) { 1 } else { stride } % blocks
    })
}

fn read_all(level: Level, in_order: bool) -> (u64, Vec<Served>) {
    let (blocks, mut array) = opened(level);
    let mut buf = vec![0; UNIT];
    let order: Vec<u64> = if in_order { (0..blocks).collect() } else { scattered(blocks).collect() };
    order.into_iter().for_each(|block| array.read(at(block), &mut buf).expect("all members are well"));
    (blocks, array.served().to_vec())
}

fn write_all(level: Level, in_order: bool) -> (u64, Vec<Served>) {
    let (blocks, mut array) = opened(level);
    if in_order {
        let bytes = Fill(9).bytes(Bytes(0), at(blocks));
        array.write(Bytes(0), &bytes, false, None).expect("all members are well");
    } else {
        for block in scattered(blocks) {
            let bytes = Fill(9).bytes(at(block), Bytes::of(UNIT));
            array.write(at(block), &bytes, false, None).expect("all members are well");
        }
    }
    (blocks, array.served().to_vec())
}

/// Q-03, the rows on throughput: sequential read and write in units of S, random read and write in units of R.
#[test]
fn throughput_is_that_of_the_table() {
    let n = f64::from(N);
    let table = [
        (Level::Striped, [n, n, n, n]),
        (Level::Mirrored, [n / 2.0, n / 2.0, n, n / 2.0]),
        (Level::FixedParity, [n - 1.0, n - 1.0, n - 1.0, 0.5]),
        (Level::RotatedParity, [n - 1.0, n - 1.0, n, n / 4.0]),
    ];
    for (level, expected) in table {
        let sequential = |(blocks, served): (u64, Vec<Served>)| sequential_throughput(blocks, &served);
        let random = |(blocks, served): (u64, Vec<Served>)| random_throughput(blocks, &served);
        let measured = [
            sequential(read_all(level, true)),
            sequential(write_all(level, true)),
            random(read_all(level, false)),
            random(write_all(level, false)),
        ];
        // The last block of one copy of a mirror is read from the other.
        let close = |(found, wanted): (&f64, &f64)| (found / wanted - 1.0).abs() < 1.5 / (ROWS as f64 - 1.5);
        assert!(measured.iter().zip(&expected).all(close), "{level:?}: {measured:?}, not {expected:?}");
    }
}

/// Q-03, the last row: a small write to parity takes two requests one after the other.
#[test]
fn latency_is_that_of_the_table() {
    let levels = [Level::Striped, Level::Mirrored, Level::FixedParity, Level::RotatedParity];
    for (level, of_a_write) in levels.into_iter().zip([1, 1, 2, 2]) {
        let (_, mut array) = opened(level);
        array.read(at(5), &mut vec![0; UNIT]).expect("all members are well");
        assert_eq!(latency(array.served()), 1, "{level:?}");
        array.reset_served();
        array.write(at(5), &vec![7; UNIT], false, None).expect("all members are well");
        assert_eq!(latency(array.served()), of_a_write, "{level:?}");
    }
}

/// 10 MB at a time and 10 KB at a time, on the disk of the book.
#[test]
fn a_disk_is_fifty_times_slower_at_random() {
    let disk = DiskSpeed::TEXTBOOK;
    assert!((disk.rate_mb_s(10.0) - 47.62).abs() < 0.005);
    assert!((disk.rate_mb_s(0.01) - 0.98).abs() < 0.005);
}

/// RD-03: a request waits for the slowest of the members that it touches.
#[test]
fn positioning_takes_as_long_as_the_slowest_member() {
    assert_eq!(positioning_ms(&[3.0, 9.5, 4.0]), 9.5);
    assert_eq!(positioning_ms(&[]), 0.0);
}
