//! What else may go wrong with a device, beside the power: it fails as a whole, or a block of it cannot be read.
//!
//! A fault is a [flag](super::flag), and all faults together are one group, of which at most so many as the
//! [`Profile`] says happen in one crash state. They can happen in every epoch alike.

use super::contents::Contents;
use super::flag::Flags;
use super::group::Group;
use super::timeline::CellId;
use crate::choice::Question;
use crate::profile::{Profile, When};
use crashcheck_trace::{Bytes, Device, DeviceId, Trace};

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
    sites
}

/// The unit in which a device fails to be read: its logical block.
pub(super) fn block_len(device: &Device) -> Bytes {
    Bytes(device.block.0.max(512))
}

/// The group of all faults, whose cells begin at `first`.
pub(super) fn group(first: CellId, sites: &[Question], profile: &Profile, contents: &mut Contents) -> Group {
    let cells = (0..sites.len() as u32).map(|nth| CellId(first.0 + nth)).collect();
    Group::flags(cells, Flags::new(contents, sites.to_vec(), profile.faults.most as usize))
}
