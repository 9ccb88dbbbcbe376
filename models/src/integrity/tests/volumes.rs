//! Volumes of all sizes against a plain map of their blocks.

use super::*;
use crashcheck::BlockDevice;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An operation on a volume.
#[derive(Clone, Debug)]
enum Op {
    Write { at: u64, len: u64, fill: u8 },
    Zero { at: u64, len: u64 },
    Discard { at: u64, len: u64 },
    Flush,
    Open,
}

/// Ranges of a volume of so many blocks, aligned or not, mostly near its ends.
fn range(blocks: u64) -> impl Strategy<Value = (u64, u64)> {
    let size = BLOCK_SIZE as u64;
    let block = prop_oneof![0..blocks.min(8), blocks.saturating_sub(8)..blocks, 0..blocks];
    let aligned = (block.clone(), 1..6u64).prop_map(move |(block, count)| (block * size, count * size));
    let bytes = (block, 0..size, 1..3 * size).prop_map(move |(block, skip, len)| (block * size + skip, len));
    prop_oneof![2 => aligned, 1 => bytes].prop_map(move |(at, len)| (at, len.min(blocks * size - at)))
}

fn ops(blocks: u64) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (range(blocks), 1..=u8::MAX).prop_map(|((at, len), fill)| Op::Write { at, len, fill }),
        1 => range(blocks).prop_map(|(at, len)| Op::Zero { at, len }),
        1 => range(blocks).prop_map(|(at, len)| Op::Discard { at, len }),
        2 => Just(Op::Flush),
        1 => Just(Op::Open),
    ];
    prop::collection::vec(op, 1..40)
}

/// What the blocks should hold: those that are not zeros.
#[derive(Clone, Default)]
struct Model(BTreeMap<u64, Vec<u8>>);

impl Model {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            let (block, within) = (at / BLOCK_SIZE as u64, at as usize % BLOCK_SIZE);
            self.0.entry(block).or_insert_with(|| vec![0; BLOCK_SIZE])[within] = *byte;
        }
    }

    fn zero(&mut self, at: u64, len: u64) {
        self.write(at, &vec![0; len as usize]);
    }

    /// Only whole blocks can be discarded.
    fn discard(&mut self, at: u64, len: u64) {
        let size = BLOCK_SIZE as u64;
        (at.div_ceil(size)..(at + len) / size).for_each(|block| drop(self.0.remove(&block)));
    }

    fn read(&self, block: u64) -> Vec<u8> {
        self.0.get(&block).cloned().unwrap_or_else(|| vec![0; BLOCK_SIZE])
    }
}

fn apply(live: &mut Live, model: &mut Model, op: &Op) {
    match *op {
        Op::Write { at, len, fill } => {
            let bytes = Fill(fill).bytes(Bytes(at), Bytes(len));
            live.write(Bytes(at), &bytes, false, None).expect("room");
            model.write(at, &bytes);
        }
        Op::Zero { at, len } => {
            live.write_zeroes(Bytes(at), Bytes(len), None).expect("room");
            model.zero(at, len);
        }
        Op::Discard { at, len } => {
            live.discard(Bytes(at), Bytes(len)).expect("room");
            model.discard(at, len);
        }
        Op::Flush | Op::Open => live.flush().expect("working members"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// HM-15, on volumes with maps of one and of two levels, which are small enough to run out of places.
    #[test]
    fn a_volume_holds_what_was_written(
        (blocks, ops) in prop_oneof![1..20u64, 505..520u64, 1020..1100u64].prop_flat_map(|n| (Just(n), ops(n)))
    ) {
        let disk = formatted(Integrity::default(), blocks);
        let mut live = opened(Integrity::default(), &disk);
        let mut model = Model::default();
        for op in &ops {
            apply(&mut live, &mut model, op);
            if matches!(op, Op::Open) {
                live = opened(Integrity::default(), &disk);
            }
            for block in 0..blocks {
                prop_assert!(live.read_block(block).expect("a good copy")[..] == model.read(block)[..]);
            }
        }
        live.flush().expect("working members");
        prop_assert_eq!(live.check(), Ok(()));
        prop_assert_eq!(live.met(), Met::default());
        let free = live.space.free();
        prop_assert_eq!(opened(Integrity::default(), &disk).space.free(), free, "no place leaks");
    }
}

/// Every place is used and given back, over and over.
#[test]
fn a_full_volume_can_be_overwritten_for_ever() {
    for blocks in [1, 16, 512, 600] {
        let disk = formatted(Integrity::default(), blocks);
        let mut live = opened(Integrity::default(), &disk);
        for fill in 1..6 {
            write(&mut live, fill, 0..blocks);
        }
        assert!(live.generation().0 > 5);
        let mut live = opened(Integrity::default(), &disk);
        assert!((0..blocks).all(|block| live.read_block(block) == Ok(page(5, block))), "{blocks} blocks");
        assert_eq!(live.check(), Ok(()));
        (0..blocks).for_each(|block| live.forget_block(block).expect("room"));
        live.commit().expect("working members");
        assert_eq!(live.space.free(), u64::from(live.geometry().places) - 2, "only the roots are left");
        assert!((0..blocks).all(|block| live.read_block(block) == Ok([0; BLOCK_SIZE])));
    }
}

/// DI-09: nothing that the last root leads to is overwritten before the next root is durable.
#[test]
fn the_last_commit_stays_whole_until_the_next() {
    let disk = formatted(Integrity::default(), 16);
    let mut live = opened(Integrity::default(), &disk);
    write(&mut live, 1, 0..8);
    for fill in 2..5 {
        for block in 0..2 {
            live.write_block(block, &page(fill, block), "data").expect("room");
        }
        let mut last = opened(Integrity::default(), &disk);
        assert!((0..8).all(|block| last.read_block(block) == Ok(page(1, block))));
    }
}

#[test]
fn force_unit_access_is_a_commit() {
    let disk = formatted(Integrity::default(), 16);
    let mut live = opened(Integrity::default(), &disk);
    live.write(Bytes(100), b"durable", true, None).expect("room");
    let mut bytes = [0; 7];
    opened(Integrity::default(), &disk).read(Bytes(100), &mut bytes).expect("a good copy");
    assert_eq!(&bytes, b"durable");
}
