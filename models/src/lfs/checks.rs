//! What a log-structured file system has to do.

use crashcheck::{Check, Checks};

const BOOK: &str = "OSTEP, chapter 43";
const SPACE: &str = "Rosenblum and Ousterhout 1992, section 3";
const CRASH: &str = "Rosenblum and Ousterhout 1992, section 4";
const SUMMARY: &str = "Seltzer and others 1993";
const BARRIER: &str = "OSTEP, chapter 43, on a device that keeps no order";

/// The checks, in order.
pub const CHECKS: Checks = Checks { of: "lfs", about: "log-structured file systems", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "LF-01",
        says: "The log goes only to segments that the last durable checkpoint calls free, and overwrites \
               nothing that is still referred to.",
        source: BOOK,
    },
    Check {
        code: "LF-02",
        says: "What is written together lies together: content, then its inodes, then the pieces of the \
               inode map.",
        source: BOOK,
    },
    Check {
        code: "LF-03",
        says: "How much has to be written at once to reach a share F of a drive's rate R is F/(1-F) times R \
               times the time to position.",
        source: BOOK,
    },
    Check {
        code: "LF-04",
        says: "The inode map says where the newest inode of each number lies.",
        source: BOOK,
    },
    Check {
        code: "LF-05",
        says: "From a checkpoint region everything is reachable, and checkpoints come often enough that \
               little lies behind them.",
        source: BOOK,
    },
    Check {
        code: "LF-06",
        says: "Rewriting a file moves its inode and does not touch its directory.",
        source: BOOK,
    },
    Check {
        code: "LF-07",
        says: "Reading goes from the inode map, which is in memory, to the inode and from there to the \
               block.",
        source: BOOK,
    },
    Check {
        code: "LF-08",
        says: "The tables that are built from the log when it is opened are those that were in memory.",
        source: CRASH,
    },
    Check {
        code: "LF-09",
        says: "A checkpoint region holds the addresses of the pieces of the inode map, and not the map.",
        source: SPACE,
    },
    Check {
        code: "LF-10",
        says: "A full disk refuses a write and changes nothing; the cleaner keeps room to work in, and \
               removing files gives space back.",
        source: SPACE,
    },
    Check {
        code: "LF-12",
        says: "Two checkpoint regions are written in turn, and recovery takes the newest whose two \
               timestamps are equal.",
        source: BOOK,
    },
    Check {
        code: "LF-13",
        says: "The tail of a checkpoint region is written when the rest of it is durable, or equal \
               timestamps could enclose an old body.",
        source: BARRIER,
    },
    Check {
        code: "LF-14",
        says: "Everything that a checkpoint refers to is durable before the first write of the checkpoint.",
        source: CRASH,
    },
    Check {
        code: "LF-15",
        says: "A crash while a checkpoint is written leaves the one before it in use.",
        source: BOOK,
    },
    Check {
        code: "LF-16",
        says: "Roll-forward takes what was written whole behind the checkpoint, up to the first part that is \
               not valid.",
        source: BOOK,
    },
    Check { code: "LF-17", says: "Roll-forward takes back nothing that the checkpoint has.", source: CRASH },
    Check {
        code: "LF-18",
        says: "An inode that roll-forward finds goes into the inode map, and its blocks lie before it in the \
               log.",
        source: CRASH,
    },
    Check {
        code: "LF-19",
        says: "Roll-forward ignores blocks whose inode is not there, so that the file stays as it was.",
        source: CRASH,
    },
    Check {
        code: "LF-20",
        says: "After roll-forward the link count of every inode is the number of its names.",
        source: CRASH,
    },
    Check {
        code: "LF-21",
        says: "The log of directory operations says what every operation left, link count included, so that \
               the missing half of it can be completed any number of times.",
        source: CRASH,
    },
    Check {
        code: "LF-22",
        says: "Roll-forward counts live bytes anew: more where the log went, fewer where something was \
               overwritten or removed.",
        source: CRASH,
    },
    Check {
        code: "LF-23",
        says: "A part of the log counts only if its checksums fit and it continues the part before it, so \
               that what a former life of a segment left does not.",
        source: SUMMARY,
    },
    Check {
        code: "LF-24",
        says: "A crash during recovery leads to the same state once recovery has run again.",
        source: CRASH,
    },
    Check {
        code: "LF-25",
        says: "What the inode map reaches is live, and everything else in the log is garbage.",
        source: BOOK,
    },
    Check {
        code: "LF-26",
        says: "Cleaning changes no file, and a cleaned segment is written again only when a checkpoint that \
               does without it is durable.",
        source: SPACE,
    },
    Check {
        code: "LF-27",
        says: "The summary of a segment says of each block whose it is and where in it, and the block is \
               live if the inode still leads there.",
        source: BOOK,
    },
    Check {
        code: "LF-28",
        says: "Deleting or emptying a file changes the version of its inode number, and a block of another \
               version is dead without a look at the inode.",
        source: SPACE,
    },
    Check {
        code: "LF-29",
        says: "The cleaner prefers segments with much free space that will stay free: age times the free \
               share, over the cost of reading and writing.",
        source: SPACE,
    },
    Check {
        code: "LF-30",
        says: "The cleaner starts when clean segments become few, and stops when there are enough.",
        source: SPACE,
    },
    Check {
        code: "LF-31",
        says: "A log that threads through free places moves nothing but positions often; one that copies \
               moves live blocks and writes in long runs.",
        source: SPACE,
    },
    Check {
        code: "LF-32",
        says: "Each new block costs 2/(1-u) blocks moved where segments are u full when they are cleaned, \
               and 1 where they are empty.",
        source: SPACE,
    },
    Check {
        code: "LF-33",
        says: "The usage table counts the live bytes of each segment, and one without any is free without \
               being cleaned.",
        source: SPACE,
    },
    Check {
        code: "LF-34",
        says: "A crash in the middle of cleaning leaves each block reachable in its old place or in its new \
               one.",
        source: SPACE,
    },
    Check {
        code: "M7",
        says: "It is a mistake to write the tail of a checkpoint region without waiting for its body.",
        source: BARRIER,
    },
    Check { code: "M8", says: "It is a mistake to write every checkpoint to the same region.", source: BOOK },
    Check {
        code: "M9",
        says: "It is a mistake of roll-forward to take data whose inode is not there.",
        source: CRASH,
    },
    Check {
        code: "M10",
        says: "It is a mistake to write over a cleaned segment before the checkpoint that frees it is \
               durable.",
        source: SPACE,
    },
    Check {
        code: "M11",
        says: "It is a mistake to keep the version of an inode number when its file is deleted.",
        source: SPACE,
    },
    Check {
        code: "Q-01",
        says: "At 100 MB/s and 10 ms to position, it takes 1, 4, 9, 19 and 99 MB at once to reach 50, 80, \
               90, 95 and 99 % of the rate.",
        source: BOOK,
    },
    Check {
        code: "Q-02",
        says: "The write cost is 1 for empty segments, and 2.5, 4, 5, 8, 10 and 20 for segments that are 20, \
               50, 60, 75, 80 and 90 % full.",
        source: SPACE,
    },
    Check {
        code: "ERR-12",
        says: "Equal timestamps at both ends of a checkpoint region prove it whole only on a device that \
               keeps the order of writes.",
        source: BARRIER,
    },
];
