//! What else may go wrong with a device, beside the power: it fails as a whole, a block of it cannot be read or is not
//! what was written, a page of a flash chip reads with a bit flipped, or a [write went wrong](super::silent).
//!
//! A fault is a [flag](super::flag), and all faults together are one group, of which at most so many as the
//! [`Profile`] says happen in one crash state. But for those of writes they can happen in every epoch alike.

use super::contents::{Contents, garbage};
use super::flag::Flags;
use super::group::Group;
use super::silent::Silent;
use super::timeline::{CellId, Timeline};
use crate::choice::Question;
use crate::profile::{Profile, When};
use crashcheck_trace::{Bytes, Device, DeviceId, NandGeometry, PageNo, Trace};
use std::sync::Arc;

/// The faults that a profile allows on the devices of a trace.
pub(super) fn sites(trace: &Trace, profile: &Profile) -> Vec<Question> {
    let devices = (0..trace.devices.len()).map(|index| DeviceId(index as u16));
    let mut sites = Vec::new();
    // The loss of the only device is not one that anything could survive.
    if profile.faults.device_lost != When::Never && trace.devices.len() > 1 {
        sites.extend(devices.clone().map(|device| Question::DeviceLost { device }));
    }
    for id in devices {
        let device = &trace.devices[id.index()];
        let is_chip = device.chip().is_some();
        let blocks = 0..device.base.len().0.div_ceil(block_len(device).0) as u32;
        if profile.faults.unreadable {
            sites.extend(blocks.clone().map(|block| Question::Unreadable { device: id, block }));
        }
        // What flash chips do to their pages they do bit by bit.
        if profile.faults.corrupt && !is_chip {
            sites.extend(blocks.map(|block| Question::Corrupt { device: id, block }));
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
pub(crate) fn block_len(device: &Device) -> Bytes {
    match device.chip() {
        Some(chip) => chip.geometry.page_len(),
        None => Bytes(device.block.0.max(512)),
    }
}

/// The group of all faults of each epoch: those that can happen in every one, whose cells begin at `first`, and those of
/// the writes that are durable in it.
pub(super) fn groups(
    timeline: &Timeline,
    contents: &mut Contents,
    first: CellId,
    sites: &[Question],
    silent: &Silent,
    epochs: u32,
) -> Vec<Option<Arc<Group>>> {
    let most = timeline.profile.faults.most as usize;
    let cells = || (0..sites.len() as u32).map(|nth| CellId(first.0 + nth));
    if silent.sites().is_empty() {
        let flags = |contents| Group::flags(cells().collect(), Flags::new(contents, sites.to_vec(), most));
        let group = (!sites.is_empty()).then(|| Arc::new(flags(contents)));
        return vec![group; epochs as usize];
    }
    let mut groups = Vec::new();
    for epoch in 0..epochs {
        let (mut cells, mut questions): (Vec<CellId>, Vec<Question>) = (cells().collect(), sites.to_vec());
        let mut new = vec![false; sites.len()];
        for site in silent.sites().iter().filter(|site| site.is_open(timeline, epoch)) {
            cells.push(site.flag);
            questions.push(site.question);
            new.push(epoch == 0 || !site.is_open(timeline, epoch - 1));
        }
        let group = (!cells.is_empty())
            .then(|| Group::flags(cells, Flags::new(contents, questions, most).with_new(new)));
        groups.push(group.map(Arc::new));
    }
    groups
}

/// What a block reads as that is corrupt in this way.
pub(crate) fn corrupt(device: DeviceId, block: u64, way: u8, len: Bytes, within: Bytes, buf: &mut [u8]) {
    let seed = 1 << 62 | u64::from(device.0) << 40 | block;
    if way == 1 {
        let from = within.index();
        return buf.copy_from_slice(&garbage(seed, from + buf.len())[from..]);
    }
    // Somewhere in the block, but in another place from block to block.
    let bit = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let byte = bit / 8 % len.0;
    if let Some(byte) = byte.checked_sub(within.0).and_then(|at| buf.get_mut(at as usize)) {
        *byte ^= 1 << (bit % 8);
    }
}
