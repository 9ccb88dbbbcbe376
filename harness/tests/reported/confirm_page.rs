//! After LiteDB 2935: a confirm page counts for all pages of its transaction that there are.

use super::common::{assert_missing, assert_survives, clear, device, explored, found, read, write};
use crashcheck::{Ack, Device, Disk, Result, System};

const PAGES: u8 = 3;
const BLOCKS: u64 = 24;

/// A log of pages without checksums. A transaction sets all values, one with each page; the last page confirms it.
///
/// The pages are in flight together, and the confirm page may survive alone: a part of the transaction is replayed. The
/// repaired form replays it only if all its pages are there. Both clear what is behind the last confirm page.
struct ConfirmPage {
    repaired: bool,
}

struct Open {
    disk: Disk,
    values: [u8; PAGES as usize],
    transaction: u8,
}

impl Open {
    /// Where the pages of the next transaction begin.
    fn end(&self) -> u64 {
        u64::from(self.transaction) * u64::from(PAGES)
    }
}

impl System for ConfirmPage {
    type Op = u8;
    type Live = Open;
    type View = [u8; PAGES as usize];

    fn devices(&self) -> Vec<Device> {
        vec![device("log", BLOCKS)]
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let mut open = Open { disk, values: [0; PAGES as usize], transaction: 0 };
        while open.end() < BLOCKS {
            let (mut values, mut pages, mut is_confirmed) = (open.values, 0, false);
            for block in open.end()..open.end() + u64::from(PAGES) {
                let [transaction, nth, value, confirms, ..] = read(&open.disk, block)?;
                if transaction == open.transaction + 1 {
                    values[usize::from(nth)] = value;
                    pages += 1;
                    is_confirmed |= confirms == 1;
                }
            }
            if !is_confirmed || self.repaired && pages < PAGES {
                break;
            }
            (open.values, open.transaction) = (values, open.transaction + 1);
        }
        clear(&open.disk, open.end()..BLOCKS)?;
        Ok(open)
    }

    fn apply(&self, open: &mut Open, value: &u8) -> Result<Ack> {
        for nth in 0..PAGES {
            let confirms = nth + 1 == PAGES;
            let label = if confirms { "confirm page".to_owned() } else { format!("page {nth}") };
            let page = [open.transaction + 1, nth, *value + nth, u8::from(confirms)];
            write(&open.disk.labelled(&label), open.end() + u64::from(nth), &page)?;
            open.values[usize::from(nth)] = *value + nth;
        }
        open.disk.flush()?;
        open.transaction += 1;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<Self::View> {
        Ok(open.values)
    }

    fn model(&self, values: &mut Self::View, value: &u8) {
        *values = std::array::from_fn(|nth| *value + nth as u8);
    }
}

const VALUES: [u8; 3] = [10, 20, 30];

#[test]
fn a_confirm_page_without_its_pages_is_found() {
    let exploration = explored(ConfirmPage { repaired: false }, VALUES);
    let finding = found(&exploration, "atomic");
    assert_missing(finding, &[("page 0", "confirm page"), ("page 1", "confirm page")], "log");
}

#[test]
fn a_confirm_page_that_counts_only_with_all_its_pages_survives() {
    assert_survives(&explored(ConfirmPage { repaired: true }, VALUES));
}
