//! One crash state, made up while it is read.

use super::cluster::Script;
use super::contents::{ContentId, garbage};
use super::fault;
use super::group::GroupState;
use super::nested::{Layer, Log, Reading};
use super::overlay::{Overlay, Piece};
use super::timeline::{CellId, Timeline};
use crate::choice::{Choices, Path, Plan, Pole, Question};
use crate::judge::Window;
use crate::network::Wire;
use crate::profile::{Discard, When};
use crate::supervise::Trail;
use crashcheck_trace::{BlockNo, Bytes, DeviceId, Image, NandGeometry};
use num_bigint::BigUint;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// One crash state of one epoch. What nobody reads is never decided, so that it stands for all states that read alike.
pub(crate) struct LazyImage {
    timeline: Arc<Timeline>,
    epoch: u32,
    choices: Choices,
    states: FxHashMap<u32, GroupState>,
    /// What each cell was found to hold, valid where the stamp is this run's.
    found: Vec<(u32, ContentId)>,
    stamp: u32,
    /// The cells that were looked at, in order, with what they held.
    reads: Vec<Touched>,
    /// What the running recovery wrote, by device.
    written: Vec<Overlay>,
    /// What recoveries that crashed left, the first one first.
    layers: Vec<Layer>,
    /// What the running recovery wrote, in order; kept only if it may crash.
    log: Option<Log>,
    /// How many recoveries may crash.
    nested: usize,
    /// How often the blocks of flash chips have been erased that the recoveries of this state have erased.
    erases: FxHashMap<(DeviceId, BlockNo), u32>,
    trail: Option<Trail>,
    /// Whether recovery is over, and what it gave is in use.
    in_service: bool,
}

/// A number of crash states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Represented {
    /// All of them.
    pub(crate) all: BigUint,
    /// Those that the epoch before does not have.
    pub(crate) fresh: BigUint,
}

/// A cell that was looked at, and what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) cell: CellId,
    pub(crate) content: ContentId,
}

impl LazyImage {
    pub(crate) fn new(timeline: Arc<Timeline>) -> LazyImage {
        LazyImage {
            epoch: 0,
            choices: Choices::new(Plan::replay(Vec::new())),
            states: FxHashMap::default(),
            found: vec![(0, ContentId::ZERO); timeline.cells.len()],
            stamp: 0,
            reads: Vec::new(),
            written: timeline.lines.iter().map(|_| Overlay::default()).collect(),
            layers: Vec::new(),
            log: None,
            nested: 0,
            erases: FxHashMap::default(),
            trail: None,
            in_service: false,
            timeline,
        }
    }

    /// The nodes that the devices belong to, all of them up.
    pub(crate) fn wire(&self) -> &Wire {
        &self.timeline.wire
    }

    /// What the crash state is made from if it is one of a cluster whose nodes crash one by one.
    pub(crate) fn script(&self) -> Option<&Script> {
        self.timeline.script.as_ref()
    }

    /// Looks where the crash comes: after so many events.
    pub(crate) fn look_for_crash(&mut self) -> usize {
        if let Some(cell) = self.timeline.first_look() {
            self.look(cell);
        }
        self.timeline.epochs[self.epoch as usize].upto
    }

    /// Begins another crash state.
    pub(crate) fn restart(&mut self, epoch: u32, plan: Plan, nested: u8) {
        self.epoch = epoch;
        self.choices.restart(plan);
        self.states.clear();
        self.stamp += 1;
        self.reads.clear();
        self.written.iter_mut().for_each(Overlay::clear);
        self.layers.clear();
        self.erases.clear();
        self.nested = usize::from(nested);
        self.in_service = false;
        self.log = (nested > 0).then(Log::default);
    }

    /// Leaves a trail of what is looked at, or stops to.
    pub(crate) fn leave_trail(&mut self, trail: Option<Trail>) {
        self.trail = trail;
    }

    /// What was asked so far.
    pub(crate) fn path(&self) -> &Path {
        self.choices.path()
    }

    /// Whether the answers did not fit the questions.
    pub(crate) fn diverged(&self) -> bool {
        self.choices.diverged()
    }

    /// The cells that were looked at so far.
    pub(crate) fn reads(&self) -> &[Touched] {
        &self.reads
    }

    /// How many crash states this one stands for so far.
    pub(crate) fn represented(&self) -> Represented {
        let all = self.timeline.represented(self.epoch, &self.states);
        if self.layers.is_empty() {
            let fresh = &all - self.timeline.represented_before(self.epoch, &self.states);
            return Represented { all, fresh };
        }
        let inner = self.layers.iter().map(Layer::remaining);
        let all = inner.fold(all, |product, count| product * count);
        Represented { fresh: all.clone(), all }
    }

