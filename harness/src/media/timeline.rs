//! A trace laid out for looking at it after a crash: cells, their version chains, epochs.

use super::block::{Fill, Lane, Piece, pieces};
use super::cluster::Script;
use super::contents::{ContentId, Contents, garbage};
use super::date::Span;
use super::epoch::Epoch;
use super::fault::{self, Faults};
use super::life::Outlived;
use super::phases::Phases;
use super::silent::{self, Silent};
use super::sweep::Sweep;
use crate::choice::Question;
use crate::profile::{self, Profile, Torn, When};
use crate::window::Window;
use crate::wire::Wire;
use crashcheck_trace::{
    BlockNo, Bytes, Device, DeviceId, DeviceKind, Event, EventId, Image, NandChip, OpId, Trace,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run of bytes of one device that is always written as a whole, or the length of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellId(pub(crate) u32);

/// What survives or is lost as a whole: a write, or one atomic unit of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AtomId(pub(crate) u32);

pub(crate) struct Atom {
    pub(crate) event: EventId,
    pub(crate) unit: u32,
    pub(crate) device: DeviceId,
    /// What it keeps its order with, on its device.
    pub(super) lane: Option<Lane>,
    /// The cells it writes, in order.
    pub(crate) cells: Vec<CellId>,
    /// The epoch in which it was issued.
    pub(crate) issued: u32,
    /// The first epoch in which it is durable.
    pub(crate) durable: u32,
}

#[derive(Clone, Copy)]
pub(crate) struct Version {
    pub(crate) atom: AtomId,
    pub(crate) content: ContentId,
    /// What the cell reads as if the atom was cut off half-way, where the profile has that.
    pub(crate) garbage: ContentId,
    /// The epoch in which it was issued.
    pub(super) issued: u32,
    /// The first epoch in which it or a newer one is durable.
    pub(super) settled: u32,
}

pub(crate) struct Cell {
    pub(crate) start: Bytes,
    pub(crate) len: Bytes,
    /// What it held when the recording began.
    pub(crate) base: ContentId,
    /// What was written to it, oldest first.
    pub(crate) versions: Vec<Version>,
}

impl Cell {
    /// Where it begins and ends.
    pub(super) fn span(&self) -> (Bytes, Bytes) {
        (self.start, self.start + self.len)
    }
}

/// What a cell holds in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Only this.
    Durable(ContentId),
    /// The content of any of `floor..latest` (counting the base as 0).
    InFlight {
        /// The newest durable version: 0 is the base, n the n-th write.
        floor: u32,
        /// The newest version.
        latest: u32,
    },
}

/// The cells of one device.
pub(crate) struct Line {
    pub(crate) base: Image,
    /// What it is made of, if it is a flash chip.
    pub(crate) chip: Option<NandChip>,
    /// The unit in which it fails to be read.
    pub(crate) block: Bytes,
    /// The bytes written at some time: `cells[first..]`, ordered by position, not overlapping.
    first: u32,
    count: u32,
    /// The cell that stands for the length, if the length ever changes.
    pub(crate) length: Option<CellId>,
}

/// What happened in one life, laid out once under one profile.
pub(crate) struct Timeline {
    pub(crate) profile: Profile,
    /// Which life: 1 is the recorded workload. The cells of a later one lie over what earlier lives have left.
    pub(crate) life: u8,
    /// The devices as later lives record on them: what they hold is below.
    pub(super) blank: Arc<[Device]>,
    pub(crate) lines: Vec<Line>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) atoms: Vec<Atom>,
    pub(crate) contents: Contents,
    /// The cells that hold no bytes but the outcome of a question: those from `first_flag`.
    flags: FxHashMap<Question, CellId>,
    first_flag: CellId,
    /// The writes that can go wrong without a word; nobody looks at their flags, which are the last.
    pub(super) silent: Silent,
    first_silent: CellId,
    pub(super) faults: Faults,
    pub(crate) epochs: Vec<Epoch>,
    pub(super) phases: Phases,
    /// The erases of blocks of flash chips, in the order of issue.
    erases: Vec<(DeviceId, BlockNo, EventId)>,
    /// What a crash after n events allows; one longer than the trace.
    pub(crate) windows: Vec<Window>,
    /// The nodes of the cluster before the first event, if it is one.
    pub(crate) wire: Wire,
    /// The crash before the first event, if there was one.
    pub(crate) outlived: Outlived,
    /// What crash states are made from if nodes crash one by one.
    pub(crate) script: Option<Script>,
}

