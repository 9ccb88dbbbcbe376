//! Operations nobody thought of: strategies for proptest, a generator for seeds, and `Arbitrary` for quickcheck and
//! for fuzzers.
//!
//! All of them draw from one table and from few names, so that operations meet: most files are made, renamed, linked
//! and removed under the same handful of paths.

use super::{Fill, FsOp, Path, View, posix};
use crashcheck::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const PATHS: [&str; 9] = ["/a", "/b", "/d", "/e", "/d/a", "/d/b", "/d/e", "/e/a", "/d/e/a"];

/// Around the ends of 512 B sectors, of blocks of 4 KiB and of a list of 12 direct pointers.
const LENGTHS: [u64; 10] = [0, 1, 100, 512, 1000, 4095, 4096, 4097, 8192, 12 * 4096 + 1];

/// How many operations [`generated`] makes, and how many of one seed in eight: enough to go around a log.
const GENERATED_OPS: usize = 16;
const LONG: usize = 96;

/// Every so many-th of them makes something durable, as does the last.
const DURABLE_EVERY: usize = 4;

/// One in so many of the draws stays in a generated workload even if the model refuses it.
const REFUSALS_KEPT: u32 = 8;

/// One of the paths that operations meet at.
pub fn any_path() -> impl Strategy<Value = Path> {
    select(&PATHS).prop_map(Path::of)
}

/// A length or a position that is likely to be at the edge of something.
pub fn any_length() -> impl Strategy<Value = Bytes> {
    select(&LENGTHS).prop_map(Bytes)
}

/// One operation. Those that make something are more frequent than those that remove it.
pub fn any_op() -> impl Strategy<Value = FsOp> {
    let fill = || any::<u8>().prop_map(Fill);
    let two = || (any_path(), any_path());
    prop_oneof![
        4 => any_path().prop_map(FsOp::Create),
        3 => select(&["/d", "/e", "/d/e"]).prop_map(|path| FsOp::Mkdir(Path::of(path))),
        1 => any_path().prop_map(FsOp::Rmdir),
        2 => any_path().prop_map(FsOp::Unlink),
        1 => two().prop_map(|(from, to)| FsOp::Link { from, to }),
        1 => two().prop_map(|(target, at)| FsOp::Symlink { target, at }),
        2 => two().prop_map(|(from, to)| FsOp::Rename { from, to }),
        2 => (any_path(), any_length(), any_length(), fill())
            .prop_map(|(path, at, len, fill)| FsOp::Write { path, at, len, fill }),
        3 => (any_path(), any_length(), fill()).prop_map(|(path, len, fill)| FsOp::Append { path, len, fill }),
        1 => (any_path(), any_length()).prop_map(|(path, len)| FsOp::Truncate { path, len }),
        1 => any_path().prop_map(FsOp::Fsync),
        1 => Just(FsOp::Sync),
    ]
}

/// Up to `most` operations.
pub fn any_ops(most: usize) -> impl Strategy<Value = Vec<FsOp>> {
    proptest::collection::vec(any_op(), 0..=most)
}

/// Some operations made from a seed, many from one seed in eight; the same on every machine. Most of those that the model refuses are left out: a refusal
/// leaves nothing for a crash to tear. Every few of them one makes a file or everything durable, so that there is something
/// to be lost.
pub fn generated(seed: u64) -> Vec<FsOp> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let all = if seed % 8 == 7 { LONG } else { GENERATED_OPS };
    let mut view = View::empty();
    let mut ops = Vec::new();
    for draw in 0.. {
        // Nothing of this strategy rejects what it draws.
        let op = any_op().new_tree(&mut runner).expect("an operation").current();
        if posix::apply(&mut view, &op).is_ok() || draw % REFUSALS_KEPT == 0 {
            ops.push(op);
        }
        if ops.len() % DURABLE_EVERY == DURABLE_EVERY - 1 {
            let path = any_path().new_tree(&mut runner).expect("a path").current();
            let fsync = FsOp::Fsync(path);
            let ends = ops.len() + 1 == all;
            let there = !ends && posix::apply(&mut view, &fsync).is_ok();
            ops.push(if there { fsync } else { FsOp::Sync });
            if ends {
                break;
            }
        }
    }
    ops
}

#[cfg(any(feature = "quickcheck", feature = "arbitrary"))]
mod arbitrary_op {
    use super::{LENGTHS, PATHS};
    use crate::fs::{Fill, FsOp, Path};
    use crashcheck::Bytes;

