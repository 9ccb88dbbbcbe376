//! What a flash chip does, and what a translation layer on it has to do.

use crashcheck::{Check, Checks};

const BOOK: &str = "OSTEP, chapter 44";
const PAIRS: &str = "Tseng, Grupp and Swanson 2011";
const HYBRID: &str = "OSTEP, chapter 44; Kim and others 2002";
const CONTRACT: &str = "OSTEP, chapters 44 and 45";
const FACTORY: &str = "common practice of flash chips";

/// The checks, in order.
pub const CHECKS: Checks =
    Checks { of: "ftl", about: "flash chips and the translation layers on them", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "FT-01",
        says: "A page is programmed once, and only an erase of its whole block makes that possible again.",
        source: BOOK,
    },
    Check {
        code: "FT-02",
        says: "Reading changes nothing, and the host is given nothing but pages that were programmed.",
        source: BOOK,
    },
    Check {
        code: "FT-03",
        says: "An erase sets every bit of a block, and nothing may be erased that is the only durable copy \
               of a live page.",
        source: BOOK,
    },
    Check { code: "FT-04", says: "Programming only takes bits from 1 to 0.", source: BOOK },
    Check {
        code: "FT-05",
        says: "There is no smaller write than a page, and no smaller erase than a block.",
        source: BOOK,
    },
    Check { code: "FT-06", says: "The pages of a block are programmed in ascending order.", source: BOOK },
    Check {
        code: "FT-07",
        says: "One flipped bit of a page is corrected; a page that cannot be corrected does not count.",
        source: BOOK,
    },
    Check {
        code: "FT-08",
        says: "A block that has been erased as often as it survives is of no use any more: what it holds is \
               moved, and it is never used again.",
        source: BOOK,
    },
    Check {
        code: "FT-09",
        says: "A page carries a code that corrects errors, and blocks that were bad from the beginning are \
               found and left alone.",
        source: FACTORY,
    },
    Check {
        code: "FT-10",
        says: "Where two pages share cells, a program that is cut off may take the earlier page with it, so \
               after a flush no acknowledged page may still be in that danger.",
        source: PAIRS,
    },
    Check {
        code: "FT-12",
        says: "What runs on a translation layer cannot tell it from a disk.",
        source: CONTRACT,
    },
    Check {
        code: "FT-13",
        says: "A layer that rewrites a block in place loses all of it in a crash between the erase and the \
               programs, unless it has a copy.",
        source: BOOK,
    },
    Check {
        code: "FT-14",
        says: "A direct-mapped layer writes as many pages as a block has for each page of the host, and the \
               host decides which block wears out.",
        source: BOOK,
    },
    Check {
        code: "FT-15",
        says: "The map leads to the last acknowledged write of each page or to one in flight, and never to \
               an older one.",
        source: BOOK,
    },
    Check {
        code: "FT-16",
        says: "The map can be rebuilt from what the pages say of themselves, the newest whole version \
               counts, and a checkpoint gives the same as reading everything.",
        source: BOOK,
    },
    Check {
        code: "FT-17",
        says: "Garbage collection copies what is live before it erases, and a copy never counts as newer \
               than a write of the host.",
        source: BOOK,
    },
    Check {
        code: "FT-18",
        says: "In the book's example the pages 100, 101, 2000 and 2001 end up in the physical pages 4, 5, 6 \
               and 7.",
        source: BOOK,
    },
    Check {
        code: "FT-19",
        says: "Write amplification is at least 1, and no worse than if every block were equally full.",
        source: BOOK,
    },
    Check {
        code: "FT-21",
        says: "In a block that is mapped as a whole, each page lies at its own offset.",
        source: BOOK,
    },
    Check {
        code: "FT-22",
        says: "The newest version is looked for in the log block first, a merge changes nothing that is \
               read, and a log block is switched in only if it holds its chunk whole and in order.",
        source: HYBRID,
    },
    Check {
        code: "FT-23",
        says: "Erases are spread, and blocks that nobody writes take part, so that the counts stay close \
               whatever the host does.",
        source: BOOK,
    },
    Check {
        code: "FT-24",
        says: "What cannot be programmed any more is remembered as bad, durably, and its data placed \
               elsewhere.",
        source: BOOK,
    },
    Check {
        code: "FT-25",
        says: "A discarded page reads as zeros, and once that was flushed no crash or collection brings its \
               old content back.",
        source: BOOK,
    },
    Check {
        code: "FT-26",
        says: "What a crash interrupted is garbage, be it a page or an erased block; it counts for nothing \
               and is erased before it is used.",
        source: PAIRS,
    },
    Check {
        code: "M16",
        says: "It is a mistake to erase a block before the copies of its live pages are durable.",
        source: BOOK,
    },
    Check {
        code: "M17",
        says: "It is a mistake to rebuild the map without comparing which version is newer.",
        source: BOOK,
    },
    Check {
        code: "M18",
        says: "It is a mistake to let a copy made by garbage collection count as newer than a write of the \
               host.",
        source: BOOK,
    },
    Check {
        code: "M19",
        says: "It is a mistake to drop the record of a removal while an older version can still be found.",
        source: BOOK,
    },
    Check {
        code: "Q-11",
        says: "Write amplification is the bytes that go to the chip over those that the host wrote; mapped \
               directly, it is the pages of a block.",
        source: BOOK,
    },
];
