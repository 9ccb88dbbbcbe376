//! Flash chips: what a page and a block may be asked, and what is refused.

use super::*;
use crate::disk::Disk;
use crashcheck_trace::{Bytes, Device, Event, Image, Pairing, Payload, Trace};

const CHIP: NandGeometry = NandGeometry {
    page: Bytes(8),
    spare: Bytes(4),
    pages_per_block: 4,
    blocks: 3,
    endurance: 3,
    paired: Pairing::None,
};

fn plain(device: &Device) -> Nand {
    Disk::plain(std::slice::from_ref(device)).nand(DeviceId(0)).expect("a chip")
}

fn recording(device: &Device) -> (Disk, Nand) {
    let disk = Disk::recording(std::slice::from_ref(device));
    let chip = disk.nand(DeviceId(0)).expect("a chip");
    (disk, chip)
}

fn chip() -> Device {
    Device::nand("chip", CHIP)
}

/// A chip whose content is unknown, as after it was in use elsewhere.
fn used() -> Device {
    let mut device = chip();
    device.base = Image::from_bytes(&vec![0x35; CHIP.len().index()]);
    device
}

fn both(device: &Device) -> [Nand; 2] {
    [plain(device), recording(device).1]
}

/// The pages of the first block as the chip shows them: erased, valid (they hold what was programmed), or invalid.
fn states(chip: &Nand, programmed: &[u8]) -> String {
    let state = |page| {
        let mut bytes = [0; 12];
        chip.read(PageNo(page), &mut bytes).expect("a page");
        match bytes {
            bytes if bytes == [0xFF; 12] => 'E',
            bytes if bytes == programmed => 'V',
            _ => 'i',
        }
    };
    (0..4).map(state).collect()
}

/// FT-01: the golden sequence of page states.
#[test]
fn ft_01_pages_go_from_invalid_over_erased_to_valid() {
    for chip in both(&used()) {
        let data = [0x5A; 12];
        let program = |page| chip.program(PageNo(page), &data, None);
        let not_erased = |page| Err(DiskError::NotErased { page: PageNo(page), block: BlockNo(0) });
        assert_eq!(states(&chip, &data), "iiii");
        assert_eq!(program(0), not_erased(0));
        assert_eq!(chip.erase(BlockNo(0), None), Ok(()));
        assert_eq!(states(&chip, &data), "EEEE");
        assert_eq!(program(0), Ok(()));
        assert_eq!(states(&chip, &data), "VEEE");
        assert_eq!(program(0), not_erased(0));
        assert_eq!(program(1), Ok(()));
        assert_eq!(states(&chip, &data), "VVEE");
        assert_eq!(chip.erase(BlockNo(0), None), Ok(()));
        assert_eq!(states(&chip, &data), "EEEE");
        assert_eq!(
            chip.program(PageNo(4), &data, None),
            Err(DiskError::NotErased { page: PageNo(4), block: BlockNo(1) }),
            "erasing a block leaves the others"
        );
    }
}

/// FT-02: reading changes nothing, whatever the state of the page.
#[test]
fn ft_02_any_page_can_be_read_and_reading_changes_nothing() {
    for chip in both(&used()) {
        for _ in 0..2 {
            let (mut page, mut data, mut spare) = ([0; 12], [0; 8], [0; 4]);
            chip.read(PageNo(11), &mut page).expect("a page");
            chip.read(PageNo(11), &mut data).expect("a data area");
            chip.read_spare(PageNo(11), &mut spare).expect("a spare area");
            assert_eq!((page, data, spare), ([0x35; 12], [0x35; 8], [0x35; 4]));
        }
    }
}

/// FT-04 and FT-03: a program only takes bits from 1 to 0, and an erase sets all of a block to 1.
#[test]
fn ft_04_a_program_only_clears_bits() {
    for chip in both(&used()) {
        chip.erase(BlockNo(1), None).expect("an erase");
        for page in 4..8u32 {
            let (mut old, mut new) = ([0; 12], [0; 12]);
            let data: Vec<u8> = (0..12).map(|at| (page as u8).wrapping_mul(37) ^ (at * 11)).collect();
            chip.read(PageNo(page), &mut old).expect("a page");
            assert_eq!(old, [0xFF; 12]);
            chip.program(PageNo(page), &data, None).expect("a program");
            chip.read(PageNo(page), &mut new).expect("a page");
            assert_eq!(new[..], data);
            assert!(old.iter().zip(&new).all(|(old, new)| new & !old == 0));
        }
        for other in [0, 3, 8] {
            let mut bytes = [0; 12];
            chip.read(PageNo(other), &mut bytes).expect("a page");
            assert_eq!(bytes, [0x35; 12], "another block was touched");
        }
    }
}

/// FT-05: there is no smaller unit than a page, and none but a block is erased.
#[test]
fn ft_05_the_unit_of_a_program_is_a_page() {
    for chip in both(&chip()) {
        let (page, spare) = (Bytes(8), Bytes(4));
        for len in [0, 1, 4, 8, 11, 13] {
            let refused = Err(DiskError::NotAPage { len: Bytes(len), page, spare });
            assert_eq!(chip.program(PageNo(0), &vec![0; len as usize], None), refused);
            if len != 8 {
                assert_eq!(chip.read(PageNo(0), &mut vec![0; len as usize]), refused);
            }
        }
        assert_eq!(
            chip.program(PageNo(12), &[0; 12], None),
            Err(DiskError::NoSuchPage { page: PageNo(12), pages: 12 })
        );
        assert_eq!(
            chip.erase(BlockNo(3), None),
            Err(DiskError::NoSuchBlock { block: BlockNo(3), blocks: 3 })
        );
    }
}