impl Timeline {
    pub(crate) fn new(trace: &Trace, profile: &Profile) -> Timeline {
        Timeline::of_life(trace, profile, 1, Outlived::default())
    }

    /// Lays out a later life. What fails beside the power does so in the first.
    pub(crate) fn later(trace: &Trace, usual: &Profile, life: u8, outlived: Outlived) -> Timeline {
        let profile = Profile { faults: profile::Faults::default(), ..usual.clone() };
        Timeline::of_life(trace, &profile, life, outlived)
    }

    fn of_life(trace: &Trace, profile: &Profile, life: u8, outlived: Outlived) -> Timeline {
        let pieces = pieces(trace, profile);
        let mut timeline = Timeline {
            profile: profile.clone(),
            life,
            blank: trace.devices.iter().map(blank).collect(),
            lines: Vec::new(),
            cells: Vec::new(),
            atoms: Vec::new(),
            contents: Contents::default(),
            flags: FxHashMap::default(),
            first_flag: CellId(0),
            silent: Silent::default(),
            first_silent: CellId(0),
            faults: Faults::default(),
            epochs: Vec::new(),
            phases: Phases::default(),
            erases: erases(trace),
            windows: windows(trace),
            wire: Wire::new(&trace.devices),
            outlived,
            script: None,
        };
        timeline.cut(trace, &pieces);
        timeline.first_flag = CellId(timeline.cells.len() as u32);
        timeline.chain(trace, pieces);
        let spans = timeline.date(trace);
        let flags = timeline.raise_cluster(trace, &spans);
        timeline.raise_faults(trace);
        timeline.begin_epochs(&spans);
        let mut phases = Sweep::run(&timeline, spans.len() as u32, flags);
        timeline.faults.add_phases(&timeline, &mut phases);
        timeline.phases = phases.finish(spans.len());
        timeline
    }

    /// The cells that a range of a device touches, in order. Between them the device still holds its base.
    pub(crate) fn cells_of(&self, device: DeviceId, at: Bytes, len: Bytes) -> std::ops::Range<usize> {
        let line = &self.lines[device.index()];
        let (first, count) = (line.first as usize, line.count as usize);
        let cells = &self.cells[first..first + count];
        let from = cells.partition_point(|cell| cell.start + cell.len <= at);
        let to = from + cells[from..].partition_point(|cell| cell.start < at + len);
        first + from..first + to
    }

    /// An atom by its event and its unit.
    pub(crate) fn atom_of(&self, event: EventId, unit: u32) -> Option<AtomId> {
        let index = self.atoms.binary_search_by_key(&(event, unit), |atom| (atom.event, atom.unit)).ok()?;
        Some(AtomId(index as u32))
    }

    /// The atoms of an event.
    pub(crate) fn atoms_of(&self, event: EventId) -> impl Iterator<Item = AtomId> + use<> {
        let first = self.atoms.partition_point(|atom| atom.event < event);
        let end = self.atoms.partition_point(|atom| atom.event <= event);
        (first as u32..end as u32).map(AtomId)
    }

    /// Whether an atom has been issued and is not durable when the power fails in an epoch.
    pub(crate) fn is_in_flight(&self, atom: AtomId, epoch: u32) -> bool {
        let Atom { issued, durable, .. } = self.atoms[atom.0 as usize];
        issued <= epoch && epoch < durable
    }

    /// The device whose bytes a cell holds; `None` if it holds no bytes.
    pub(crate) fn device_of(&self, cell: CellId) -> Option<DeviceId> {
        let index = self.lines.iter().position(|line| cell.0.wrapping_sub(line.first) < line.count)?;
        Some(DeviceId(index as u16))
    }

    /// What a cell holds in an epoch.
    pub(crate) fn held(&self, cell: CellId, epoch: u32) -> Held {
        let (floor, latest) = (self.floor(cell, epoch), self.latest(cell, epoch));
        if floor == latest {
            return Held::Durable(self.version(&self.cells[cell.0 as usize], floor));
        }
        Held::InFlight { floor, latest }
    }

    /// The versions of a cell that are in flight in an epoch and not hidden by one that is durable.
    pub(super) fn visible_in(&self, cell: CellId, epoch: u32) -> &[Version] {
        let (floor, latest) = (self.floor(cell, epoch), self.latest(cell, epoch));
        &self.cells[cell.0 as usize].versions[floor as usize..latest as usize]
    }