    /// The number of events after which a crash can first leave this state.
    pub(crate) fn earliest(&self) -> usize {
        self.timeline.earliest(self.epoch, &self.states)
    }

    /// What the crash points that can leave this state allow, in order.
    pub(crate) fn windows(&self) -> Vec<Window> {
        let upto = self.timeline.epochs[self.epoch as usize].upto;
        let mut windows = self.timeline.windows[self.earliest()..=upto].to_vec();
        windows.dedup();
        windows
    }

    /// Looks at every cell, in the order of position: for a recovery that cannot be followed, or needs the whole image.
    pub(crate) fn decide_all(&mut self) {
        for cell in self.timeline.visible() {
            self.look(cell);
        }
    }

    /// Every device as the trace left it. What is undecided is taken to have persisted, and stays undecided.
    pub(crate) fn whole(&self) -> Vec<Image> {
        let timeline = &self.timeline;
        let (mut states, mut choices) = (self.states.clone(), Choices::new(Plan::pole(Pole::Newest)));
        let mut content =
            |cell: CellId| timeline.contents.get(timeline.find(cell, self.epoch, &mut states, &mut choices));
        let mut devices = Vec::new();
        for (index, line) in timeline.lines.iter().enumerate() {
            let mut image = line.base.clone();
            let len = line.length.and_then(&mut content).map_or(image.len(), length_of);
            for at in timeline.cells_of(DeviceId(index as u16), Bytes::ZERO, Bytes(u64::MAX)) {
                let cell = &timeline.cells[at];
                image.resize(image.len().max(cell.start + cell.len));
                match content(CellId(at as u32)) {
                    Some(bytes) => image.write(cell.start, bytes),
                    None => image.zero(cell.start, cell.len),
                }
            }
            image.resize(len);
            devices.push(image);
        }
        devices
    }

    /// Finds out what a cell holds.
    pub(crate) fn look(&mut self, cell: CellId) -> ContentId {
        let (stamp, content) = self.found[cell.0 as usize];
        if stamp == self.stamp {
            return content;
        }
        let content = self.timeline.find(cell, self.epoch, &mut self.states, &mut self.choices);
        self.found[cell.0 as usize] = (self.stamp, content);
        self.reads.push(Touched { cell, content });
        if let Some(trail) = &mut self.trail {
            trail.look(cell);
        }
        content
    }

    /// Finds out what came of something that holds no bytes; 0 if nothing can be amiss with it.
    pub(crate) fn flag(&mut self, question: Question) -> u8 {
        let Some(cell) = self.timeline.flag(&question) else { return 0 };
        let content = self.look(cell);
        self.timeline.contents.get(content).map_or(0, |bytes| bytes[0])
    }

    /// From now on what recovered is in use, and what may fail in service may fail.
    pub(crate) fn begin_service(&mut self) -> bool {
        self.in_service = true;
        self.timeline.fails_in_service()
    }

    /// Whether a device has failed as a whole.
    pub(crate) fn is_lost(&mut self, device: DeviceId) -> bool {
        let may = match self.timeline.profile.faults.device_lost {
            When::Never => false,
            When::AtCrash => true,
            When::InService => self.in_service,
        };
        may && self.flag(Question::DeviceLost { device }) > 0
    }

    /// How many devices there are.
    pub(crate) fn devices(&self) -> usize {
        self.timeline.lines.len()
    }

    /// The length of a device.
    pub(crate) fn len(&mut self, device: DeviceId) -> Bytes {
        if let Some(len) = self.written[device.index()].len() {
            return len;
        }
        for depth in (0..self.layers.len()).rev() {
            if let Some(len) = self.layers[depth].len(device, depth, &mut self.choices) {
                return len;
            }
        }
        let line = &self.timeline.lines[device.index()];
        let Some(cell) = line.length else { return line.base.len() };
        let content = self.look(cell);
        let bytes = self.timeline.contents.get(content).expect("a length is never stored as zeros");
        length_of(bytes)
    }

    /// Reads a range that lies within the device, unless a block of it cannot be read: then says which.
    pub(crate) fn read(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), Bytes> {
        self.read_with(true, device, at, buf)
    }

    /// Whether a range holds only ones, whatever fails to be read: what a flash chip itself can tell.
    pub(crate) fn is_ones(&mut self, device: DeviceId, at: Bytes, len: Bytes) -> bool {
        let mut bytes = vec![0; len.index()];
        let read = self.read_with(false, device, at, &mut bytes);
        read.is_ok() && bytes.iter().all(|byte| *byte == 0xFF)
    }

