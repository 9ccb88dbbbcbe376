//! What else may go wrong with a device, beside the power: it fails as a whole, a block of it cannot
//! be read, or a page of a flash chip reads with a bit flipped.
//!
//! A fault is a [flag](super::flag), and all faults together are one group, of which at most so many as the
//! [`Profile`] says happen in one crash state. They can happen in every epoch alike.

use super::contents::Contents;
use super::flag::Flags;
use super::group::Group;
use super::timeline::CellId;
use crate::choice::Question;
use crate::profile::{Profile, When};
use crashcheck_trace::{Bytes, Device, DeviceId, NandGeometry, PageNo, Trace};

/// The faults that a profile allows on the devices of a trace.
pub(super) fn sites(trace: &Trace, profile: &Profile) -> Vec<Question> {
    let devices = (0..trace.devices.len()).map(|index| DeviceId(index as u16));
    let mut sites = Vec::new();
    // The loss of the only device is not one that anything could survive.
    if profile.faults.device_lost != When::Never && trace.devices.len() > 1 {
        sites.extend(devices.clone().map(|device| Question::DeviceLost { device }));
    }
    if profile.faults.unreadable {
        for device in devices {
            let blocks = 0..trace.devices[device.index()]
                .base
                .len()
                .0
                .div_ceil(block_len(&trace.devices[device.index()]).0);
            sites.extend(blocks.map(|block| Question::Unreadable { device, block: block as u32 }));
        }
    }
    if profile.faults.flips {
        let chips = (0u16..).zip(&trace.devices).filter_map(|(index, device)| Some((index, device.chip()?)));
        for (index, chip) in chips {
            let pages = (0..chip.geometry.pages()).map(PageNo);
            sites.extend(pages.map(|page| Question::Flipped { device: DeviceId(index), page }));
        }
    }
    sites
}

/// The bit of a page that reads flipped, counted from its first byte: always the same one of its area.
pub(crate) fn flipped_bit(chip: &NandGeometry, page: PageNo, outcome: u8) -> u64 {
    let anywhere = u64::from(page.0).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    match (outcome, 8 * chip.page.0, 8 * chip.spare.0) {
        (1, data, _) | (_, data, 0) => anywhere % data,
        (_, data, spare) => data + anywhere % spare,
    }
}

/// The unit in which a device fails to be read: its logical block, or the page of a flash chip.
pub(super) fn block_len(device: &Device) -> Bytes {
    match device.chip() {
        Some(chip) => chip.geometry.page_len(),
        None => Bytes(device.block.0.max(512)),
    }
}

/// The group of all faults, whose cells begin at `first`.
pub(super) fn group(first: CellId, sites: &[Question], profile: &Profile, contents: &mut Contents) -> Group {
    let cells = (0..sites.len() as u32).map(|nth| CellId(first.0 + nth)).collect();
    Group::flags(cells, Flags::new(contents, sites.to_vec(), profile.faults.most as usize))
}
