//! A log on a raw flash chip, from end to end: what it loses when it does not wait, does not check what it reads, or
//! meets a chip whose pages share cells.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{
    Ack, BlockNo, Bytes, Device, DeviceId, Disk, Label, Nand, NandGeometry, PageNo, Pairing, Profile, Result,
    System, explore,
};

/// A log of numbers, one page each, in ascending pages. A page that does not check is left out and not used again.
#[derive(Clone, Copy)]
struct PageLog {
    /// Waits for the chip before it acknowledges `Sync`.
    waits: bool,
    /// Waits before it goes on in the next erase block, which could otherwise be ahead of this one.
    waits_between_blocks: bool,
    /// Looks at the checksum of what it reads.
    checks: bool,
    /// A page holds its record so many times, and one that checks is enough.
    copies: usize,
    paired: Pairing,
}

const CORRECT: PageLog =
    PageLog { waits: true, waits_between_blocks: true, checks: true, copies: 3, paired: Pairing::None };

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Op {
    Append(u8),
    Sync,
}

struct Live {
    chip: Nand,
    entries: Vec<u8>,
    next: u32,
}

const DATA: usize = 36;
const SPARE: usize = 4;

impl PageLog {
    fn geometry(&self) -> NandGeometry {
        NandGeometry {
            page: Bytes(DATA as u64),
            spare: Bytes(SPARE as u64),
            pages_per_block: 4,
            blocks: 6,
            endurance: 100,
            paired: self.paired,
        }
    }

    fn record(&self, page: u32, number: u8) -> Vec<u8> {
        let mut record = vec![0xA5; DATA / self.copies];
        let sum = u32::from(number).wrapping_mul(0x9E37_79B1) ^ page.wrapping_mul(0x85EB_CA6B);
        record[0] = number;
        record[1..5].copy_from_slice(&sum.to_le_bytes());
        record
    }

    /// The number in a page, if it holds one.
    fn number(&self, page: u32, data: &[u8]) -> Option<u8> {
        let valid = |record: &&[u8]| !self.checks || **record == self.record(page, record[0]);
        data.chunks(DATA / self.copies).find(valid).map(|record| record[0])
    }
}

impl System for PageLog {
    type Op = Op;
    type Live = Live;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![Device::nand("chip", self.geometry())]
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        let chip = disk.nand(DeviceId(0))?;
        let (mut entries, mut next) = (Vec::new(), 0);
        while next < chip.geometry().pages() {
            let mut page = [0; DATA + SPARE];
            chip.read(PageNo(next), &mut page)?;
            if page == [0xFF; DATA + SPARE] {
                break;
            }
            entries.extend(self.number(next, &page[..DATA]));
            next += 1;
        }
        Ok(Live { chip, entries, next })
    }

    fn apply(&self, live: &mut Live, op: &Op) -> Result<Ack> {
        match op {
            Op::Append(number) => {
                if live.next.is_multiple_of(4) && self.waits_between_blocks {
                    live.chip.wait()?;
                }
                let mut page = self.record(live.next, *number).repeat(self.copies);
                page.extend([0xFF; SPARE]);
                live.chip.program(PageNo(live.next), &page, Some(&Label::from("entry")))?;
                live.entries.push(*number);
                live.next += 1;
                Ok(Ack::Volatile)
            }
            Op::Sync => {
                if self.waits {
                    live.chip.wait()?;
                }
                Ok(Ack::Durable)
            }
        }
    }

    fn view(&self, live: &mut Live) -> Result<Vec<u8>> {
        Ok(live.entries.clone())
    }

    fn model(&self, view: &mut Vec<u8>, op: &Op) {
        if let Op::Append(number) = op {
            view.push(*number);
        }
    }

    fn probe(&self, _: &Vec<u8>) -> Vec<Op> {
        vec![Op::Append(71), Op::Append(72), Op::Append(73), Op::Sync]
    }
}

const OPS: [Op; 8] = [
    Op::Append(1),
    Op::Append(2),
    Op::Sync,
    Op::Append(3),
    Op::Append(4),
    Op::Append(5),
    Op::Append(6),
    Op::Sync,
];

