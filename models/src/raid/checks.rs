//! What an array of disks has to do.

use crashcheck::{Check, Checks};

const BOOK: &str = "OSTEP, chapter 38";
const CASE: &str = "Patterson, Gibson and Katz 1988";
const SILENT: &str = "OSTEP, chapters 38 and 45";
const TORN: &str = "OSTEP, chapters 37 and 38";
const LOG: &str = "OSTEP, chapter 43";
const INTENT: &str = "OSTEP, chapter 38; the write-intent bitmap and journal of Linux md";

/// The checks, in order.
pub const CHECKS: Checks = Checks { of: "raid", about: "arrays of disks", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "RD-01",
        says: "Every logical block has bytes of its own on some member, none of which hold parity.",
        source: BOOK,
    },
    Check { code: "RD-02", says: "RAID-0 deals chunks out to the members in turn.", source: BOOK },
    Check {
        code: "RD-03",
        says: "A request that touches several members waits for the slowest of them.",
        source: BOOK,
    },
    Check {
        code: "RD-04",
        says: "Where nothing is in flight, the copies of a mirror are equal and either may be read.",
        source: BOOK,
    },
    Check {
        code: "RD-05",
        says: "RAID-3 has the parity of each byte position on one member; RAID-2 has a Hamming code, which \
               corrects any one bit, and no crash may leave it half updated.",
        source: CASE,
    },
    Check { code: "RD-06", says: "The parity of RAID-4 is always on the last member.", source: BOOK },
    Check {
        code: "RD-07",
        says: "The parity of RAID-5 is on each member once in as many stripes as there are members.",
        source: BOOK,
    },
    Check {
        code: "RD-08",
        says: "RAID-0 exports all blocks, a mirror half of them, and one parity costs one member.",
        source: BOOK,
    },
    Check {
        code: "RD-09",
        says: "All blocks of a stripe with its parity add up to zero, so that any one of them follows from \
               the others.",
        source: BOOK,
    },
    Check {
        code: "RD-10",
        says: "New parity computed from all data and new parity computed from the change are the same.",
        source: BOOK,
    },
    Check {
        code: "RD-11",
        says: "The change of the parity is the change of the data, and where the data does not change the \
               parity need not be written.",
        source: BOOK,
    },
    Check { code: "RD-12", says: "A full stripe is written without reading anything.", source: BOOK },
    Check {
        code: "RD-13",
        says: "A small write takes two reads and two writes, half of them on the parity member.",
        source: BOOK,
    },
    Check {
        code: "RD-14",
        says: "With k of D blocks changed, parity is computed whichever way reads less: D-k blocks or k+1.",
        source: BOOK,
    },
    Check {
        code: "RD-15",
        says: "RAID-0 loses the blocks of a lost member, and says so instead of showing garbage.",
        source: BOOK,
    },
    Check {
        code: "RD-16",
        says: "Mirrors survive any losses that leave one member of each pair.",
        source: BOOK,
    },
    Check {
        code: "RD-17",
        says: "One parity survives the loss of any one member; a second loss is an error, and never garbage.",
        source: BOOK,
    },
    Check {
        code: "RD-18",
        says: "Parity and copies help against members that fail openly; what a member returns wrong without \
               a word is believed.",
        source: SILENT,
    },
    Check {
        code: "RD-19",
        says: "A spare takes over while the array serves, a crash in between does no harm, and afterwards \
               any member may be lost again.",
        source: CASE,
    },
    Check {
        code: "RD-20",
        says: "A crash between the write of data and that of parity leaves a stripe that shows something \
               else than was written once another member is lost: the write hole.",
        source: BOOK,
    },
    Check {
        code: "RD-21",
        says: "The copies of a mirror may differ after a crash; recovery makes them equal, to what was there \
               or what was written.",
        source: BOOK,
    },
    Check {
        code: "RD-22",
        says: "What a crash can leave half written is noted durably before, and recovery makes it whole \
               before it serves anything.",
        source: INTENT,
    },
    Check {
        code: "RD-23",
        says: "Parity holds sector by sector, so that a torn sector is wrong in itself alone.",
        source: TORN,
    },
    Check {
        code: "RD-24",
        says: "A log that is written stripe by stripe needs no reads for its parity.",
        source: LOG,
    },
    Check {
        code: "RD-25",
        says: "An array is faster than a disk for long requests, or for many at the same time.",
        source: BOOK,
    },
    Check {
        code: "M14",
        says: "It is a mistake to serve after a crash without recomputing the parity of stripes that were \
               being written.",
        source: BOOK,
    },
    Check {
        code: "M15",
        says: "It is a mistake to compute new parity from old data that is out of date.",
        source: BOOK,
    },
    Check {
        code: "Q-03",
        says: "For levels 0, 1, 4 and 5 the throughput and latency, sequential and random, are those of the \
               book's table; its disk reaches 47.62 MB/s in long requests and 0.98 MB/s in short ones.",
        source: BOOK,
    },
];
