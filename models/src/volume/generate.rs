//! Operations nobody thought of, for any block device.

use super::VolumeOp;
use crate::fs::Fill;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many operations [`generated`] makes.
const GENERATED_OPS: usize = 10;

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

/// A few operations made from a seed; the same on every machine.
pub fn generated(seed: u64, blocks: u64) -> Vec<VolumeOp> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // Nothing of this strategy rejects what it draws.
    let mut draw = || any_op(blocks).new_tree(&mut runner).expect("an operation").current();
    (0..GENERATED_OPS).map(|_| draw()).collect()
}