fn run(log: PageLog, profile: &str) -> Exploration {
    run_lives(log, profile, 2)
}

fn run_lives(log: PageLog, profile: &str, lives: u8) -> Exploration {
    let profile = Profile::named(profile).expect("a built-in profile");
    let explored = explore(log).profile(profile).lives(lives).workload(OPS).run();
    explored.expect("it works without a crash")
}

fn promises(exploration: &Exploration) -> Vec<&str> {
    exploration.findings.iter().map(|finding| finding.promise.as_str()).collect()
}

/// Negative control: whatever else is wrong is found because this is clean.
#[test]
fn a_log_that_waits_and_checks_survives_under_every_profile() {
    for profile in ["flash", "reorder", "prefix", "garbage", "read-disturb"] {
        let exploration = run(CORRECT, profile);
        assert_eq!(exploration.verdict, Verdict::Survived, "{profile}: {:?}", exploration.findings);
        assert!(exploration.coverage.complete && exploration.coverage.exact, "{profile}");
        assert_eq!(exploration.coverage.total, exploration.coverage.represented, "{profile}");
    }
}

#[test]
fn the_images_of_a_chip_are_counted() {
    // 2n + 1 for the two, two and two pages between waits; neighbours share the image without any of the later.
    assert_eq!(run(CORRECT, "flash").coverage.total, "13");
    assert_eq!(run(CORRECT, "reorder").coverage.total, "7");
}

#[test]
fn a_sync_that_does_not_wait_loses_what_it_acknowledged() {
    for profile in ["flash", "reorder", "prefix"] {
        let exploration = run(PageLog { waits: false, ..CORRECT }, profile);
        assert_eq!(exploration.verdict, Verdict::Lost, "{profile}");
        assert_eq!(promises(&exploration), ["durable"], "{profile}");
        let fix = fix(&exploration);
        assert!(fix.contains("a flush of chip before") && fix.contains("durable acknowledgement"), "{fix}");
        assert!(!fix.contains("FUA"), "a chip has none: {fix}");
    }
}

/// The fix of the first finding.
fn fix(exploration: &Exploration) -> String {
    let cause = exploration.findings[0].cause.as_ref().expect("it is looked for by default");
    cause.fix.as_ref().map(ToString::to_string).expect("waiting mends it")
}

/// Erase blocks are independent: a later page can be there without an earlier one.
#[test]
fn blocks_that_overtake_each_other_are_found() {
    let exploration = run(PageLog { waits_between_blocks: false, ..CORRECT }, "flash");
    assert_eq!(exploration.verdict, Verdict::Lost);
    let fix = fix(&exploration);
    assert!(fix.contains("a flush of chip before") && fix.contains("page 4 of erase block 1"), "{fix}");
    assert_eq!(run(PageLog { waits_between_blocks: false, ..CORRECT }, "prefix").verdict, Verdict::Survived);
}

/// FT-26: only where a program can be cut off does it matter whether the page checks.
#[test]
fn ft_26_a_page_that_was_cut_off_is_taken_for_an_entry_by_who_does_not_check() {
    let unchecked = PageLog { checks: false, ..CORRECT };
    assert_eq!(run(unchecked, "reorder").verdict, Verdict::Survived);
    let exploration = run(unchecked, "flash");
    assert_eq!(exploration.verdict, Verdict::Lost);
    let words = exploration.findings[0].to_string();
    assert!(words.contains("(entry, page 0 of erase block 0) garbled"), "{words}");
}

/// FT-10: on an MLC chip, a program that was cut off takes an earlier page with it that had been acknowledged.
#[test]
fn ft_10_a_page_that_shares_its_cells_takes_a_durable_one_with_it() {
    for distance in [1, 2] {
        let mlc = PageLog { paired: Pairing::Mlc { distance }, ..CORRECT };
        assert_eq!(run(mlc, "reorder").verdict, Verdict::Survived);
        // A second life goes on behind whatever the first has left, so that its pages may take any.
        let exploration = run_lives(mlc, "flash", 1);
        // Pages 2 and 3 are programmed after the sync of pages 0 and 1; at distance 1 they only take each other.
        match distance {
            1 => assert_eq!(exploration.verdict, Verdict::Survived),
            // What is left of the log is no beginning of it.
            _ => assert_eq!(promises(&exploration), ["atomic"], "{:?}", exploration.findings),
        }
    }
}

