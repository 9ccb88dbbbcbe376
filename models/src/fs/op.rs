//! The operations of a file system.

use super::Path;
use crashcheck::Bytes;
use crashcheck::outcome::counted;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use thiserror::Error;

/// One operation of a workload, shown as a person would write it: `rename /a /b`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FsOp {
    /// Makes an empty file. The name must be free.
    Create(Path),
    /// Makes an empty directory. The name must be free.
    Mkdir(Path),
    /// Removes an empty directory.
    Rmdir(Path),
    /// Removes a name; the file goes with its last one.
    Unlink(Path),
    /// Gives a file a second name.
    Link {
        /// The file.
        from: Path,
        /// Its new name.
        to: Path,
    },
    /// Makes a symbolic link.
    Symlink {
        /// What the link says; it need not exist.
        target: Path,
        /// The name of the link.
        at: Path,
    },
    /// Moves a name, and replaces what the new one held.
    Rename {
        /// The old name.
        from: Path,
        /// The new one.
        to: Path,
    },
    /// Writes into an existing file. What lies between its old end and `at` reads as zeros.
    Write {
        /// The file; symbolic links are followed.
        path: Path,
        /// Position in the file.
        at: Bytes,
        /// How many bytes.
        len: Bytes,
        /// Which bytes.
        fill: Fill,
    },
    /// Writes at the end of an existing file.
    Append {
        /// The file; symbolic links are followed.
        path: Path,
        /// How many bytes.
        len: Bytes,
        /// Which bytes.
        fill: Fill,
    },
    /// Sets the length of a file. What is new reads as zeros.
    Truncate {
        /// The file; symbolic links are followed.
        path: Path,
        /// The new length.
        len: Bytes,
    },
    /// Makes a file or directory durable.
    Fsync(Path),
    /// Makes everything durable.
    Sync,
}

impl FsOp {
    /// The words that every operation is named by, in the order of the variants.
    pub const KINDS: [&'static str; 12] = [
        "create", "mkdir", "rmdir", "unlink", "link", "symlink", "rename", "write", "append", "truncate",
        "fsync", "sync",
    ];

    /// The word this operation is named by.
    pub fn kind(&self) -> &'static str {
        match self {
            FsOp::Create(_) => "create",
            FsOp::Mkdir(_) => "mkdir",
            FsOp::Rmdir(_) => "rmdir",
            FsOp::Unlink(_) => "unlink",
            FsOp::Link { .. } => "link",
            FsOp::Symlink { .. } => "symlink",
            FsOp::Rename { .. } => "rename",
            FsOp::Write { .. } => "write",
            FsOp::Append { .. } => "append",
            FsOp::Truncate { .. } => "truncate",
            FsOp::Fsync(_) => "fsync",
            FsOp::Sync => "sync",
        }
    }
}

impl fmt::Display for FsOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            FsOp::Create(path)
            | FsOp::Mkdir(path)
            | FsOp::Rmdir(path)
            | FsOp::Unlink(path)
            | FsOp::Fsync(path) => write!(f, " {path}"),
            FsOp::Link { from, to } | FsOp::Rename { from, to } => write!(f, " {from} {to}"),
            FsOp::Symlink { target, at } => write!(f, " {target} {at}"),
            FsOp::Write { path, at, len, fill } => {
                write!(f, " {path} {} at {} of {fill}", counted(len.0, "byte"), at.0)
            }
            FsOp::Append { path, len, fill } => write!(f, " {path} {} of {fill}", counted(len.0, "byte")),
            FsOp::Truncate { path, len } => write!(f, " {path} {}", len.0),
            FsOp::Sync => Ok(()),
        }
    }
}

impl fmt::Debug for FsOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which bytes a write writes. They name the fill and their position in the file, so that whoever meets them on an
/// image knows where they came from: 16 characters, `7f@00000000100\n`-like, for every 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fill(pub u8);

/// How many bytes say the same thing once.
const CELL: usize = 16;
/// As many as differ in one digit.
const ROW: usize = 16 * CELL;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The digits of a cell that count.
const COUNT: Range<usize> = 3..14;

impl Fill {
    /// The bytes for a range of a file.
    pub fn bytes(self, at: Bytes, len: Bytes) -> Vec<u8> {
        let mut skip = (at.0 % ROW as u64) as usize;
        let mut first = self.cell(at.0 - skip as u64);
        let mut row = [0; ROW];
        for (digit, cell) in DIGITS.iter().zip(row.chunks_exact_mut(CELL)) {
            cell.copy_from_slice(&first);
            cell[COUNT.end - 1] = *digit;
        }
        let mut text = Vec::with_capacity(len.index());
        while text.len() < len.index() {
            let end = ROW.min(skip + len.index() - text.len());
            text.extend_from_slice(&row[skip..end]);
            skip = 0;
            // What the cells of a row have in common is all but one digit.
            let common = COUNT.start..COUNT.end - 1;
            count_up(&mut first[common.clone()]);
            row.chunks_exact_mut(CELL)
                .for_each(|cell| cell[common.clone()].copy_from_slice(&first[common.clone()]));
        }
        text
    }

