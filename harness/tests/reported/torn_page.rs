//! After ArcadeDB 5054: a page flush writes several versions of a page at once, and is torn.

use super::common::{assert_survives, device, found, padded, read, run, sealed, start, unsealed, write};
use crashcheck::{Ack, Device, Disk, Explorer, Profile, Result, System, explore};
use serde::{Deserialize, Serialize};

const LOG: u64 = 2;

/// A page of two blocks, the version in the first; behind it a log of the changes, each of one of the halves.
///
/// Replay leaves out the changes that are older than the version of the page. Where the page was torn, its first block
/// names a version whose change of the second block is neither in the page nor replayed. The repaired form replays all.
struct TornPage {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Operation {
    Change { half: u8, value: u8 },
    FlushPage,
}

struct Open {
    disk: Disk,
    halves: [u8; 2],
    version: u8,
}

impl System for TornPage {
    type Op = Operation;
    type Live = Open;
    type View = [u8; 2];

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", 16)]
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let (first, second) = (read(&disk, 0)?, read(&disk, 1)?);
        let mut open = Open { disk, halves: [first[1], second[0]], version: 0 };
        let version_of_page = first[0];
        while let Some([version, half, value]) = unsealed(&read(&open.disk, LOG + u64::from(open.version))?) {
            if self.repaired || version >= version_of_page {
                open.halves[usize::from(half)] = value;
            }
            open.version = version;
        }
        Ok(open)
    }

    fn apply(&self, open: &mut Open, operation: &Operation) -> Result<Ack> {
        match *operation {
            Operation::Change { half, value } => {
                let record = sealed(&[open.version + 1, half, value]);
                write(&open.disk.labelled("change"), LOG + u64::from(open.version), &record)?;
                open.version += 1;
                open.halves[usize::from(half)] = value;
            }
            Operation::FlushPage => {
                let page = [padded(&[open.version, open.halves[0]]), padded(&[open.halves[1]])].concat();
                open.disk.labelled("page").write(start(0), &page)?;
            }
        }
        open.disk.flush()?;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<[u8; 2]> {
        Ok(open.halves)
    }

    fn model(&self, halves: &mut [u8; 2], operation: &Operation) {
        if let Operation::Change { half, value } = *operation {
            halves[usize::from(half)] = value;
        }
    }
}

const OPERATIONS: [Operation; 5] = [
    Operation::Change { half: 0, value: 1 },
    Operation::Change { half: 1, value: 2 },
    Operation::Change { half: 0, value: 3 },
    Operation::FlushPage,
    Operation::Change { half: 1, value: 4 },
];

fn where_writes_are_torn(repaired: bool) -> Explorer<TornPage> {
    explore(TornPage { repaired }).profile(Profile::named("torn").expect("a built-in profile"))
}

#[test]
fn a_page_that_tears_is_told_as_torn() {
    let exploration = run(where_writes_are_torn(false), OPERATIONS);
    let finding = found(&exploration, "atomic");
    let torn = "torn: bytes 0 to 511 survived, 512 to 1023 lost";
    assert!(finding.state.contains(&format!("(page, 1 KiB at 0 B) {torn}")), "{finding}");
    let [page] = &finding.writes[..] else { panic!("one write matters: {finding}") };
    assert_eq!(page.fate, torn);
}

#[test]
fn a_replay_of_all_changes_mends_a_torn_page() {
    assert_survives(&run(where_writes_are_torn(true), OPERATIONS));
}