/// FT-07: one flipped bit is survived by who can correct it, and by nobody else.
#[test]
fn ft_07_a_flipped_bit_is_survived_by_who_corrects_it() {
    let fragile = PageLog { copies: 1, ..CORRECT };
    assert_eq!(run(fragile, "flash").verdict, Verdict::Survived);
    let exploration = run(fragile, "read-disturb");
    assert_eq!(exploration.verdict, Verdict::Lost);
    let words = exploration.findings[0].to_string();
    assert!(words.contains("a bit of page") && words.contains("reads flipped"), "{words}");
}

/// A finding can be looked at again by its id.
#[test]
fn a_finding_on_a_chip_is_replayed() {
    let unchecked = PageLog { checks: false, ..CORRECT };
    let flash = Profile::named("flash").expect("a built-in profile");
    let explorer = explore(unchecked).profile(flash).workload(OPS);
    let exploration = explorer.run().expect("it works without a crash");
    let id = exploration.findings[0].id.parse().expect("an id");
    let replayed = explorer.replay(&id).expect("it works without a crash");
    assert!(!replayed.diverged);
    assert_eq!(replayed.finding.expect("the finding").promise, exploration.findings[0].promise);
}

/// A number in the first page of a block, which is erased for each. A page that is blank or garbled gets a 0.
struct Slot {
    /// Erases the block again that it finds erased.
    erases_again: bool,
}

impl Slot {
    fn put(chip: &Nand, number: u8, erases: bool) -> Result<()> {
        if erases {
            chip.erase(BlockNo(0), None)?;
        }
        chip.program(PageNo(0), &[number; DATA + SPARE], None)?;
        Ok(chip.wait()?)
    }
}

impl System for Slot {
    type Op = u8;
    type Live = (Nand, u8);
    type View = u8;

    fn devices(&self) -> Vec<Device> {
        vec![Device::nand("chip", CORRECT.geometry())]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Slot::put(&disk.nand(DeviceId(0))?, 0, true)
    }

    fn open(&self, disk: Disk) -> Result<(Nand, u8)> {
        let (chip, mut page) = (disk.nand(DeviceId(0))?, [0; DATA + SPARE]);
        chip.read(PageNo(0), &mut page)?;
        let (blank, whole) = (page == [0xFF; DATA + SPARE], page == [page[0]; DATA + SPARE]);
        if blank || !whole {
            Slot::put(&chip, 0, self.erases_again || !blank)?;
            page[0] = 0;
        }
        Ok((chip, page[0]))
    }

    fn apply(&self, (chip, held): &mut (Nand, u8), number: &u8) -> Result<Ack> {
        Slot::put(chip, *number, true)?;
        *held = *number;
        Ok(Ack::Durable)
    }

    fn view(&self, (_, held): &mut (Nand, u8)) -> Result<u8> {
        Ok(*held)
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

/// FT-26: what an erase has left that was in flight may look erased, and cannot be relied on.
#[test]
fn ft_26_a_block_that_looks_erased_is_erased_again_or_cannot_be_programmed() {
    let run = |erases_again, profile: &str| {
        let profile = Profile::named(profile).expect("a built-in profile");
        let explored = explore(Slot { erases_again }).profile(profile).workload([7]).run();
        explored.expect("it works without a crash")
    };
    assert_eq!(run(true, "flash").verdict, Verdict::Survived);
    assert_eq!(run(false, "reorder").verdict, Verdict::Survived, "no erase is cut off");
    let exploration = run(false, "flash");
    assert_eq!(promises(&exploration), ["recovers"]);
    let words = exploration.findings[0].to_string();
    assert!(words.contains("page 0 of erase block 0 is not erased"), "{words}");
}
