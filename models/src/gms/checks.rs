//! What a global memory system has to do.

use crashcheck::{Check, Checks};

const CASES: &str = "Feeley and others 1995, section 3";
const NAMES: &str = "Feeley and others 1995, section 4";
const ROLES: &str = "Feeley and others 1995, section 4, where its retellings differ";
const WRITES: &str = "follows from Feeley and others 1995, section 3";

/// The checks, in order.
pub const CHECKS: Checks = Checks { of: "gms", about: "global memory systems", table: TABLE };

const TABLE: &[Check] = &[
    Check {
        code: "GM-01",
        says: "What is in global memory is equal to its copy on disk, so that a crash of any nodes loses \
               copies and no data.",
        source: CASES,
    },
    Check {
        code: "GM-02",
        says: "Local, global and free frames make up the memory of a node, and a page in global memory is \
               nowhere else in memory.",
        source: CASES,
    },
    Check {
        code: "GM-03",
        says: "Keeping shared copies equal is not the concern of global memory, so of shared copies nothing \
               is demanded.",
        source: CASES,
    },
    Check {
        code: "GM-04",
        says: "A page that is found in the global memory of another node changes places with one of the node \
               that wants it.",
        source: CASES,
    },
    Check {
        code: "GM-05",
        says: "A node without global pages gives its least recently used local page for the one it gets, \
               after writing it back if it was changed.",
        source: CASES,
    },
    Check {
        code: "GM-06",
        says: "A page from disk drives out the oldest page of another node, and a changed page is durable \
               before its frame is used again.",
        source: CASES,
    },
    Check {
        code: "GM-07",
        says: "A page that another node is using is copied and not taken; both copies count as shared, and a \
               changed one is written back first.",
        source: CASES,
    },
    Check {
        code: "GM-08",
        says: "A node that does nothing becomes a server of memory for the others.",
        source: CASES,
    },
    Check {
        code: "GM-09",
        says: "An epoch ends after its time, or when so many pages were replaced, and not much later.",
        source: CASES,
    },
    Check {
        code: "GM-10",
        says: "As many pages as will be replaced are at least as old as MinAge, and the weight of a node is \
               its share of them.",
        source: CASES,
    },
    Check {
        code: "GM-11",
        says: "The node with the greatest weight is the next initiator, and all nodes know which that is \
               without asking.",
        source: CASES,
    },
    Check {
        code: "GM-12",
        says: "A page older than MinAge is dropped, once it is clean; a younger one goes to a node drawn by \
               the weights.",
        source: CASES,
    },
    Check {
        code: "GM-13",
        says: "The hit ratio is near that of one global list ordered by the last use.",
        source: CASES,
    },
    Check { code: "GM-14", says: "No two pages in the cluster have the same name.", source: NAMES },
    Check {
        code: "GM-15",
        says: "The directory of frames of a node has each page once, in a state that is allowed for it.",
        source: NAMES,
    },
    Check {
        code: "GM-16",
        says: "When nothing is on its way, the global directory knows of exactly the pages that the nodes \
               hold, but for drops that were not reported yet.",
        source: NAMES,
    },
    Check {
        code: "GM-17",
        says: "In one configuration all nodes agree on who keeps the directory entry of each page, and there \
               is somebody for every page.",
        source: NAMES,
    },
    Check {
        code: "GM-18",
        says: "A page in another memory is at most three messages away, and what is not shared needs no \
               directory but the node's own.",
        source: NAMES,
    },
    Check {
        code: "GM-19",
        says: "A directory entry that is out of date leads to the disk and never to wrong data, and every \
               drop is reported in the end.",
        source: NAMES,
    },
    Check {
        code: "GM-20",
        says: "A request that was on its way when nodes stopped comes to an end in the next configuration, \
               and gives what is on disk or in memory then.",
        source: NAMES,
    },
    Check {
        code: "GM-21",
        says: "After a crash the directory is built again from what the living nodes hold, and leads to no \
               node that is down.",
        source: NAMES,
    },
    Check {
        code: "GM-22",
        says: "The age of a page grows until it is touched; that of anonymous memory is learned by looking \
               now and then.",
        source: NAMES,
    },
    Check {
        code: "GM-23",
        says: "Whoever writes a page has all others let go of their copies first, so that nobody is given \
               content that is out of date.",
        source: WRITES,
    },
    Check {
        code: "M21",
        says: "It is a mistake to send a changed page into global memory as if it were clean.",
        source: CASES,
    },
    Check {
        code: "M22",
        says: "It is a mistake to trust a directory entry without asking whether its holder still has the \
               page.",
        source: NAMES,
    },
    Check {
        code: "Q-16",
        says: "The weights of all nodes add up to one, and count the M oldest pages.",
        source: CASES,
    },
    Check {
        code: "ERR-09",
        says: "The ownership directory leads to the node that keeps the entry, the cache directory to the \
               nodes that have the page, and only those know the frame.",
        source: ROLES,
    },
];
