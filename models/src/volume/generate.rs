//! Operations nobody thought of, for any block device, and what each can be made simpler to.

use super::VolumeOp;
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

/// One operation on a device of so many blocks. A few blocks at the beginning are used most, so that writes meet.
pub fn any_op(blocks: u64) -> impl Strategy<Value = VolumeOp> {
    let block = || prop_oneof![3 => 0..blocks.min(6), 1 => 0..blocks];
    let range =
        move || (block(), 1..=3u64).prop_map(move |(block, count)| (block, count.min(blocks - block)));
    prop_oneof![
        5 => (range(), 1..=u8::MAX).prop_map(|((block, count), fill)| {
            VolumeOp::Write { block, count, fill: Fill(fill) }
        }),
        1 => range().prop_map(|(block, count)| VolumeOp::Discard { block, count }),
        2 => Just(VolumeOp::Flush),
        1 => (0..4u8).prop_map(VolumeOp::Maintain),
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

/// Simpler operations of the same kind, the simplest first: one block instead of many, the first block, the plainest
/// fill that [`any_op`] makes.
pub fn simpler(op: &VolumeOp) -> Vec<VolumeOp> {
    let of = |block: u64, count: u64, plain: bool| match op {
        VolumeOp::Write { fill, .. } => {
            let fill = if plain { PLAIN.min(*fill) } else { *fill };
            VolumeOp::Write { block, count, fill }
        }
        _ => VolumeOp::Discard { block, count },
    };
    let Some((block, count)) = op.range() else { return Vec::new() };
    let one = count.min(1);
    let places = [of(0, one, true), of(block, one, false), of(0, count, false), of(block, count / 2, false)];
    let others = [of(block / 2, count, false), of(block, count, true)];
    let mut simpler: Vec<VolumeOp> = Vec::new();
    for place in places.into_iter().chain(others) {
        let empty = count > 0 && place.range().is_some_and(|(_, count)| count == 0);
        if place != *op && !empty && !simpler.contains(&place) {
            simpler.push(place);
        }
    }
    simpler
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn what_is_simpler_is_smaller_and_could_have_been_made(op in any_op(20)) {
            let size = |op: &VolumeOp| match op {
                VolumeOp::Write { block, count, fill } => block + count + u64::from(fill.0),
                other => other.range().map_or(0, |(block, count)| block + count),
            };
            for simpler in simpler(&op) {
                let (block, count) = simpler.range().expect("only what has a range can be simpler");
                prop_assert!(size(&simpler) < size(&op) && count >= 1 && block + count <= 20, "{:?}", simpler);
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
