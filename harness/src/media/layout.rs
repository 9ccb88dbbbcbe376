//! A trace laid out for looking at it after a crash: cells, their version chains, epochs.

mod build;

use super::cell::{Atom, AtomId, Cell, CellId, Epoch, Held, Line, Version};
use super::contents::{ContentId, Contents};
use super::piece::Lane;
use super::silent::Silent;
use crate::choice::Question;
use crate::profile::{Profile, When};
use crashcheck_trace::{BlockNo, Bytes, DeviceId, EventId};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// The cells of a trace under one profile.
pub(crate) struct Layout {
    pub(crate) profile: Profile,
    /// Which life: 1 is the recorded workload. The cells of a later one lie over what earlier lives have left.
    pub(crate) life: u8,
    pub(crate) lines: Vec<Line>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) atoms: Vec<Atom>,
    pub(crate) contents: Contents,
    pub(crate) epochs: Vec<Epoch>,
    /// The cells that hold no bytes but the outcome of a question: those from `first_flag`.
    flags: FxHashMap<Question, CellId>,
    first_flag: CellId,
    /// The writes that can go wrong without a word; nobody looks at their flags, which are the last.
    pub(super) silent: Silent,
    first_silent: CellId,
    /// The erases of blocks of flash chips, in the order of issue.
    erases: Vec<(DeviceId, BlockNo, EventId)>,
}

impl Layout {
    /// The cells that a range of a device touches, in order. Between them the device still holds its base. None, if the device
    /// was made in a later life.
    pub(crate) fn cells_of(&self, device: DeviceId, at: Bytes, len: Bytes) -> Range<usize> {
        let Some(line) = self.lines.get(device.index()) else { return 0..0 };
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

    /// The epochs around one in which a cell holds the same, and nothing of it is open; `None` if something is.
    pub(super) fn settled_over(&self, cell: CellId, epoch: u32) -> Option<Range<u32>> {
        let (floor, latest) = (self.floor(cell, epoch) as usize, self.latest(cell, epoch) as usize);
        if floor != latest || self.may_go_wrong(cell) {
            return None;
        }
        let Cell { versions, .. } = &self.cells[cell.0 as usize];
        let from = floor.checked_sub(1).map_or(0, |newest| versions[newest].settled);
        Some(from..versions.get(latest).map_or(u32::MAX, |next| next.issued))
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

    /// The number of the newest version of a cell that was issued in an epoch or before, 0 being the base.
    pub(crate) fn latest(&self, cell: CellId, epoch: u32) -> u32 {
        let Cell { versions, .. } = &self.cells[cell.0 as usize];
        versions.partition_point(|version| version.issued <= epoch) as u32
    }

    /// The cell that holds the outcome of a question; `None` if it cannot be anything but 0.
    pub(crate) fn flag(&self, question: &Question) -> Option<CellId> {
        self.flags.get(question).copied()
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

    /// Whether a cell holds the outcome of a question instead of bytes.
    pub(super) fn is_flag(&self, cell: CellId) -> bool {
        cell >= self.first_flag
    }

    /// The cells that can be looked at.
    pub(super) fn visible(&self) -> impl Iterator<Item = CellId> + use<> {
        (0..self.first_silent.0).map(CellId)
    }

    /// Whether a device may fail while the recovered system is in use.
    pub(crate) fn fails_in_service(&self) -> bool {
        let lost = Question::DeviceLost { device: DeviceId(0) };
        self.profile.faults.device_lost == When::InService && self.flags.contains_key(&lost)
    }

    /// How often a block of a flash chip has been erased in this life when the power fails in an epoch, and before the
    /// first.
    ///
    /// Erases in flight count, those that had not begun as well: they are at most as many as were issued since the last
    /// wait, and a chip that wears out a moment too early shows nothing that it would not show later.
    pub(crate) fn erases(&self, device: DeviceId, block: BlockNo, epoch: u32) -> u32 {
        let Some(chip) = self.lines.get(device.index()).and_then(Line::chip) else { return 0 };
        let upto = self.epochs[epoch as usize].upto;
        let before = |(on, of, event): &&(DeviceId, BlockNo, EventId)| {
            (*on, *of) == (device, block) && event.index() < upto
        };
        let erases = self.erases.iter().filter(before).count() as u32;
        chip.erases_of(block).saturating_add(erases)
    }

    /// Whether a write that goes wrong may change what a cell holds.
    pub(super) fn may_go_wrong(&self, cell: CellId) -> bool {
        !self.silent.marks(cell).is_empty()
    }

    /// Whether of atoms that keep their order one may become durable before another.
    pub(super) fn leaves_gaps(&self) -> bool {
        let in_order = self.atoms.iter().filter(|atom| atom.lane.is_some());
        let mut newest: FxHashMap<Lane, u32> = FxHashMap::default();
        in_order
            .filter_map(|atom| Some((atom.lane?, atom.durable)))
            .any(|(lane, durable)| newest.insert(lane, durable).is_some_and(|before| before > durable))
    }

    /// What is in flight and can be seen in some cells, in the order of issue.
    pub(super) fn members(&self, cells: &[CellId], epoch: u32) -> Vec<(AtomId, CellId)> {
        let visible = |cell: &CellId| {
            let versions = self.visible_in(*cell, epoch).iter();
            versions.map(|version| (version.atom, *cell)).collect::<Vec<_>>()
        };
        let mut members: Vec<(AtomId, CellId)> = cells.iter().flat_map(visible).collect();
        members.sort_unstable();
        members
    }

    /// Adds the flags of faults that can happen in every epoch; the first of them.
    pub(super) fn add_flags(&mut self, questions: &[Question]) -> CellId {
        let first = CellId(self.cells.len() as u32);
        questions.iter().for_each(|question| self.add_flag(*question));
        first
    }

    /// Adds the writes that can go wrong, whose flags nobody looks at.
    pub(super) fn add_silent(&mut self, find: impl FnOnce(&mut Layout, CellId) -> Silent) {
        self.first_silent = CellId(self.cells.len() as u32);
        self.silent = find(self, self.first_silent);
        let questions: Vec<Question> = self.silent.sites().iter().map(|site| site.question).collect();
        self.add_flags(&questions);
    }

    /// The epochs have begun and end at these numbers of events.
    pub(super) fn begin_epochs(&mut self, spans: impl Iterator<Item = (usize, usize)>) {
        self.epochs = spans.map(|(from, upto)| Epoch { from, upto, in_flight: 0 }).collect();
        self.count_in_flight();
    }

    /// How many writes are in flight in each epoch and can be seen.
    pub(super) fn count_in_flight(&mut self) {
        let mut steps = vec![0i64; self.epochs.len() + 1];
        let mut seen: Option<(EventId, u32, u32)> = None;
        let epochs = self.epochs.len();
        let mut count = |(_, issued, gone): (EventId, u32, u32)| {
            steps[issued as usize] += 1;
            steps[(gone as usize).min(epochs)] -= 1;
        };
        for (id, atom) in (0..).map(AtomId).zip(&self.atoms) {
            let gone = atom.cells.iter().map(|cell| self.written(*cell, id).1.settled).max();
            let Some(gone) = gone else { continue };
            match &mut seen {
                Some((event, _, until)) if *event == atom.event => *until = gone.max(*until),
                _ => seen.replace((atom.event, atom.issued, gone)).into_iter().for_each(&mut count),
            }
        }
        seen.into_iter().for_each(&mut count);
        let mut in_flight = 0;
        for (epoch, step) in self.epochs.iter_mut().zip(steps) {
            in_flight += step;
            epoch.in_flight = in_flight as usize;
        }
    }
}
