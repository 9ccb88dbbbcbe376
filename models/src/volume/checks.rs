//! What a device does at a crash, and what is asked of whatever stores data: the checks that belong to no system alone.

use crashcheck::{Check, Checks};

const DISKS: &str = "OSTEP, chapter 37";
const ARRAYS: &str = "OSTEP, chapter 38";
const CRASHES: &str = "OSTEP, chapter 42";
const INTEGRITY: &str = "OSTEP, chapter 45";
const TRANSACTIONS: &str = "Haerder and Reuter 1983";
const DRIVES: &str = "common practice of disk drives";

/// The checks, in order.
pub const CHECKS: Checks = Checks {
    of: "device",
    about: "what a device does at a crash, and what is asked of whatever stores data",
    table: TABLE,
};

const TABLE: &[Check] = &[
    Check {
        code: "HM-02",
        says: "A device writes one sector whole or not at all, and anything longer may be cut off between \
               two sectors.",
        source: DISKS,
    },
    Check {
        code: "HM-03",
        says: "A write that a device with a volatile cache has completed is not durable until the device was \
               flushed.",
        source: DISKS,
    },
    Check {
        code: "HM-04",
        says: "Between two flushes a device may write in any order, so that a crash may leave any subset of \
               the writes in flight.",
        source: CRASHES,
    },
    Check {
        code: "HM-07",
        says: "After a crash that reached only some of the blocks, what was synced is there, and the \
               structures are consistent again.",
        source: CRASHES,
    },
    Check {
        code: "HM-08",
        says: "What recovery shows is the state after some number of whole operations, and no operation is \
               there in part.",
        source: TRANSACTIONS,
    },
    Check {
        code: "HM-11",
        says: "A device that has failed as a whole answers every request with an error, and never with wrong \
               data.",
        source: ARRAYS,
    },
    Check {
        code: "HM-12",
        says: "A device that works may have single blocks that cannot be read, or that silently hold \
               something else than was written.",
        source: INTEGRITY,
    },
    Check {
        code: "HM-13",
        says: "A block that cannot be read may work again once it is written, and so is repaired by writing \
               it.",
        source: DRIVES,
    },
    Check {
        code: "HM-14",
        says: "A device that fails as a whole is noticed, and the array goes on without it.",
        source: ARRAYS,
    },
    Check {
        code: "HM-15",
        says: "A read gives what was written last or an error, and never anything else.",
        source: INTEGRITY,
    },
    Check {
        code: "HM-16",
        says: "What a flush that has failed was to make durable may be lost, and a later flush that succeeds does not \
               save it.",
        source: "Rebello and others 2020",
    },
];