    /// Reads a range; without `faults`, as if nothing but the power had failed.
    fn read_with(&mut self, faults: bool, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), Bytes> {
        let mut open = Vec::new();
        let mine = &self.written[device.index()];
        if mine.is_untouched() && self.layers.is_empty() {
            return self.read_trace(faults, device, at, buf);
        }
        mine.parts(at, buf.len(), |span, piece| match piece {
            Piece::Bytes(bytes) => buf[span].copy_from_slice(bytes),
            Piece::Zeros => buf[span].fill(0),
            Piece::Below => open.push(span),
        });
        for span in open {
            let start = at + Bytes::of(span.start);
            self.read_layers(self.layers.len(), faults, device, start, &mut buf[span])?;
        }
        Ok(())
    }

    /// Reads what the recoveries that crashed left, `upto` of them, and below them the trace.
    fn read_layers(
        &mut self,
        upto: usize,
        faults: bool,
        device: DeviceId,
        at: Bytes,
        buf: &mut [u8],
    ) -> Result<(), Bytes> {
        let Some(depth) = upto.checked_sub(1) else { return self.read_trace(faults, device, at, buf) };
        let mut reading = Reading { device, at, buf, choices: &mut self.choices };
        let open = self.layers[depth].read(depth, &mut reading);
        for span in open {
            let start = at + Bytes::of(span.start);
            self.read_layers(depth, faults, device, start, &mut buf[span])?;
        }
        Ok(())
    }

    /// Reads what the trace left.
    fn read_trace(&mut self, faults: bool, device: DeviceId, at: Bytes, buf: &mut [u8]) -> Result<(), Bytes> {
        if faults && self.timeline.profile.faults.unreadable {
            self.find_unreadable(device, at, buf.len())?;
        }
        let mut here = at;
        let end = at + Bytes::of(buf.len());
        for index in self.timeline.cells_of(device, at, Bytes::of(buf.len())) {
            let (start, stop) = {
                let cell = &self.timeline.cells[index];
                (cell.start, cell.start + cell.len)
            };
            if start > here {
                self.read_base(device, here, &mut buf[(here - at).index()..(start - at).index()]);
                here = start;
            }
            let content = self.look(CellId(index as u32));
            let upto = stop.min(end);
            let out = &mut buf[(here - at).index()..(upto - at).index()];
            match self.timeline.contents.get(content) {
                None => out.fill(0),
                Some(bytes) => out.copy_from_slice(&bytes[(here - start).index()..(upto - start).index()]),
            }
            here = upto;
        }
        if here < end {
            self.read_base(device, here, &mut buf[(here - at).index()..]);
        }
        if faults && self.timeline.profile.faults.corrupt {
            self.corrupt(device, at, buf);
        }
        if faults && self.timeline.profile.faults.flips {
            self.flip(device, at, buf);
        }
        Ok(())
    }

    /// Turns what the trace left into what the device reads.
    fn corrupt(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let len = self.timeline.lines[device.index()].block;
        let end = at.0 + buf.len() as u64;
        for number in at.0 / len.0..end.div_ceil(len.0) {
            let way = self.flag(Question::Corrupt { device, block: number as u32 });
            if way > 0 {
                let (from, upto) = (at.0.max(number * len.0), end.min((number + 1) * len.0));
                let within = Bytes(from - number * len.0);
                let part = &mut buf[(from - at.0) as usize..(upto - at.0) as usize];
                fault::corrupt(device, number, way, len, within, part);
            }
        }
    }

    /// Flips a bit in what was read of each page that reads with one flipped. A page that is erased has none.
    fn flip(&mut self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let Some(chip) = self.chip(device) else { return };
        let mut start = 0;
        while start < buf.len() {
            let page = chip.page_with(at + Bytes::of(start));
            let first = chip.page_at(page);
            let end = (first + chip.page_len() - at).index().min(buf.len());
            if buf[start..end].iter().any(|byte| *byte != 0xFF) {
                let outcome = self.flag(Question::Flipped { device, page });
                let bit = 8 * first.0 + fault::flipped_bit(&chip, page, outcome);
                let byte = (bit / 8).checked_sub(at.0).filter(|byte| outcome > 0 && *byte < end as u64);
                if let Some(byte) = byte {
                    buf[byte as usize] ^= 1 << (bit % 8);
                }
            }
            start = end;
        }
    }