/// FT-06: within a block, pages are programmed in ascending order; pages may be left out.
#[test]
fn ft_06_pages_of_a_block_are_programmed_in_order() {
    for chip in both(&chip()) {
        let program = |page| chip.program(PageNo(page), &[1; 12], None);
        assert_eq!(program(6), Ok(()));
        let out_of_order = DiskError::OutOfOrder { page: PageNo(5), later: PageNo(6), block: BlockNo(1) };
        assert_eq!(program(5), Err(out_of_order));
        assert_eq!(program(7), Ok(()));
        assert_eq!(program(0), Ok(()), "another block has an order of its own");
        chip.erase(BlockNo(1), None).expect("an erase");
        assert_eq!(program(5), Ok(()));
    }
}

/// FT-08: after as many erases as it survives, a block fails at the next and is of no use from then on.
#[test]
fn ft_08_a_block_wears_out() {
    for chip in both(&chip()) {
        for _ in 0..3 {
            assert_eq!(chip.erase(BlockNo(2), None), Ok(()));
        }
        assert_eq!(chip.program(PageNo(8), &[1; 12], None), Ok(()));
        for _ in 0..2 {
            assert_eq!(chip.erase(BlockNo(2), None), Err(DiskError::WornOut { block: BlockNo(2) }));
        }
        assert_eq!(chip.program(PageNo(9), &[1; 12], None), Err(DiskError::WornOut { block: BlockNo(2) }));
        let mut bytes = [0; 12];
        chip.read(PageNo(8), &mut bytes).expect("a page");
        assert_eq!(bytes, [1; 12], "a failed erase changes nothing");
        assert_eq!(chip.erase(BlockNo(1), None), Ok(()));
    }
}

/// FT-09: a block that was bad from the beginning shows it in its first spare area, and serves for nothing.
#[test]
fn ft_09_a_factory_bad_block_is_marked_and_refuses() {
    for chip in both(&chip().with_bad_blocks(&[BlockNo(1)])) {
        let is_bad = |block: u32| {
            let mut spare = [0; 4];
            chip.read_spare(PageNo(4 * block), &mut spare).expect("a spare area");
            spare[0] != 0xFF
        };
        assert_eq!([0, 1, 2].map(is_bad), [false, true, false]);
        let worn = Err(DiskError::WornOut { block: BlockNo(1) });
        assert_eq!(chip.erase(BlockNo(1), None), worn);
        assert_eq!(chip.program(PageNo(5), &[1; 12], None), worn);
    }
}

#[test]
fn a_recording_says_what_was_programmed_erased_and_waited_for() {
    let (disk, chip) = recording(&chip());
    let label = Label::from("data");
    chip.program(PageNo(5), &[3; 12], Some(&label)).expect("a program");
    chip.erase(BlockNo(2), None).expect("an erase");
    chip.wait().expect("power");
    assert!(chip.program(PageNo(5), &[4; 12], None).is_err(), "what is refused is not recorded");
    let trace = disk.machine().power_off().expect("a recording");
    let (device, data) = (DeviceId(0), Payload::from(vec![3; 12]));
    let expected = vec![
        Event::Program { device, at: Bytes(60), data, label: Some(label) },
        Event::Erase { device, at: Bytes(96), len: Bytes(48), label: None },
        Event::flush(device),
    ];
    assert_eq!(trace.events, expected);
    assert_eq!(trace.validate(), Ok(()));
    assert_eq!(chip.wait(), Err(DiskError::PoweredOff));
}

#[test]
fn a_recording_begins_with_the_wear_of_what_came_before() {
    let (disk, chip) = recording(&chip());
    chip.erase(BlockNo(2), None).expect("an erase");
    chip.erase(BlockNo(2), None).expect("an erase");
    disk.machine().rebase();
    let Trace { devices, events } = disk.machine().power_off().expect("a recording");
    assert!(events.is_empty());
    assert_eq!(devices[0].chip().expect("a chip").erases_of(BlockNo(2)), 2);
}

#[test]
fn a_chip_is_no_disk_and_a_disk_no_chip() {
    let devices = [chip(), Device::zeroed("disk", Bytes(512), Bytes(4096))];
    for disk in [Disk::plain(&devices), Disk::recording(&devices)] {
        let flash = DiskError::IsFlash { device: DeviceId(0) };
        assert_eq!(disk.write(Bytes(0), &[1]), Err(flash.clone()));
        assert_eq!(disk.read(Bytes(0), &mut [1]), Err(flash.clone()));
        assert_eq!(disk.flush(), Err(flash.clone()));
        assert_eq!(disk.resize(Bytes(0)), Err(flash));
        assert_eq!(disk.len(), Ok(Bytes(144)));
        let disk = disk.device(DeviceId(1));
        assert_eq!(disk.write(Bytes(0), &[1]), Ok(()));
        let error = disk.nand(DeviceId(1)).err();
        assert_eq!(error, Some(DiskError::NotFlash { device: DeviceId(1) }));
    }
}
