//! Operations nobody thought of, for any block device, and what each can be made simpler to.

use super::{BLOCK, SECTOR, VolumeOp};
use crate::fs::Fill;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many operations [`generated`] makes.
const GENERATED_OPS: usize = 12;

/// Every so many-th of them is a flush.
const FLUSH_EVERY: usize = 4;

/// The plainest fill that is not taken for zeros.
const PLAIN: Fill = Fill(1);

/// Sectors of a block.
const EACH: u64 = BLOCK / SECTOR;

/// One operation on a device of so many blocks. A few blocks at the beginning are used most, so that writes meet.
pub fn any_op(blocks: u64) -> impl Strategy<Value = VolumeOp> {
    let block = || prop_oneof![3 => 0..blocks.min(6), 1 => 0..blocks];
    let range =
        move || (block(), 1..=3u64).prop_map(move |(block, count)| (block, count.min(blocks - block)));
    let sectors = move || {
        (block(), 0..EACH, 1..2 * EACH).prop_map(move |(block, within, count)| {
            let sector = block * EACH + within;
            (sector, count.min(blocks * EACH - sector))
        })
    };
    let fill = || (1..=u8::MAX).prop_map(Fill);
    prop_oneof![
        10 => (range(), fill()).prop_map(|((block, count), fill)| VolumeOp::Write { block, count, fill }),
        3 => (sectors(), fill())
            .prop_map(|((sector, count), fill)| VolumeOp::WriteSectors { sector, count, fill }),
        2 => (range(), fill())
            .prop_map(|((block, count), fill)| VolumeOp::WriteThrough { block, count, fill }),
        2 => range().prop_map(|(block, count)| VolumeOp::Discard { block, count }),
        1 => sectors().prop_map(|(sector, count)| VolumeOp::DiscardSectors { sector, count }),
        4 => Just(VolumeOp::Flush),
        2 => (0..4u8).prop_map(VolumeOp::Maintain),
    ]
}

/// A few operations made from a seed, the last of which makes all durable; the same on every machine.
pub fn generated(seed: u64, blocks: u64) -> Vec<VolumeOp> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // Nothing of this strategy rejects what it draws.
    let mut draw = || any_op(blocks).new_tree(&mut runner).expect("an operation").current();
    let op = |nth| if nth % FLUSH_EVERY == 0 { VolumeOp::Flush } else { draw() };
    (1..=GENERATED_OPS).map(op).collect()
}

/// Simpler operations, the simplest first: whole blocks that a flush makes durable instead of anything else, one instead of
/// many, the first of the device, the plainest fill that [`any_op`] makes.
pub fn simpler(op: &VolumeOp) -> Vec<VolumeOp> {
    let plain = |fill: Fill| PLAIN.min(fill);
    match *op {
        VolumeOp::Write { block, count, fill } => {
            let of = |(block, count), fill| VolumeOp::Write { block, count, fill };
            distinct(op, run(block, count, |place| of(place, fill), |place| of(place, plain(fill))))
        }
        VolumeOp::WriteSectors { sector, count, fill } => {
            let of = |(sector, count), fill| VolumeOp::WriteSectors { sector, count, fill };
            let whole = (sector / EACH, count / EACH);
            let blocks = VolumeOp::Write { block: whole.0, count: whole.1, fill };
            let parts = run(sector, count, |place| of(place, fill), |place| of(place, plain(fill)));
            distinct(op, [blocks].into_iter().filter(|_| whole.1 > 0).chain(parts).collect())
        }
        VolumeOp::WriteThrough { block, count, fill } => {
            let of = |(block, count), fill| VolumeOp::WriteThrough { block, count, fill };
            let parts = run(block, count, |place| of(place, fill), |place| of(place, plain(fill)));
            distinct(op, [VolumeOp::Write { block, count, fill }].into_iter().chain(parts).collect())
        }
        VolumeOp::Discard { block, count } => {
            let of = |(block, count)| VolumeOp::Discard { block, count };
            distinct(op, run(block, count, of, of))
        }
        VolumeOp::DiscardSectors { sector, count } => {
            let of = |(sector, count)| VolumeOp::DiscardSectors { sector, count };
            distinct(op, run(sector, count, of, of))
        }
        VolumeOp::Flush | VolumeOp::Maintain(_) => Vec::new(),
    }
}

/// A run of blocks or sectors made simpler: where it lies, how many they are, and, with `plainly`, what they are.
fn run(
    first: u64,
    count: u64,
    of: impl Fn((u64, u64)) -> VolumeOp,
    plainly: impl Fn((u64, u64)) -> VolumeOp,
) -> Vec<VolumeOp> {
    let one = count.min(1);
    let half = if count > 1 { count / 2 } else { count };
    let places = [of((first, one)), of((0, count)), of((first, half)), of((first / 2, count))];
    [plainly((0, one))].into_iter().chain(places).chain([plainly((first, count))]).collect()
}

/// Each once, and none that is the operation itself.
fn distinct(op: &VolumeOp, all: Vec<VolumeOp>) -> Vec<VolumeOp> {
    let mut distinct: Vec<VolumeOp> = Vec::new();
    for simpler in all {
        if simpler != *op && !distinct.contains(&simpler) {
            distinct.push(simpler);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an operation lies, how much it is about, of what, and of which kind.
    fn size(op: &VolumeOp) -> u64 {
        let (kind, fill) = match op {
            VolumeOp::Write { fill, .. } => (0, fill.0),
            VolumeOp::WriteSectors { fill, .. } | VolumeOp::WriteThrough { fill, .. } => (1, fill.0),
            _ => (0, 0),
        };
        op.sectors().map_or(0, |sectors| sectors.end + sectors.end - sectors.start) + kind + u64::from(fill)
    }

    proptest! {
        #[test]
        fn what_is_simpler_is_smaller_and_could_have_been_made(op in any_op(20)) {
            for simpler in simpler(&op) {
                let sectors = simpler.sectors().expect("only what is about sectors can be simpler");
                prop_assert!(size(&simpler) < size(&op) && !sectors.is_empty(), "{:?}", simpler);
                prop_assert!(sectors.end <= 20 * EACH, "{:?}", simpler);
            }
        }
    }

    #[test]
    fn the_simplest_write_comes_first() {
        let op = VolumeOp::Write { block: 7, count: 3, fill: Fill(9) };
        assert_eq!(format!("{:?}", simpler(&op)[0]), "write block 0 of 01");
        assert!(simpler(&simpler(&op)[0]).is_empty());
    }
}
