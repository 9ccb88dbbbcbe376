//! The devices of a crash state: those of the recording, those that lives have made, what they are and how long.

use super::super::cell::{Cell, CellId, Line};
use super::super::contents::ContentId;
use super::super::overlay::Overlay;
use super::{Asked, LazyImage, Left, length_of};
use crashcheck_trace::{Bytes, DEVICE_LEN_MAX, Device, DeviceId, DeviceKind, Image};

impl LazyImage {
    /// How many devices there are.
    pub(crate) fn devices(&self) -> usize {
        self.written.len()
    }

    /// What a device is.
    pub(crate) fn kind(&self, device: DeviceId) -> Option<&DeviceKind> {
        let made = || self.made.get(device.index() - self.left_devices()).map(|device| &device.kind);
        self.lines_of(device).next().map(|line| &line.kind).or_else(made)
    }

    /// What a device is, for who uses it.
    pub(crate) fn find_kind(&mut self, device: DeviceId) -> Option<&DeviceKind> {
        if device.index() >= self.first().lines.len() && !self.is_made(device) {
            self.observe(Asked::Kind(device));
        }
        self.kind(device)
    }

    /// How many devices there are, for who does something with each: other states may have another number of them.
    pub(crate) fn count_devices(&mut self) -> usize {
        if self.made.is_empty() {
            self.observe(Asked::Devices);
        }
        self.devices()
    }

    /// Adds a device, which holds nothing yet but its base.
    pub(crate) fn add_device(&mut self, device: Device) -> DeviceId {
        let id = DeviceId(self.count_devices() as u16);
        if let Some(log) = &mut self.log {
            log.make(device.clone());
        }
        self.keep_devices(id.index() + 1);
        // What it holds is known, and nothing of it is looked for below.
        let written = &mut self.written[id.index()];
        written.zero(Bytes::ZERO, DEVICE_LEN_MAX);
        device.base.pages().for_each(|(at, page)| written.write(at, page.into()));
        written.set_len(device.base.len());
        self.made.push(device);
        id
    }

    /// Whether the running life has made a device.
    pub(super) fn is_made(&self, device: DeviceId) -> bool {
        device.index() >= self.left_devices()
    }

    /// How many devices earlier lives have left. The trace of a life ends with the last device that it knew of.
    pub(super) fn left_devices(&self) -> usize {
        self.left.iter().map(|left| left.timeline.lines.len()).max().unwrap_or(0)
    }

    /// What earlier lives know of a device, the first of them first.
    fn lines_of(&self, device: DeviceId) -> impl Iterator<Item = &Line> {
        self.left.iter().filter_map(move |left| left.timeline.lines.get(device.index()))
    }

    /// The devices that earlier lives have left, as the running one records on them.
    pub(super) fn blanks(&self) -> Vec<Device> {
        let blank =
            |index| self.left.iter().rev().find_map(|left: &Left| left.timeline.blank.get(index).cloned());
        (0..self.left_devices()).filter_map(blank).collect()
    }

    /// There are so many devices from now on.
    pub(super) fn keep_devices(&mut self, devices: usize) {
        let lives = self.left.len();
        self.below.resize(devices, lives);
        self.written.resize_with(devices, Overlay::default);
        self.made.truncate(devices.saturating_sub(self.left_devices()));
    }

    /// What a device held before anything was written to it.
    pub(super) fn base(&self, device: DeviceId) -> Option<&Image> {
        let made = || self.made.get(device.index() - self.left_devices()).map(|device| &device.base);
        self.lines_of(device).next().map(|line| &line.base).or_else(made)
    }

    /// The ranges of a device that may hold something other than zeros before the running life writes, each with its end, in
    /// order.
    pub(crate) fn occupied(&self, device: DeviceId) -> Vec<(Bytes, Bytes)> {
        let base = self.base(device).into_iter().flat_map(Image::pages);
        let mut ranges: Vec<(Bytes, Bytes)> =
            base.map(|(at, page)| (at, at + Bytes::of(page.len()))).collect();
        for Left { timeline, .. } in &self.left {
            let cells = timeline.cells_of(device, Bytes::ZERO, Bytes(u64::MAX));
            ranges.extend(timeline.cells[cells].iter().map(Cell::span));
        }
        ranges.sort_unstable();
        let mut joined: Vec<(Bytes, Bytes)> = Vec::new();
        for (start, end) in ranges {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        joined
    }

    /// The length of a device.
    pub(crate) fn len(&mut self, device: DeviceId) -> Bytes {
        if let Some(len) = self.written[device.index()].len() {
            return len;
        }
        if let Some((_, len)) = self.lengths.get(device.index()).filter(|(turn, _)| *turn == self.turn) {
            return *len;
        }
        // That of a file is asked for although nothing has changed it: a later life may have, and then it is asked for, too.
        let may_differ = (0..self.left.len()).any(|nth| self.length_in(nth, device).is_some());
        if self.find_kind(device) == Some(&DeviceKind::File) || may_differ {
            return Bytes(self.observe(Asked::Len(device)));
        }
        let len = self.length(device);
        if device.index() < self.first().lines.len() {
            self.lengths.resize(self.first().lines.len(), (0, Bytes::ZERO));
            self.lengths[device.index()] = (self.turn, len);
        }
        len
    }

    /// The length that earlier lives have left.
    pub(super) fn length(&mut self, device: DeviceId) -> Bytes {
        for nth in (0..self.below[device.index()]).rev() {
            let Some(cell) = self.length_in(nth, device) else { continue };
            let content = self.held(nth, device, cell);
            if content != ContentId::BELOW {
                let bytes = self.left[nth].timeline.contents.get(content);
                return length_of(bytes.expect("a length is never stored as zeros"));
            }
        }
        self.base(device).map_or(Bytes::ZERO, Image::len)
    }

    /// The cell in which a life, counted from 0, keeps the length of a device.
    fn length_in(&self, nth: usize, device: DeviceId) -> Option<CellId> {
        self.left[nth].timeline.lines.get(device.index())?.length
    }
}

/// What a device is, as an answer.
pub(super) fn number(kind: &DeviceKind) -> u64 {
    match kind {
        DeviceKind::Block => 1,
        DeviceKind::Nand(_) => 2,
        DeviceKind::File => 3,
        DeviceKind::Directory => 4,
        DeviceKind::Link => 5,
    }
}