    /// The content of the newest version of a cell that is durable in an epoch.
    pub(super) fn settled(&self, cell: CellId, epoch: u32) -> ContentId {
        self.version(&self.cells[cell.0 as usize], self.floor(cell, epoch))
    }

    /// The number of the newest version of a cell that is durable in an epoch, 0 being the base.
    fn floor(&self, cell: CellId, epoch: u32) -> u32 {
        let Cell { versions, .. } = &self.cells[cell.0 as usize];
        versions.partition_point(|version| version.settled <= epoch) as u32
    }

    /// The version of a cell that an atom wrote, with its number.
    pub(super) fn written(&self, cell: CellId, atom: AtomId) -> (u32, &Version) {
        let Cell { versions, .. } = &self.cells[cell.0 as usize];
        let nth = versions.partition_point(|version| version.atom < atom);
        (nth as u32 + 1, &versions[nth])
    }

    /// The content of the n-th version of a cell, 0 being its base.
    pub(crate) fn version(&self, cell: &Cell, nth: u32) -> ContentId {
        match nth.checked_sub(1) {
            None => cell.base,
            Some(index) => cell.versions[index as usize].content,
        }
    }

    /// How often a block of a flash chip has been erased in this life when the power fails in an epoch, and before the
    /// first.
    ///
    /// Erases in flight count, those that had not begun as well: they are at most as many as were issued since the last
    /// wait, and a chip that wears out a moment too early shows nothing that it would not show later.
    pub(crate) fn erases(&self, device: DeviceId, block: BlockNo, epoch: u32) -> u32 {
        let Some(chip) = &self.lines[device.index()].chip else { return 0 };
        let upto = self.epochs[epoch as usize].upto;
        let before = |(on, of, event): &&(DeviceId, BlockNo, EventId)| {
            (*on, *of) == (device, block) && event.index() < upto
        };
        let erases = self.erases.iter().filter(before).count() as u32;
        chip.erases_of(block).saturating_add(erases)
    }

    /// Cuts every device where an atom begins or ends.
    fn cut(&mut self, trace: &Trace, pieces: &[Piece]) {
        for (index, device) in trace.devices.iter().enumerate() {
            let mine = pieces.iter().filter(|piece| piece.device.index() == index);
            let mut ranges: Vec<(u64, u64)> =
                mine.clone().filter_map(|piece| piece.range).map(|(at, len)| (at.0, at.0 + len.0)).collect();
            ranges.extend(silent::victims(device, &mine.clone().collect::<Vec<_>>(), &self.profile.faults));
            let first = self.cells.len() as u32;
            for (start, end) in disjoint(&ranges, &cuts(&device.base, &ranges)) {
                let base = self.base_of(device, start, end);
                self.cells.push(Cell {
                    start: Bytes(start),
                    len: Bytes(end - start),
                    base,
                    versions: Vec::new(),
                });
            }
            let count = self.cells.len() as u32 - first;
            let resized = mine.clone().any(Piece::is_length);
            let length = resized.then(|| {
                let base = match self.life {
                    1 => self.contents.intern(&length_bytes(device.base.len())),
                    _ => ContentId::BELOW,
                };
                self.cells.push(Cell { start: Bytes::ZERO, len: Bytes::ZERO, base, versions: Vec::new() });
                CellId(self.cells.len() as u32 - 1)
            });
            let (base, chip) = (device.base.clone(), device.chip().cloned());
            let block = fault::block_len(device);
            self.lines.push(Line { base, chip, block, first, count, length });
        }
    }

    fn base_of(&mut self, device: &Device, start: u64, end: u64) -> ContentId {
        if self.life > 1 {
            return ContentId::BELOW;
        }
        let len = device.base.len().0;
        if start >= len || device.base.is_zero(Bytes(start), Bytes(end.min(len) - start)) {
            return ContentId::ZERO;
        }
        let mut content = vec![0; (end - start) as usize];
        device.base.read(Bytes(start), &mut content[..(end.min(len) - start) as usize]);
        self.contents.intern(&content)
    }

    /// A cell for every fault that the profile allows.
    fn raise_faults(&mut self, trace: &Trace) {
        let sites = fault::sites(trace, &self.profile);
        let first = CellId(self.cells.len() as u32);
        sites.iter().for_each(|site| self.add_flag(*site));
        self.first_silent = CellId(self.cells.len() as u32);
        self.silent = Silent::new(self, trace, self.first_silent);
        let silent: Vec<Question> = self.silent.sites().iter().map(|site| site.question).collect();
        silent.iter().for_each(|question| self.add_flag(*question));
        self.faults = Faults::new(self, first, sites);
    }

