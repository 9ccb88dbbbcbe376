//! How a trace is cut into cells, and what its atoms write to them.

use super::Layout;
use crate::media::cell::{Atom, AtomId, Cell, CellId, Line, Version};
use crate::media::contents::{ContentId, Contents, almost_programmed, garbage};
use crate::media::landing::{block_len, victims};
use crate::media::piece::{Fill, Piece};
use crate::media::silent::Silent;
use crate::profile::{Profile, Torn};
use crashcheck_trace::{BlockNo, Bytes, Device, DeviceId, Event, EventId, Image, Trace};
use rustc_hash::FxHashMap;

impl Layout {
    /// Lays out the pieces of a trace. When they are in flight is not known yet.
    pub(in crate::media) fn new(trace: &Trace, pieces: Vec<Piece>, profile: &Profile, life: u8) -> Layout {
        let mut layout = Layout {
            profile: profile.clone(),
            life,
            lines: Vec::new(),
            cells: Vec::new(),
            atoms: Vec::new(),
            contents: Contents::default(),
            epochs: Vec::new(),
            flags: FxHashMap::default(),
            first_flag: CellId(0),
            silent: Silent::default(),
            first_silent: CellId(0),
            erases: erases(trace),
        };
        layout.cut(trace, &pieces);
        layout.first_flag = CellId(layout.cells.len() as u32);
        layout.chain(trace, pieces);
        layout.cells.iter_mut().for_each(|cell| cell.versions.shrink_to_fit());
        for atom in &mut layout.atoms {
            // Names change in the order of their call, and what is compared is in one order.
            atom.cells.sort_unstable();
            atom.cells.shrink_to_fit();
        }
        layout
    }

    /// Cuts every device where an atom begins or ends.
    fn cut(&mut self, trace: &Trace, pieces: &[Piece]) {
        for (index, device) in trace.devices.iter().enumerate() {
            let mine = pieces.iter().filter(|piece| piece.device.index() == index);
            let mut ranges: Vec<(u64, u64)> =
                mine.clone().filter_map(|piece| piece.range).map(|(at, len)| (at.0, at.0 + len.0)).collect();
            let on = DeviceId(index as u16);
            ranges.extend(victims(&trace.devices, on, pieces, &self.profile.faults));
            let first = self.cells.len() as u32;
            let mut cuts = cuts(&device.base, &ranges);
            cuts.extend(device.is_file().then_some(device.base.len().0));
            let parts = disjoint(&ranges, &cuts);
            self.cells.reserve(parts.len() + usize::from(device.is_file()));
            for (start, end) in parts {
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
            let (base, kind) = (device.base.clone(), device.kind.clone());
            let block = block_len(device);
            self.lines.push(Line { base, kind, block, first, count, length });
        }
    }

    fn base_of(&mut self, device: &Device, start: u64, end: u64) -> ContentId {
        let len = device.base.len().0;
        // What earlier lives have left beyond the end of a file is never seen again.
        if self.life > 1 && (!device.is_file() || start < len) {
            return ContentId::BELOW;
        }
        if start >= len || device.base.is_zero(Bytes(start), Bytes(end.min(len) - start)) {
            return ContentId::ZERO;
        }
        let mut content = vec![0; (end - start) as usize];
        device.base.read(Bytes(start), &mut content[..(end.min(len) - start) as usize]);
        self.contents.intern(&content)
    }

    /// Gives every atom its cells and every cell its versions.
    fn chain(&mut self, trace: &Trace, pieces: Vec<Piece>) {
        self.atoms.reserve(pieces.iter().filter(|piece| !piece.joins).count());
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
                    also: None,
                    lane,
                    cells: Vec::new(),
                    issued: 0,
                    durable: u32::MAX,
                });
            }
            let atom = &mut self.atoms[id.0 as usize];
            if atom.device != piece.device {
                atom.also = Some(piece.device);
            }
            for cell in self.cells_of_piece(&piece) {
                let content = self.content(trace, &piece, cell);
                let garbage = self.garbage(id, cell, (content, &piece));
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
            Fill::Name(nth) => {
                let Event::Names { changes, .. } = &trace.events[piece.event.index()] else {
                    return ContentId::ZERO;
                };
                self.contents.intern(&changes[nth as usize].to_bytes())
            }
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
            Fill::Without(failed) => {
                let Event::FlushFailed { writes, .. } = &trace.events[failed.index()] else {
                    return ContentId::ZERO;
                };
                let cell = &self.cells[cell.0 as usize];
                let is_left = |version: &&Version| {
                    writes.binary_search(&self.atoms[version.atom.0 as usize].event).is_err()
                };
                cell.versions.iter().rev().find(is_left).map_or(cell.base, |version| version.content)
            }
            Fill::Data => {
                let event = &trace.events[piece.event.index()];
                let Some((data, (_, at, _))) = event.payload().zip(event.range()) else {
                    return ContentId::ZERO;
                };
                let from = (start - at).index();
                match len == data.len() {
                    true => self.contents.intern_written(data),
                    false => self.contents.intern(&data.as_slice()[from..from + len.index()]),
                }
            }
        }
    }

    /// What makes the garbage of one life another than that of the next.
    fn salt(&self) -> u64 {
        u64::from(self.life - 1) << 56
    }

    /// What a cell reads as after an atom that was cut off. A length or a name is not made of units that could be half written.
    fn garbage(&mut self, atom: AtomId, cell: CellId, (whole, piece): (ContentId, &Piece)) -> ContentId {
        let len = self.cells[cell.0 as usize].len;
        let is_name = matches!(piece.fill, Fill::Name(_));
        match self.profile.torn {
            Torn::Garbage if len > Bytes::ZERO && !is_name => {
                let seed = self.salt() ^ (u64::from(atom.0) << 32 | u64::from(cell.0));
                let chip = self.lines[piece.device.index()].chip();
                let late = chip.filter(|chip| {
                    // A program that takes another page with it has not come so far.
                    let at = piece.range.map_or(Bytes::ZERO, |(at, _)| at);
                    let alone = chip.geometry.partner(chip.geometry.page_with(at)).is_none();
                    alone && matches!(piece.fill, Fill::Data) && !atom.0.is_multiple_of(3)
                });
                // In the page, or where the spare area begins, which says what the page is.
                let part = late.map(|chip| match (atom.0 % 3, chip.geometry.page, chip.geometry.spare) {
                    (1, page, _) => 0..page.index(),
                    (_, page, spare) => page.index()..(page + Bytes(spare.0 / 4)).index(),
                });
                let whole = self.contents.get(whole).zip(part);
                let late = whole.and_then(|(whole, part)| almost_programmed(seed, whole, part));
                self.contents.intern(&late.unwrap_or_else(|| garbage(seed, len.index())))
            }
            _ => whole,
        }
    }
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

fn length_bytes(len: Bytes) -> [u8; 9] {
    let mut bytes = [1; 9];
    bytes[..8].copy_from_slice(&len.0.to_le_bytes());
    bytes
}
