//! What a file system without a journal has to do: its structures, its fsck, the append of a block, the order of its writes.

use crashcheck::{Check, Checks};

const FILES: &str = "OSTEP, chapter 39";
const VSFS: &str = "OSTEP, chapter 40";
const FFS: &str = "OSTEP, chapter 41";
const FSCK: &str = "OSTEP, chapter 42";
const PHASES: &str = "McKusick and Kowalski, \"Fsck, the UNIX file system check program\"";
const TABLES: &str = "Tanenbaum, \"Modern Operating Systems\", chapter 4";
const ORDER: &str = "Ganger and Patt 1994";
const ROBUST: &str = "Gatla and others 2018";
const BOOT: &str = "common layout of PC disks";

/// The checks, in order.
pub const CHECKS: Checks = Checks {
    of: "vsfs",
    about: "the textbook's file system, its fsck, and orders of writes without a journal",
    table: TABLE,
};

const TABLE: &[Check] = &[
    Check {
        code: "FS-01",
        says: "The regions that the superblock describes lie within the device and do not overlap.",
        source: VSFS,
    },
    Check {
        code: "FS-04",
        says: "The size and the block count of an inode fit the blocks that its pointers reach.",
        source: VSFS,
    },
    Check {
        code: "FS-05",
        says: "Every pointer, at whatever level, is empty or leads into the data region; one indirect block \
               of 4-byte pointers makes files of 4144 KiB possible.",
        source: VSFS,
    },
    Check {
        code: "FS-06",
        says: "Any block of a file is found by at most three blocks of pointers between its inode and \
               itself.",
        source: VSFS,
    },
    Check {
        code: "FS-07",
        says: "Where an inode lies follows from its number: number 32 of the book's example lies in sector \
               40.",
        source: VSFS,
    },
    Check {
        code: "FS-08",
        says: "The records of a directory fill its blocks, begin with \".\" and \"..\", and have names that \
               are neither empty nor repeated.",
        source: VSFS,
    },
    Check {
        code: "FS-09",
        says: "Directories form a tree below the root, and \"..\" leads to the one parent.",
        source: FILES,
    },
    Check {
        code: "FS-10",
        says: "An inode number means one inode at a time, and is not given to another file while an old name \
               may still lead to it.",
        source: FILES,
    },
    Check {
        code: "FS-13",
        says: "A file goes with its last name, and its inode and blocks become free.",
        source: FILES,
    },
    Check {
        code: "FS-14",
        says: "What is created is there as a whole or not at all: a name never leads to something that was \
               not initialised.",
        source: VSFS,
    },
    Check {
        code: "FS-15",
        says: "Every block group has a copy of the superblock that says the same, and bitmaps that describe \
               this group and nothing else.",
        source: FFS,
    },
    Check {
        code: "FS-16",
        says: "The files of a directory lie in its group, and new directories where there is room for many \
               files.",
        source: FFS,
    },
    Check {
        code: "FS-17",
        says: "Reading /foo/bar/baz with nothing in memory reads the inode and then the blocks of each part \
               of the path, in this order.",
        source: VSFS,
    },
    Check { code: "FS-18", says: "Looking at files writes nothing.", source: VSFS },
    Check {
        code: "FS-19",
        says: "Writing a new block of a file reads and writes the data bitmap and the inode, and writes the \
               block: five requests.",
        source: VSFS,
    },
    Check {
        code: "FS-20",
        says: "Creating a file writes the inode bitmap, the block of the inode table, and the content of the \
               directory.",
        source: VSFS,
    },
    Check {
        code: "FS-21",
        says: "The file system never writes the boot block, nor anything outside its partition.",
        source: BOOT,
    },
    Check {
        code: "FS-23",
        says: "Names lead to inodes in use, inodes to blocks in use, and no block belongs to two.",
        source: FSCK,
    },
    Check { code: "FK-00", says: "A second run of fsck finds nothing and changes nothing.", source: FSCK },
    Check {
        code: "FK-01",
        says: "A damaged superblock is replaced by a good copy; if no copy is good, fsck refuses and writes \
               nothing.",
        source: FSCK,
    },
    Check {
        code: "FK-02",
        says: "Where a bitmap and the inodes disagree, the inodes are believed, and the bitmap is made to \
               say what they say.",
        source: FSCK,
    },
    Check { code: "FK-03", says: "An inode whose type means nothing is cleared.", source: FSCK },
    Check {
        code: "FK-04",
        says: "Every link count is the number of names, and what has lost its name is found in lost+found \
               with its content unchanged.",
        source: FSCK,
    },
    Check {
        code: "FK-04b",
        says: "What has lost its name may be put into lost+found or deleted; after either, a second run \
               finds nothing.",
        source: PHASES,
    },
    Check {
        code: "FK-04c",
        says: "A link count that is too low is the dangerous kind, because the file goes while a name still \
               leads to it; one that is too high only wastes room.",
        source: TABLES,
    },
    Check {
        code: "FK-05",
        says: "A block that two inodes claim ends up with one owner, and a copy is made for the other where \
               that is possible.",
        source: FSCK,
    },
    Check {
        code: "FK-06",
        says: "A pointer that leads out of the data region is cleared, and nothing else is changed.",
        source: FSCK,
    },
    Check {
        code: "FK-07",
        says: "In a directory \".\" and \"..\" are right, every other name leads to an inode in use, and no \
               directory has two names.",
        source: FSCK,
    },
    Check {
        code: "FK-08",
        says: "Every block is in use exactly once or free, and never both, neither, or twice in use.",
        source: TABLES,
    },
    Check {
        code: "FK-09",
        says: "Names are counted by walking the tree from the root, and the counts of the inodes are \
               compared with that.",
        source: TABLES,
    },
    Check {
        code: "FK-10",
        says: "fsck sees no content: a file whose metadata is right and whose block holds garbage is clean \
               to it, and only the model can tell.",
        source: FSCK,
    },
    Check {
        code: "FK-11",
        says: "A crash of fsck itself leaves what another run repairs to the same end.",
        source: ROBUST,
    },
    Check {
        code: "FK-12",
        says: "The phases follow each other so that each relies on what those before it have set right.",
        source: PHASES,
    },
    Check {
        code: "CS-0",
        says: "An append of which nothing survived leaves the old file, and nothing to repair.",
        source: FSCK,
    },
    Check {
        code: "CS-1",
        says: "An append of which only the content survived is as if it had never been: the block is still \
               free.",
        source: FSCK,
    },
    Check {
        code: "CS-2",
        says: "An append of which only the inode survived shows garbage, in a block that the bitmap calls \
               free until fsck corrects that.",
        source: FSCK,
    },
    Check {
        code: "CS-3",
        says: "An append of which only the bitmap survived leaks a block, which fsck frees again.",
        source: FSCK,
    },
    Check {
        code: "CS-4",
        says: "An append of which only the content was lost is clean to fsck, and the file shows garbage.",
        source: FSCK,
    },
    Check {
        code: "CS-5",
        says: "An append of which only the bitmap was lost is completed by fsck, and the file is the new \
               one.",
        source: FSCK,
    },
    Check {
        code: "CS-6",
        says: "An append of which only the inode was lost leaves a block without an owner, which fsck frees \
               again.",
        source: FSCK,
    },
    Check {
        code: "CS-7",
        says: "An append of which everything survived leaves the new file, and nothing to repair.",
        source: FSCK,
    },
    Check {
        code: "CS-8",
        says: "Of the eight outcomes of an append four are inconsistent before fsck; after it four show the \
               old file, two the new one, and two garbage.",
        source: FSCK,
    },
    Check {
        code: "OP-01",
        says: "Renaming leaves the old name or the new one and never neither, and at no time a link count \
               below the number of names.",
        source: FILES,
    },
    Check {
        code: "OP-02",
        says: "A name in a directory never leads to an inode that was not written yet.",
        source: ORDER,
    },
    Check {
        code: "OP-03",
        says: "What is pointed to is written before the pointer, nothing is used again before its old \
               pointers are gone, and no last pointer goes before its successor is there.",
        source: ORDER,
    },
    Check {
        code: "OP-06",
        says: "A freed block is not given to another file before its release is durable, so that no block \
               ever has two owners.",
        source: ORDER,
    },
    Check {
        code: "OP-07",
        says: "A file that is written aside, synced and renamed over the old one shows all of the old \
               content or all of the new one.",
        source: FILES,
    },
    Check {
        code: "M12",
        says: "It is a mistake of fsck to believe the bitmap rather than the inodes.",
        source: FSCK,
    },
    Check {
        code: "M13",
        says: "It is a mistake of fsck to leave a link count that is too low.",
        source: TABLES,
    },
    Check {
        code: "M30",
        says: "It is a mistake to rename by removing the old name before the new one is there.",
        source: FILES,
    },
];