    fn begin_epochs(&mut self, spans: &[Span]) {
        let one_by_one = self.script.is_some();
        let epoch = |span: &Span| {
            let from = if one_by_one { span.upto } else { span.from };
            Epoch { from, upto: span.upto, in_flight: 0 }
        };
        self.epochs = spans.iter().map(epoch).collect();
        self.count_in_flight();
    }

    /// A cell that holds the outcome of a question.
    fn add_flag(&mut self, question: Question) {
        let cell = self.add_cell();
        self.flags.insert(question, cell);
    }

    /// The cell that holds the outcome of a question, made if there is none.
    pub(super) fn flag_of(&mut self, question: Question) -> CellId {
        self.flag(&question).unwrap_or_else(|| {
            self.add_flag(question);
            CellId(self.cells.len() as u32 - 1)
        })
    }

    /// A cell that holds no bytes of a device.
    pub(super) fn add_cell(&mut self) -> CellId {
        let base = ContentId::ZERO;
        self.cells.push(Cell { start: Bytes::ZERO, len: Bytes::ZERO, base, versions: Vec::new() });
        CellId(self.cells.len() as u32 - 1)
    }

    /// The cell that holds the outcome of a question; `None` if it cannot be anything but 0.
    pub(crate) fn flag(&self, question: &Question) -> Option<CellId> {
        self.flags.get(question).copied()
    }

    /// The cells that can be looked at.
    pub(super) fn visible(&self) -> impl Iterator<Item = CellId> + use<> {
        (0..self.first_silent.0).map(CellId)
    }

    /// The number of the newest version of a cell that was issued in an epoch or before, 0 being the base.
    pub(crate) fn latest(&self, cell: CellId, epoch: u32) -> u32 {
        let Cell { versions, .. } = &self.cells[cell.0 as usize];
        versions.partition_point(|version| version.issued <= epoch) as u32
    }

    /// Whether a device may fail while the recovered system is in use.
    pub(crate) fn fails_in_service(&self) -> bool {
        let lost = Question::DeviceLost { device: DeviceId(0) };
        self.profile.faults.device_lost == When::InService && self.flags.contains_key(&lost)
    }

    /// Whether a cell holds the outcome of a question instead of bytes.
    pub(super) fn is_flag(&self, cell: CellId) -> bool {
        cell >= self.first_flag
    }

    /// Gives every atom its cells and every cell its versions.
    fn chain(&mut self, trace: &Trace, pieces: Vec<Piece>) {
        for piece in pieces {
            let id = match piece.joins {
                true => AtomId(self.atoms.len() as u32 - 1),
                false => AtomId(self.atoms.len() as u32),
            };
            if !piece.joins {
                let Piece { event, unit, device, lane, .. } = piece;
                self.atoms.push(Atom {
                    event,
                    unit,
                    device,
                    lane,
                    cells: Vec::new(),
                    issued: 0,
                    durable: u32::MAX,
                });
            }
            for cell in self.cells_of_piece(&piece) {
                let content = self.content(trace, &piece, cell);
                let garbage = self.garbage(id, cell, content);
                let version = Version { atom: id, content, garbage, issued: 0, settled: u32::MAX };
                self.cells[cell.0 as usize].versions.push(version);
                self.atoms[id.0 as usize].cells.push(cell);
            }
        }
    }

    fn cells_of_piece(&self, piece: &Piece) -> Vec<CellId> {
        match piece.range {
            None => self.lines[piece.device.index()].length.into_iter().collect(),
            Some((at, len)) => self.cells_of(piece.device, at, len).map(|cell| CellId(cell as u32)).collect(),
        }
    }

