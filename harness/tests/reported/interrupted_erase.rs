//! After zephyr 34722: an erase that was cut off makes the next start collect again, from what is half erased.

use super::common::{assert_survives, explored, found, sealed, unsealed};
use crashcheck::{Ack, BlockNo, Bytes, Device, DeviceId, Disk, Label, Nand, NandGeometry, PageNo};
use crashcheck::{Pairing, Result, System};
use serde::{Deserialize, Serialize};

const PAGES: u32 = 6;
const PAGE: usize = 16;
const SPARE: usize = 4;
const BLANK: [u8; PAGE + SPARE] = [0xFF; PAGE + SPARE];

/// What is at the place of a key in a mark.
const MARK: u8 = 100;

/// Two values on a flash chip of two erase blocks. When one is full, the values are copied into the other, and then the full
/// one is erased.
///
/// If something is in both, recovery takes the copy for unfinished, and goes on with the block that is full. But the erase
/// may have been cut off just as well, and has taken values with it that were durable. The repaired form puts a mark behind
/// a copy that is complete, and goes on with that.
struct InterruptedErase {
    repaired: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Set {
    key: u8,
    value: u8,
}

struct Open {
    chip: Nand,
    /// The erase block in use, and the next page of it.
    block: u32,
    next: u32,
    values: [u8; 2],
    is_marked: bool,
}

impl Open {
    fn read(chip: &Nand, block: u32) -> Result<Open> {
        let mut open = Open { chip: chip.clone(), block, next: 0, values: [0; 2], is_marked: false };
        for nth in 0..PAGES {
            let mut page = BLANK;
            chip.read(PageNo(block * PAGES + nth), &mut page)?;
            if page != BLANK {
                open.next = nth + 1;
            }
            match unsealed(&page) {
                Some([MARK, _]) => open.is_marked = true,
                Some([key, value]) => open.values[usize::from(key)] = value,
                None => {}
            }
        }
        Ok(open)
    }

    fn is_full(&self) -> bool {
        self.next == PAGES
    }

    fn program(&mut self, label: &str, content: [u8; 2]) -> Result<()> {
        let mut page = BLANK;
        page[..6].copy_from_slice(&sealed(&content));
        self.chip.program(PageNo(self.block * PAGES + self.next), &page, Some(&Label::from(label)))?;
        self.next += 1;
        Ok(())
    }

    /// Goes on in the other block, with a copy of all.
    fn copy(&mut self, marks: bool) -> Result<()> {
        (self.block, self.next) = (1 - self.block, 0);
        for (key, value) in (0..).zip(self.values) {
            self.program("copy", [key, value])?;
        }
        self.chip.wait()?;
        if marks {
            self.program("mark", [MARK, 0])?;
            self.chip.wait()?;
        }
        Ok(())
    }

    fn erase_other(&self) -> Result<()> {
        self.chip.erase(BlockNo(1 - self.block), Some(&Label::from("old block")))?;
        Ok(self.chip.wait()?)
    }
}

impl System for InterruptedErase {
    type Op = Set;
    type Live = Open;
    type View = [u8; 2];

    fn devices(&self) -> Vec<Device> {
        let geometry = NandGeometry {
            page: Bytes::of(PAGE),
            spare: Bytes::of(SPARE),
            pages_per_block: PAGES,
            blocks: 2,
            endurance: 1000,
            paired: Pairing::None,
        };
        vec![Device::nand("chip", geometry)]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        Open::read(&disk.nand(DeviceId(0))?, 1)?.copy(self.repaired)
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let chip = disk.nand(DeviceId(0))?;
        let (first, second) = (Open::read(&chip, 0)?, Open::read(&chip, 1)?);
        if first.next == 0 || second.next == 0 {
            return Ok(if second.next == 0 { first } else { second });
        }
        let (copy, original) = if first.is_full() { (second, first) } else { (first, second) };
        let open = if self.repaired && copy.is_marked { copy } else { original };
        open.erase_other()?;
        Ok(open)
    }

    fn apply(&self, open: &mut Open, set: &Set) -> Result<Ack> {
        if open.is_full() {
            open.copy(self.repaired)?;
            open.erase_other()?;
        }
        open.program("value", [set.key, set.value])?;
        open.chip.wait()?;
        open.values[usize::from(set.key)] = set.value;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<[u8; 2]> {
        Ok(open.values)
    }

    fn model(&self, values: &mut [u8; 2], set: &Set) {
        values[usize::from(set.key)] = set.value;
    }
}

fn operations() -> Vec<Set> {
    (1..=7).map(|value| Set { key: value % 2, value }).collect()
}

#[test]
fn values_that_go_with_an_erase_are_found_without_asking_for_flash() {
    let exploration = explored(InterruptedErase { repaired: false }, operations());
    assert_eq!(exploration.profile, "flash");
    let finding = found(&exploration, "durable");
    let [erase] = &finding.writes[..] else { panic!("one erase matters: {finding}") };
    assert!(erase.what.starts_with("old block") && erase.fate == "garbled", "{finding}");
}

#[test]
fn a_mark_behind_a_complete_copy_tells_the_two_apart() {
    let exploration = explored(InterruptedErase { repaired: true }, operations());
    assert_eq!(exploration.profile, "flash");
    assert_survives(&exploration);
}
