//! What a write-ahead journal has to do.

use crashcheck::{Check, Checks};

const BOOK: &str = "OSTEP, chapter 42";
const EXT3: &str = "ext3 (Tweedie 1998)";
const CHECKSUM: &str = "OSTEP, chapter 42; Prabhakaran and others 2005";
const REVOKE: &str = "ext3 (Tweedie 1998), where the textbook compares nothing";

/// The checks, in order.
pub const CHECKS: Checks = Checks { of: "journal", about: "write-ahead journaling", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "JN-01",
        says: "Nothing is overwritten in place before the log holds it and its commit is durable.",
        source: BOOK,
    },
    Check {
        code: "JN-02",
        says: "A transaction names the places of its blocks and holds them whole; TxB and TxE bear the same \
               number.",
        source: BOOK,
    },
    Check {
        code: "JN-03",
        says: "The body is durable before TxE is issued, TxE before anything is written in place, and that \
               before the log space is free.",
        source: BOOK,
    },
    Check {
        code: "JN-04",
        says: "What one transaction changes shows all old or all new, and all new once it was acknowledged \
               as durable.",
        source: BOOK,
    },
    Check {
        code: "JN-05",
        says: "TxE is issued only when the rest is durable, so that no complete-looking transaction has a \
               hole.",
        source: BOOK,
    },
    Check {
        code: "JN-06",
        says: "What commits must be atomic: TxE and the journal superblock fit into one sector.",
        source: BOOK,
    },
    Check {
        code: "JN-08",
        says: "Recovery skips what was not committed, and replays what was in the order of the log.",
        source: BOOK,
    },
    Check {
        code: "JN-09",
        says: "Replay may be interrupted and repeated any number of times, with the same result.",
        source: BOOK,
    },
    Check {
        code: "JN-10",
        says: "Replay ends at the first transaction that is not complete, whatever lies behind it.",
        source: BOOK,
    },
    Check {
        code: "JN-13",
        says: "The journal superblock says where the live part of the log begins, and nothing in that part \
               is written over.",
        source: BOOK,
    },
    Check {
        code: "JN-14",
        says: "The journal superblock is advanced only when what was checkpointed is durable in its place.",
        source: BOOK,
    },
    Check {
        code: "JN-16",
        says: "Sequence numbers only grow, so that what a former lap left in the log is not taken for a part \
               of this one.",
        source: EXT3,
    },
    Check {
        code: "JN-17",
        says: "When the log is full, a new transaction waits for a checkpoint instead of overwriting a live \
               one.",
        source: EXT3,
    },
    Check {
        code: "JN-18",
        says: "Operations that are committed together are all there after a crash, or none of them.",
        source: BOOK,
    },
    Check {
        code: "JN-19",
        says: "Where TxE is issued together with the body, a checksum over the transaction tells whether all \
               of it is there.",
        source: CHECKSUM,
    },
    Check {
        code: "JN-22",
        says: "In ordered mode the data of a file is durable in its place before the TxE of its metadata is \
               issued.",
        source: BOOK,
    },
    Check {
        code: "JN-23",
        says: "In ordered mode no committed inode leads to a block whose content is not there.",
        source: BOOK,
    },
    Check {
        code: "JN-24",
        says: "A block that held metadata and was freed may belong to a file by now, and no old copy of it \
               is written over that file.",
        source: BOOK,
    },
    Check {
        code: "JN-25",
        says: "A revoke keeps a block from being replayed out of transactions up to its own, is known before \
               replay begins, and says nothing of later ones.",
        source: EXT3,
    },
    Check {
        code: "JN-26",
        says: "In writeback mode all metadata is right, and files that were written since the last sync have \
               the right length and any content.",
        source: BOOK,
    },
    Check {
        code: "JN-27",
        says: "Recovery goes over the log three times, to scan, to revoke and to replay, and frees the log \
               only when the replay is durable.",
        source: EXT3,
    },
    Check {
        code: "M1",
        says: "It is a mistake to issue TxE together with the body if nothing checks the body.",
        source: BOOK,
    },
    Check {
        code: "M2",
        says: "It is a mistake to advance the journal superblock before the checkpoint is durable.",
        source: BOOK,
    },
    Check {
        code: "M3",
        says: "It is a mistake, in ordered mode, to let TxE go before the data that it relies on.",
        source: BOOK,
    },
    Check {
        code: "M4",
        says: "It is a mistake to free a block that the log holds a copy of without revoking that copy.",
        source: BOOK,
    },
    Check {
        code: "M5",
        says: "It is a mistake of replay to go on behind a transaction that was not committed.",
        source: BOOK,
    },
    Check { code: "M6", says: "It is a mistake to accept a TxE of a former lap of the log.", source: EXT3 },
    Check {
        code: "ERR-16",
        says: "A revoke without a comparison of transaction numbers also keeps back what was logged after \
               it.",
        source: REVOKE,
    },
];
