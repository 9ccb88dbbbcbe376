//! What an operation can be made simpler to, the simplest first: how failing workloads are shrunk.

use super::{Fill, FsOp, Path};
use crashcheck::Bytes;

/// Where something that depends on lengths often ends: at one byte, one sector, one block.
const EDGES: [u64; 3] = [1, 512, 4096];

/// As few bytes say by themselves which fill they are: what a reader meets after the crash can still be told apart.
const TELLING: u64 = 16;

/// Shorter lengths, the shortest first. Nothing becomes empty: leaving the operation out does that.
fn shorter(len: Bytes) -> impl Iterator<Item = Bytes> {
    let telling = Some(TELLING).filter(|telling| *telling < len.0);
    telling.into_iter().chain(lower(len.0).filter(|len| *len > TELLING)).map(Bytes)
}

/// Lower numbers, the lowest first: 0, the edges, and half of it.
fn lower(number: u64) -> impl Iterator<Item = u64> {
    let half = number / 2;
    let edges = [0].into_iter().chain(EDGES).filter(move |edge| *edge < number);
    edges.clone().chain((half > 4096).then_some(half))
}

/// The same name in the root directory, if it is not there already.
fn raised(path: &Path) -> Option<Path> {
    let (dir, name) = path.split()?;
    (!dir.is_root()).then(|| Path::root().join(name))
}

/// Simpler operations of the same kind, the simplest first. Every one of them is smaller by some measure (length,
/// position, fill, depth of a path), so that going from one to the next comes to an end.
pub fn simpler(op: &FsOp) -> Vec<FsOp> {
    match op {
        FsOp::Create(path) => raised(path).map(FsOp::Create).into_iter().collect(),
        FsOp::Mkdir(path) => raised(path).map(FsOp::Mkdir).into_iter().collect(),
        FsOp::Rmdir(path) => raised(path).map(FsOp::Rmdir).into_iter().collect(),
        FsOp::Unlink(path) => raised(path).map(FsOp::Unlink).into_iter().collect(),
        FsOp::Fsync(path) => raised(path).map(FsOp::Fsync).into_iter().collect(),
        FsOp::Link { from, to } => {
            pairs(from, to).into_iter().map(|(from, to)| FsOp::Link { from, to }).collect()
        }
        FsOp::Symlink { target, at } => {
            pairs(target, at).into_iter().map(|(target, at)| FsOp::Symlink { target, at }).collect()
        }
        FsOp::Rename { from, to } => {
            pairs(from, to).into_iter().map(|(from, to)| FsOp::Rename { from, to }).collect()
        }
        FsOp::Write { path, at, len, fill } => {
            let write = |path: &Path, at: Bytes, len: Bytes, fill: Fill| FsOp::Write {
                path: path.clone(),
                at,
                len,
                fill,
            };
            let plainest = write(path, Bytes::ZERO, Bytes(len.0.min(TELLING)), Fill(0));
            let mut simpler: Vec<FsOp> = (plainest != *op).then_some(plainest).into_iter().collect();
            simpler.extend(shorter(*len).map(|len| write(path, *at, len, *fill)));
            simpler.extend(lower(at.0).map(|at| write(path, Bytes(at), *len, *fill)));
            simpler.extend(plain(*fill).map(|fill| write(path, *at, *len, fill)));
            simpler.extend(raised(path).map(|path| write(&path, *at, *len, *fill)));
            simpler
        }
        FsOp::Append { path, len, fill } => {
            let append = |path: &Path, len: Bytes, fill: Fill| FsOp::Append { path: path.clone(), len, fill };
            let plainest = append(path, Bytes(len.0.min(TELLING)), Fill(0));
            let mut simpler: Vec<FsOp> = (plainest != *op).then_some(plainest).into_iter().collect();
            simpler.extend(shorter(*len).map(|len| append(path, len, *fill)));
            simpler.extend(plain(*fill).map(|fill| append(path, *len, fill)));
            simpler.extend(raised(path).map(|path| append(&path, *len, *fill)));
            simpler
        }
        FsOp::Truncate { path, len } => {
            let truncate = |path: &Path, len: u64| FsOp::Truncate { path: path.clone(), len: Bytes(len) };
            let lower = lower(len.0).map(|len| truncate(path, len));
            lower.chain(raised(path).map(|path| truncate(&path, len.0))).collect()
        }
        FsOp::Sync => Vec::new(),
    }
}

/// The plainest fill, unless this is it.
fn plain(fill: Fill) -> Option<Fill> {
    (fill != Fill(0)).then_some(Fill(0))
}

/// Two paths with one of them raised, and with both.
fn pairs(one: &Path, other: &Path) -> Vec<(Path, Path)> {
    let (up, over) = (raised(one), raised(other));
    let mut pairs = Vec::new();
    pairs.extend(up.clone().zip(over.clone()));
    pairs.extend(up.map(|up| (up, other.clone())));
    pairs.extend(over.map(|over| (one.clone(), over)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::generate::any_op;
    use proptest::prelude::*;

    /// How much there is to an operation.
    fn size(op: &FsOp) -> u64 {
        let depth = |path: &Path| path.components().count() as u64;
        match op {
            FsOp::Create(path)
            | FsOp::Mkdir(path)
            | FsOp::Rmdir(path)
            | FsOp::Unlink(path)
            | FsOp::Fsync(path) => depth(path),
            FsOp::Link { from: one, to: other }
            | FsOp::Symlink { target: one, at: other }
            | FsOp::Rename { from: one, to: other } => depth(one) + depth(other),
            FsOp::Write { path, at, len, fill } => depth(path) + at.0 + len.0 + u64::from(fill.0),
            FsOp::Append { path, len, fill } => depth(path) + len.0 + u64::from(fill.0),
            FsOp::Truncate { path, len } => depth(path) + len.0,
            FsOp::Sync => 0,
        }
    }

    proptest! {
        #[test]
        fn what_is_simpler_is_of_the_same_kind_and_smaller(op in any_op()) {
            for simpler in simpler(&op) {
                prop_assert_eq!(simpler.kind(), op.kind());
                prop_assert!(size(&simpler) < size(&op), "{:?} is no simpler than {:?}", simpler, op);
            }
        }
    }

    #[test]
    fn the_simplest_write_comes_first_and_cannot_be_simpler() {
        let path = Path::of("/d/a");
        let op = FsOp::Write { path, at: Bytes(4097), len: Bytes(8192), fill: Fill(7) };
        let all = simpler(&op);
        assert_eq!(format!("{:?}", all[0]), "write /d/a 16 bytes at 0 of 00");
        let last = std::iter::successors(Some(op), |op| simpler(op).into_iter().next()).last();
        assert_eq!(format!("{:?}", last.expect("at least itself")), "write /a 16 bytes at 0 of 00");
    }
}
