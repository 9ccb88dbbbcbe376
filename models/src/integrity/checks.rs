//! What protects data on devices that are silently wrong.

use crashcheck::{Check, Checks};

const BOOK: &str = "OSTEP, chapter 45";
const CRC: &str = "OSTEP, chapter 45; RFC 3720";
const TREE: &str = "OSTEP, chapter 42, on copying instead of overwriting";

/// The checks, in order.
pub const CHECKS: Checks =
    Checks { of: "integrity", about: "checksums, identity, repair and scrubbing", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "DI-01",
        says: "A checksum is small, so some changes escape it: of random ones about one in 2^n where it has \
               n bits.",
        source: BOOK,
    },
    Check {
        code: "DI-02",
        says: "A read compares the content with its checksum, and never returns as good what does not fit.",
        source: BOOK,
    },
    Check {
        code: "DI-03",
        says: "Data stays safe on a device that is not reliable by layers of which each notices what the \
               others cannot.",
        source: BOOK,
    },
    Check {
        code: "DI-04",
        says: "A block that cannot be read, or is wrong, is made up for by the good copy, and written again \
               from it.",
        source: BOOK,
    },
    Check {
        code: "DI-05",
        says: "Checksums differ in what they miss: an exclusive or misses two flips in one column, sums miss \
               another order, Fletcher's takes 0x00 for 0xFF, and a CRC of 32 bits catches every burst of up \
               to 32.",
        source: CRC,
    },
    Check {
        code: "DI-06",
        says: "A block says which block of which member it is, so that a write that landed elsewhere is \
               noticed there.",
        source: BOOK,
    },
    Check {
        code: "DI-07",
        says: "A checksum that is kept in the block above, and not beside the data, notices a write that was \
               lost.",
        source: BOOK,
    },
    Check {
        code: "DI-08",
        says: "One pass of a scrub reads everything and repairs what is wrong while there is still a good \
               copy.",
        source: BOOK,
    },
    Check {
        code: "DI-09",
        says: "Data and its checksum never come apart in a crash: nothing that the last root leads to is \
               overwritten in place.",
        source: BOOK,
    },
    Check { code: "DI-10", says: "Eight bytes of checksum for 4 KiB are 0.2 % of the space.", source: BOOK },
    Check {
        code: "M24",
        says: "It is a mistake to write the root of a tree without waiting for what it leads to.",
        source: TREE,
    },
    Check {
        code: "M28",
        says: "It is a mistake to take a right checksum for the right block: a misdirected write has one \
               too.",
        source: BOOK,
    },
];