    /// Whether these are the bytes for a range of a file that begins here.
    pub fn fills(self, at: Bytes, bytes: &[u8]) -> bool {
        let skip = (at.0 % CELL as u64) as usize;
        let mut cell = self.cell(at.0 - skip as u64);
        let (first, rest) = bytes.split_at(bytes.len().min(CELL - skip));
        *first == cell[skip..skip + first.len()]
            && rest.chunks(CELL).all(|part| {
                count_up(&mut cell[COUNT]);
                *part == cell[..part.len()]
            })
    }

    fn cell(self, at: u64) -> [u8; CELL] {
        let digit = |value: u64| DIGITS[(value & 15) as usize];
        let mut cell = [b'@'; CELL];
        cell[0] = digit(u64::from(self.0 >> 4));
        cell[1] = digit(u64::from(self.0));
        for (index, byte) in cell[3..15].iter_mut().enumerate() {
            *byte = digit(at >> (4 * (11 - index)));
        }
        cell[15] = b'\n';
        cell
    }
}

/// Counts the digits up that make a cell another one: the last digit of a position is always 0, and those before it count.
fn count_up(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = match *digit {
            b'9' => b'a',
            b'f' => b'0',
            other => other + 1,
        };
        if *digit != b'0' {
            return;
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// Why a file system refused an operation, by the names of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[non_exhaustive]
#[allow(clippy::upper_case_acronyms, reason = "these are the names everybody knows")]
pub enum Errno {
    /// No such file or directory.
    #[error("ENOENT: no such file or directory")]
    ENOENT,
    /// The name is taken.
    #[error("EEXIST: the name is taken")]
    EEXIST,
    /// A component of the path, or the operand, is not a directory.
    #[error("ENOTDIR: not a directory")]
    ENOTDIR,
    /// The operand is a directory.
    #[error("EISDIR: is a directory")]
    EISDIR,
    /// The directory holds something.
    #[error("ENOTEMPTY: the directory is not empty")]
    ENOTEMPTY,
    /// Too many symbolic links on the way.
    #[error("ELOOP: too many symbolic links")]
    ELOOP,
    /// A directory cannot move into itself.
    #[error("EINVAL: a directory cannot move into itself")]
    EINVAL,
    /// Only files have hard links.
    #[error("EPERM: only files can have hard links")]
    EPERM,
    /// The root directory stays where it is.
    #[error("EBUSY: the root directory stays where it is")]
    EBUSY,
    /// The file would be larger than a file can be.
    #[error("EFBIG: the file would be too large")]
    EFBIG,
    /// No free block, no free inode, or not enough of them.
    #[error("ENOSPC: no space left")]
    ENOSPC,
    /// The file has as many names as a file can have.
    #[error("EMLINK: too many links")]
    EMLINK,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_read_as_a_person_would_write_them() {
        let (a, b) = (Path::of("/a"), Path::of("/d/b"));
        let shown = |op: FsOp| format!("{op:?}");
        assert_eq!(shown(FsOp::Rename { from: a.clone(), to: b.clone() }), "rename /a /d/b");
        assert_eq!(shown(FsOp::Truncate { path: a.clone(), len: Bytes(100) }), "truncate /a 100");
        assert_eq!(
            shown(FsOp::Write { path: a.clone(), at: Bytes(4096), len: Bytes(512), fill: Fill(7) }),
            "write /a 512 bytes at 4096 of 07"
        );
        assert_eq!(
            shown(FsOp::Append { path: a, len: Bytes(512), fill: Fill(7) }),
            "append /a 512 bytes of 07"
        );
        assert_eq!(shown(FsOp::Sync), "sync");
    }

    #[test]
    fn the_bytes_of_a_fill_name_every_position_in_hexadecimal() {
        for at in [0, 0xf0, 0xff0, 0x1_2345, 0xf_fff0_0003_u64] {
            let (first, skip) = (at & !15, (at & 15) as usize);
            let cells = (first..first + 0x2200).step_by(CELL);
            let named: String = cells.map(|at| format!("7f@{at:012x}\n")).collect();
            let bytes = Fill(0x7f).bytes(Bytes(at), Bytes(0x2100));
            assert_eq!(bytes, named.as_bytes()[skip..skip + 0x2100], "{at:x}");
        }
    }

    #[test]
    fn the_bytes_of_a_fill_depend_on_their_position_alone() {
        let whole = Fill(0x7f).bytes(Bytes::ZERO, Bytes(100));
        assert_eq!(&whole[..32], b"7f@000000000000\n7f@000000000010\n");
        for at in 0..100u64 {
            for len in 0..(100 - at) {
                let part = Fill(0x7f).bytes(Bytes(at), Bytes(len));
                assert_eq!(part, whole[at as usize..(at + len) as usize]);
                assert!(Fill(0x7f).fills(Bytes(at), &part));
                for byte in 0..part.len() {
                    let mut other = part.clone();
                    other[byte] ^= 1;
                    assert!(!Fill(0x7f).fills(Bytes(at), &other), "{byte} of {len} at {at}");
                }
            }
        }
    }
}