    /// An operation from numbers below the given bounds, wherever they come from.
    pub(super) fn from_choices<E>(mut below: impl FnMut(usize) -> Result<usize, E>) -> Result<FsOp, E> {
        let kind = below(FsOp::KINDS.len())?;
        let path = Path::of(PATHS[below(PATHS.len())?]);
        let mut other = || below(PATHS.len()).map(|index| Path::of(PATHS[index]));
        Ok(match FsOp::KINDS[kind] {
            "create" => FsOp::Create(path),
            "mkdir" => FsOp::Mkdir(path),
            "rmdir" => FsOp::Rmdir(path),
            "unlink" => FsOp::Unlink(path),
            "link" => FsOp::Link { from: path, to: other()? },
            "symlink" => FsOp::Symlink { target: path, at: other()? },
            "rename" => FsOp::Rename { from: path, to: other()? },
            "fsync" => FsOp::Fsync(path),
            "sync" => FsOp::Sync,
            sized => {
                let len = Bytes(LENGTHS[below(LENGTHS.len())?]);
                if sized == "truncate" {
                    return Ok(FsOp::Truncate { path, len });
                }
                let fill = Fill(below(256)? as u8);
                if sized == "append" {
                    return Ok(FsOp::Append { path, len, fill });
                }
                FsOp::Write { path, at: Bytes(LENGTHS[below(LENGTHS.len())?]), len, fill }
            }
        })
    }
}

#[cfg(feature = "quickcheck")]
impl quickcheck::Arbitrary for FsOp {
    fn arbitrary(source: &mut quickcheck::Gen) -> Self {
        let below = |bound| {
            Ok::<_, std::convert::Infallible>(<usize as quickcheck::Arbitrary>::arbitrary(source) % bound)
        };
        match arbitrary_op::from_choices(below) {
            Ok(op) => op,
            Err(never) => match never {},
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(super::simpler(self).into_iter())
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for FsOp {
    fn arbitrary(source: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        arbitrary_op::from_choices(|bound| source.int_in_range(0..=bound - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[cfg(any(feature = "quickcheck", feature = "arbitrary"))]
    fn kinds(ops: &[FsOp]) -> BTreeSet<&'static str> {
        ops.iter().map(FsOp::kind).collect()
    }

    #[test]
    fn every_kind_of_operation_is_generated_and_succeeds() {
        let mut succeeded: BTreeMap<&str, u32> = BTreeMap::new();
        for seed in 0..200 {
            let mut view = View::empty();
            for op in generated(seed) {
                if posix::apply(&mut view, &op).is_ok() {
                    *succeeded.entry(op.kind()).or_default() += 1;
                }
            }
        }
        for kind in FsOp::KINDS {
            assert!(succeeded.get(kind).is_some_and(|count| *count >= 5), "{kind}: {succeeded:?}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_operations_every_time() {
        assert_eq!(generated(7), generated(7));
        assert_ne!(generated(7), generated(8));
        assert_eq!((generated(6).len(), generated(7).len()), (GENERATED_OPS, LONG));
        assert_eq!(generated(6).last(), Some(&FsOp::Sync));
    }

    #[test]
    fn operations_meet_at_the_same_names() {
        let refusals = (0..100).flat_map(|seed| {
            let mut view = View::empty();
            generated(seed).into_iter().filter_map(move |op| posix::apply(&mut view, &op).err())
        });
        let seen: BTreeSet<_> = refusals.collect();
        assert!(seen.len() >= 5, "only {seen:?}");
    }

    #[cfg(feature = "quickcheck")]
    #[test]
    fn quickcheck_makes_every_kind() {
        let mut source = quickcheck::Gen::new(400);
        let ops: Vec<FsOp> = quickcheck::Arbitrary::arbitrary(&mut source);
        let more: Vec<FsOp> = (0..400).map(|_| quickcheck::Arbitrary::arbitrary(&mut source)).collect();
        assert_eq!(kinds(&[ops, more].concat()).len(), FsOp::KINDS.len());
    }

    #[cfg(feature = "arbitrary")]
    #[test]
    fn a_fuzzer_makes_every_kind() {
        let bytes: Vec<u8> =
            (0..4000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut source = arbitrary::Unstructured::new(&bytes);
        let ops: Vec<FsOp> = arbitrary::Arbitrary::arbitrary(&mut source).expect("bytes enough");
        let more: Vec<FsOp> = std::iter::from_fn(|| {
            (source.len() > 16).then(|| arbitrary::Arbitrary::arbitrary(&mut source).expect("bytes enough"))
        })
        .collect();
        assert_eq!(kinds(&[ops, more].concat()).len(), FsOp::KINDS.len());
    }
}