    fn content(&mut self, trace: &Trace, piece: &Piece, cell: CellId) -> ContentId {
        let Cell { start, len, .. } = self.cells[cell.0 as usize];
        match piece.fill {
            Fill::Zero => ContentId::ZERO,
            Fill::Length(len) => self.contents.intern(&length_bytes(len)),
            Fill::Garbage => {
                let seed = self.salt() ^ (u64::from(piece.event.0) << 32 | start.0);
                self.contents.intern(&garbage(seed, len.index()))
            }
            Fill::Ones => self.contents.intern(&vec![0xFF; len.index()]),
            Fill::Kept => {
                let cell = &self.cells[cell.0 as usize];
                self.version(cell, cell.versions.len() as u32)
            }
            Fill::Data => {
                let event = &trace.events[piece.event.index()];
                let Some((data, (_, at, _))) = event.payload().zip(event.range()) else {
                    return ContentId::ZERO;
                };
                let from = (start - at).index();
                self.contents.intern(&data.as_slice()[from..from + len.index()])
            }
        }
    }

    /// What makes the garbage of one life another than that of the next.
    fn salt(&self) -> u64 {
        u64::from(self.life - 1) << 56
    }

    /// What a cell reads as after an atom that was cut off. A length is not made of units that could be half written.
    fn garbage(&mut self, atom: AtomId, cell: CellId, whole: ContentId) -> ContentId {
        let len = self.cells[cell.0 as usize].len;
        match self.profile.torn {
            Torn::Garbage if len > Bytes::ZERO => {
                let seed = self.salt() ^ (u64::from(atom.0) << 32 | u64::from(cell.0));
                self.contents.intern(&garbage(seed, len.index()))
            }
            _ => whole,
        }
    }
}

/// A device as a later life finds it: as long and of the same kind, holding nothing of its own.
fn blank(device: &Device) -> Device {
    let kind = match &device.kind {
        DeviceKind::Nand(chip) => DeviceKind::Nand(NandChip { erases: BTreeMap::new(), ..chip.clone() }),
        other => other.clone(),
    };
    Device { base: Image::zeroed(device.base.len()), kind, ..device.clone() }
}

/// Where long ranges are cut so that what was not zero before is not in one piece with what was: zeros take no memory,
/// however long they are.
fn cuts(base: &Image, ranges: &[(u64, u64)]) -> Vec<u64> {
    const LONG: u64 = 1 << 20;
    if ranges.iter().all(|(start, end)| end - start <= LONG) {
        return Vec::new();
    }
    base.pages().flat_map(|(at, page)| [at.0, at.0 + page.len() as u64]).collect()
}

/// Cuts overlapping ranges into pieces that do not overlap, in order; what lies between the ranges is left out.
fn disjoint(ranges: &[(u64, u64)], cuts: &[u64]) -> Vec<(u64, u64)> {
    let mut edges: Vec<(u64, i64)> =
        ranges.iter().flat_map(|(start, end)| [(*start, 1), (*end, -1)]).collect();
    edges.extend(cuts.iter().map(|cut| (*cut, 0)));
    edges.sort_unstable();
    let (mut cells, mut depth, mut last) = (Vec::new(), 0, 0);
    for (position, step) in edges {
        if depth > 0 && position > last {
            cells.push((last, position));
        }
        (depth, last) = (depth + step, position);
    }
    cells
}

fn erases(trace: &Trace) -> Vec<(DeviceId, BlockNo, EventId)> {
    let erase = |(id, event): (u32, &Event)| {
        let Event::Erase { device, at, .. } = event else { return None };
        let chip = trace.devices[device.index()].chip()?;
        Some((*device, chip.geometry.block_with(*at), EventId(id)))
    };
    (0..).zip(&trace.events).filter_map(erase).collect()
}

/// What a crash after n events allows. Where the first mark is not the begin of the first operation, the trace begins in
/// the middle of a workload, and the marks before its first other event say where.
fn windows(trace: &Trace) -> Vec<Window> {
    let mut window = Window { durable: 0, begun: 0 };
    let mut windows = vec![window];
    let is_mark = |event: &&Event| event.device().is_none();
    let mut marks =
        trace.events.iter().filter(|event| matches!(event, Event::Begin { .. } | Event::Ack { .. }));
    let in_the_middle = !matches!(marks.next(), None | Some(Event::Begin { op: OpId(0), .. }));
    let leading = trace.events.iter().take_while(is_mark).count();
    for (index, event) in trace.events.iter().enumerate() {
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            _ => {}
        }
        window.begun = window.begun.max(window.durable);
        windows.push(window);
        if in_the_middle && index + 1 == leading {
            windows.fill(window);
        }
    }
    windows
}

pub(crate) fn length_bytes(len: Bytes) -> [u8; 9] {
    let mut bytes = [1; 9];
    bytes[..8].copy_from_slice(&len.0.to_le_bytes());
    bytes
}