    fn find_unreadable(&mut self, device: DeviceId, at: Bytes, len: usize) -> Result<(), Bytes> {
        let block = self.timeline.lines[device.index()].block.0;
        for number in at.0 / block..(at.0 + len as u64).div_ceil(block) {
            if self.flag(Question::Unreadable { device, block: number as u32 }) > 0 {
                return Err(Bytes(number * block));
            }
        }
        Ok(())
    }

    /// Reads what no event of the trace has written: the base, and zeros beyond its end where the device has grown.
    fn read_base(&self, device: DeviceId, at: Bytes, buf: &mut [u8]) {
        let base = &self.timeline.lines[device.index()].base;
        let held = base.len().0.saturating_sub(at.0).min(buf.len() as u64) as usize;
        let (inside, beyond) = buf.split_at_mut(held);
        if held > 0 {
            base.read(at, inside);
        }
        beyond.fill(0);
    }

    /// Writes a range that lies within the device.
    pub(crate) fn write(&mut self, device: DeviceId, at: Bytes, data: &[u8], fua: bool) {
        self.written[device.index()].write(at, data);
        if let Some(log) = &mut self.log {
            log.write(device, at, data, fua);
        }
    }

    /// The layout of a device, if it is a flash chip.
    pub(crate) fn chip(&self, device: DeviceId) -> Option<NandGeometry> {
        self.timeline.lines.get(device.index())?.chip.as_ref().map(|chip| chip.geometry)
    }

    /// How often a block of a flash chip has been erased.
    pub(crate) fn erases(&self, device: DeviceId, block: BlockNo) -> u32 {
        match self.erases.get(&(device, block)) {
            Some(erases) => *erases,
            None => self.timeline.erases(device, block, self.epoch),
        }
    }

    /// Notes that recovery has erased a block of a flash chip.
    pub(crate) fn set_erases(&mut self, device: DeviceId, block: BlockNo, erases: u32) {
        self.erases.insert((device, block), erases);
    }

    /// Programs a page of a flash chip.
    pub(crate) fn program(&mut self, device: DeviceId, at: Bytes, data: &[u8]) {
        self.written[device.index()].write(at, data);
        if let Some((log, chip)) = self.log.as_mut().zip(self.timeline.lines[device.index()].chip.as_ref()) {
            log.on_chip(device, at, data, chip.geometry);
        }
    }

    /// Erases a block of a flash chip.
    pub(crate) fn erase(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        self.program(device, at, &vec![0xFF; len.index()]);
    }

    /// Zeroes a range that lies within the device.
    pub(crate) fn zero(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        self.written[device.index()].zero(at, len);
        if let Some(log) = &mut self.log {
            log.zero(device, at, len);
        }
    }

    /// Discards a range that lies within the device.
    pub(crate) fn discard(&mut self, device: DeviceId, at: Bytes, len: Bytes) {
        match self.timeline.profile.discard {
            Discard::Old => {}
            Discard::Zero => self.zero(device, at, len),
            Discard::Garbage => self.write(device, at, &garbage(at.0, len.index()), false),
        }
    }

    /// Changes the length of a device.
    pub(crate) fn resize(&mut self, device: DeviceId, len: Bytes) {
        let old = self.len(device);
        if len < old {
            self.written[device.index()].zero(len, old - len);
        }
        self.written[device.index()].set_len(len);
        if let Some(log) = &mut self.log {
            log.resize(device, old, len);
        }
    }

    /// Makes what recovery wrote to a device durable.
    pub(crate) fn flush(&mut self, device: DeviceId) {
        if let Some(log) = &mut self.log {
            log.flush(device);
        }
    }

    /// Asks whether recovery crashed too. If it did, what it wrote becomes one more layer of what a crash has left, and
    /// recovery can be run again.
    pub(crate) fn crash_recovery(&mut self) -> bool {
        let Some(log) = self.log.take().filter(|log| log.intervals() > 0) else { return false };
        let intervals = log.intervals();
        match self.choices.ask(Question::RecoveryCrashed { intervals }) {
            0 => false,
            interval => {
                let devices = self.written.len();
                self.layers.push(Layer::new(log, interval, devices, &self.timeline.profile));
                self.written.iter_mut().for_each(Overlay::clear);
                self.log = (self.layers.len() < self.nested).then(Log::default);
                true
            }
        }
    }

    /// How many recoveries have crashed.
    pub(crate) fn depth(&self) -> usize {
        self.layers.len()
    }
}

/// The length that the content of a length cell says.
fn length_of(bytes: &[u8]) -> Bytes {
    Bytes(u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")))
}
