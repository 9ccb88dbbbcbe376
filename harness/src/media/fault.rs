//! What else may go wrong with a device, beside the power: it fails as a whole, a block of it cannot be read or is not
//! what was written, a page of a flash chip reads with a bit flipped, or a [write went wrong](super::silent).
//!
//! A fault is a [flag](super::flag), and all faults together are one group, of which at most so many as the
//! [`Profile`] says happen in one crash state. But for those of writes they can happen in every epoch alike.

use super::cell::CellId;
use super::contents::{ContentId, garbage};
use super::flag::{self, Flags};
use super::group::Group;
use super::landing::block_len;
use super::layout::Layout;
use super::phases::{Cells, Phase, Phases};
use super::silent::Site;
use super::steps;
use crate::choice::Question;
use crate::profile::{Profile, When};
use crashcheck_trace::{Bytes, DeviceId, NandGeometry, PageNo, Trace};
use std::collections::BTreeMap;
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

/// All faults of a trace: those that can happen in every epoch, and those of writes, each where the write is durable.
#[derive(Default)]
pub(super) struct Faults {
    /// The cell of the first of them.
    first: CellId,
    /// Those that can happen in every epoch.
    sites: Vec<Question>,
    /// The contents that stand for the outcomes.
    outcomes: Arc<[ContentId]>,
}

/// Open faults, by how many unusual outcomes each has.
type Open = BTreeMap<u64, u64>;

impl Faults {
    /// The faults whose cells begin at `first`.
    pub(super) fn new(layout: &mut Layout, first: CellId, sites: Vec<Question>) -> Faults {
        let silent = layout.silent.sites().iter().map(|site| site.question);
        let highest = sites.iter().copied().chain(silent).map(|question| question.outcomes()).max();
        let outcomes = flag::contents(&mut layout.contents, highest.unwrap_or(1));
        Faults { first, sites, outcomes }
    }

    /// Those that can happen in every epoch.
    pub(super) fn sites(&self) -> &[Question] {
        &self.sites
    }

    /// The group of all faults that can happen in an epoch.
    pub(super) fn group(&self, layout: &Layout, epoch: u32) -> Group {
        let mut cells: Vec<CellId> = (self.first.0..).take(self.sites.len()).map(CellId).collect();
        let (mut questions, mut new) = (self.sites.clone(), vec![false; self.sites.len()]);
        for site in layout.silent.sites().iter().filter(|site| site.open.contains(&epoch)) {
            cells.push(site.flag);
            questions.push(site.question);
            new.push(site.open.start == epoch);
        }
        let most = layout.profile.faults.most as usize;
        Group::flags(cells, Flags::of(Arc::clone(&self.outcomes), questions, most).with_new(new))
    }

    /// Adds a phase for every run of epochs in which the same faults can happen.
    pub(super) fn add_phases(&self, layout: &Layout, phases: &mut Phases) {
        let set = phases.sets.len() as u32;
        let (most, epochs) = (layout.profile.faults.most as usize, layout.epochs.len() as u32);
        let mut open = Open::new();
        steps::take(self.sites.len() + layout.silent.sites().len());
        for site in &self.sites {
            *open.entry(u64::from(site.outcomes()) - 1).or_default() += 1;
        }
        let (begin, end, borders) = borders(layout.silent.sites(), epochs);
        let (mut begin, mut end, mut since) = (&begin[..], &end[..], 0);
        for (nth, first) in borders.iter().copied().enumerate() {
            let gone = take(&mut end, first);
            for unusual in &gone {
                open.entry(*unusual).and_modify(|count| *count -= 1);
            }
            let shared = flag::ways(most, &open);
            let new = take(&mut begin, first);
            for unusual in &new {
                *open.entry(*unusual).or_default() += 1;
            }
            if !gone.is_empty() || !new.is_empty() {
                since = first;
            }
            if open.values().any(|count| *count > 0) {
                let phase = Phase::new(Cells { set, count: 0 }, first, flag::ways(most, &open), shared, true);
                let end = borders.get(nth + 1).copied().unwrap_or(epochs);
                phases.all.push(Phase { end, since, ..phase });
            }
        }
        phases.sets.push(Vec::new());
        phases.faults = Some((self.first, set));
    }
}

/// An epoch, and how many unusual outcomes the fault has that begins or ends to be open in it.
type Border = (u32, u64);

/// Where faults of writes begin to be open, where they cease to be, and all epochs in which that changes which are new.
fn borders(sites: &[Site], epochs: u32) -> (Vec<Border>, Vec<Border>, Vec<u32>) {
    let open = sites.iter().filter(|site| !site.open.is_empty());
    let border = |epoch: u32, site: &Site| (epoch, u64::from(site.question.outcomes()) - 1);
    let mut begin: Vec<Border> = open.clone().map(|site| border(site.open.start, site)).collect();
    let mut end: Vec<Border> = open.map(|site| border(site.open.end, site)).collect();
    begin.sort_unstable();
    end.sort_unstable();
    let begun = begin.iter().flat_map(|(epoch, _)| [*epoch, epoch.saturating_add(1)]);
    let mut borders: Vec<u32> = begun.chain(end.iter().map(|(epoch, _)| *epoch)).chain([0]).collect();
    borders.sort_unstable();
    borders.dedup();
    borders.retain(|epoch| *epoch < epochs);
    (begin, end, borders)
}

/// Takes those of an epoch, which are the first.
fn take(borders: &mut &[Border], epoch: u32) -> Vec<u64> {
    let (now, later) = borders.split_at(borders.partition_point(|(of, _)| *of <= epoch));
    *borders = later;
    now.iter().map(|(_, unusual)| *unusual).collect()
}

/// So many bytes at either end of a block are where headers and checksums are.
const EDGE: u64 = 32;

/// What a block reads as that is corrupt in this way ([`Question::Corrupt`]).
pub(crate) fn corrupt(device: DeviceId, block: u64, way: u8, len: Bytes, within: Bytes, buf: &mut [u8]) {
    let seed = 1 << 62 | u64::from(device.0) << 40 | block;
    // Somewhere in the block, but in another place from block to block.
    let bit = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let (anywhere, edge) = (bit / 8 % len.0, bit / 8 % len.0.min(EDGE));
    let (at, change) = match way {
        1 => {
            let from = within.index();
            return buf.copy_from_slice(&garbage(seed, from + buf.len())[from..]);
        }
        2 => (anywhere, 1 << (bit % 8)),
        3 => (edge, u8::MAX),
        4 => (len.0 - 1 - edge, u8::MAX),
        _ => return buf.fill(0),
    };
    if let Some(byte) = at.checked_sub(within.0).and_then(|at| buf.get_mut(at as usize)) {
        *byte ^= change;
    }
}
