//! After ReOpenLDAP 1 (LMDB with a writable map): meta pages and data pages are written back by one sync.

use super::common::{
    assert_cause_is_of_the_state, assert_missing, assert_nothing_comes_back, assert_survives, device,
    explored, found, read, sealed, unsealed, write,
};
use crashcheck::{Ack, Device, Disk, Result, System};

const DATA: u8 = 2;
const DATA_PAGES: u8 = 3;

/// A value that is never overwritten: a transaction writes it into another data page, and then the older of two meta pages,
/// which says where it is.
///
/// One sync writes both back, in any order: the meta page may survive without its data. The repaired form flushes the
/// data first.
struct MetaWithData {
    repaired: bool,
}

struct Open {
    disk: Disk,
    value: u8,
    transaction: u8,
}

fn write_meta(disk: &Disk, transaction: u8, data: u8) -> Result<()> {
    write(&disk.labelled("meta"), u64::from(transaction % 2), &sealed(&[transaction, data]))?;
    Ok(disk.flush()?)
}

impl System for MetaWithData {
    type Op = u8;
    type Live = Open;
    type View = u8;

    fn devices(&self) -> Vec<Device> {
        vec![device("disk", u64::from(DATA + DATA_PAGES))]
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        write_meta(disk, 0, DATA)
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let metas = [unsealed(&read(&disk, 0)?), unsealed(&read(&disk, 1)?)];
        let [transaction, data] = metas.into_iter().flatten().max().ok_or("no meta page checks")?;
        let [value, ..] = read(&disk, u64::from(data))?;
        Ok(Open { disk, value, transaction })
    }

    fn apply(&self, open: &mut Open, value: &u8) -> Result<Ack> {
        open.transaction += 1;
        let data = DATA + open.transaction % DATA_PAGES;
        write(&open.disk.labelled("data"), u64::from(data), &[*value])?;
        if self.repaired {
            open.disk.flush()?;
        }
        write_meta(&open.disk, open.transaction, data)?;
        open.value = *value;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<u8> {
        Ok(open.value)
    }

    fn model(&self, shown: &mut u8, value: &u8) {
        *shown = *value;
    }
}

const VALUES: [u8; 4] = [1, 2, 3, 4];

#[test]
fn a_meta_page_that_is_ahead_of_its_data_is_found() {
    let exploration = explored(MetaWithData { repaired: false }, VALUES);
    let finding = found(&exploration, "durable");
    assert_missing(finding, &[("data", "meta")], "disk");
    assert_nothing_comes_back(&exploration);
    assert_cause_is_of_the_state(&exploration);
}

#[test]
fn data_that_is_flushed_before_its_meta_page_survives() {
    assert_survives(&explored(MetaWithData { repaired: true }, VALUES));
}
