//! Whether a volume that was just opened is what its members hold, read by the drawing in `format.rs` and by nothing that
//! reads, compares, repairs or scrubs in the volume itself. Nothing is written.
//!
//! | looked at | demanded |
//! |---|---|
//! | roots | one is the newest, it is the same on every member that works, and no other copy contradicts it (DI-07) |
//! | the map | it leads to places that there are, to each once, to nothing behind the end, and no part of it is empty |
//! | every block that it leads to | a copy that has its checksum, its identity and the sum that the pointer says (DI-02, DI-06, DI-07) |
//! | the volume in memory | its map, its generation and its free places are those |
//!
//! Of the two copies of a block one may be bad: a member may have been wrong without a word, and nobody has looked. What
//! would become of it is [tried](super::trial). The place of the root before the newest is not demanded: its root is of
//! no use, and a write to it that was cut off may have left anything there.

use super::IntegrityError;
use super::format::{BLOCK_SIZE, FANOUT, FORMATTED, Identity, Member, POINTER_SIZE, Place, ROOTS};
use super::live::Live;
use super::mirror::Fault;
use crate::le::{u32_at, u64_at};
use crashcheck::{Bytes, Disk, DiskError, Lent};

/// What a root says.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Root {
    kind: u8,
    height: u8,
    generation: u64,
    blocks: u64,
    places: u32,
    /// Where the top of the map lies, and what it adds up to.
    top: (u32, u32),
}

/// What was found wrong with a copy, although its member works.
pub(super) type Bad = (Member, Place, Fault);

/// Two members that are read, under the newest root.
pub(super) struct Reader<'a> {
    members: &'a [Disk; 2],
    root: Root,
    /// One bit for each place that something owns.
    owned: Vec<u64>,
    free: u64,
    bad: Vec<Bad>,
}

impl<'a> Reader<'a> {
    /// Finds the newest root, and whether the others agree with it.
    pub(super) fn of(members: &'a [Disk; 2]) -> Result<Self, IntegrityError> {
        let mut found = Vec::new();
        for place in 0..ROOTS {
            for member in Member::BOTH {
                found.push((member, place, read_root(members, member, place)?));
            }
        }
        let good = || found.iter().filter_map(|(member, place, root)| Some((*member, *place, root.ok()?)));
        let Some((whose, _, root)) = good().max_by_key(|(.., root)| root.generation) else {
            return Err(IntegrityError::NoRoot { why: "none is whole".to_owned() });
        };
        let newest = root.generation;
        for (member, place, other) in good() {
            let (number, generation) = (member.0, other.generation);
            if generation % u64::from(ROOTS) != u64::from(place) {
                return unsound(format!("member {number} has root {generation} at block {place}"));
            }
            if generation == newest && other != root {
                return unsound(format!("members 0 and 1 have different roots {generation}"));
            }
            let same = |root: &Root| (root.kind, root.blocks, root.places, root.height);
            if same(&other) != same(&root) {
                return unsound(format!("root {generation} of member {number} is that of another volume"));
            }
        }
        let here = |(_, place, _): &&(Member, u32, _)| u64::from(*place) == newest % u64::from(ROOTS);
        for (member, place, copy) in found.iter().filter(here) {
            let what = match copy {
                Err(Fault::Lost) => continue,
                Ok(copy) if *copy == root => continue,
                Ok(copy) => format!("has root {} there", copy.generation),
                Err(fault) => format!("does not: {fault}"),
            };
            let (member, whose) = (member.0, whose.0);
            return unsound(format!(
                "member {whose} has root {newest} at block {place}, member {member} {what}"
            ));
        }
        let mut owned = vec![0; root.places.div_ceil(64) as usize];
        owned[0] = (1 << ROOTS) - 1;
        let free = u64::from(root.places - ROOTS);
        Ok(Reader { members, root, owned, free, bad: Vec::new() })
    }

    /// The commit that the newest root is of.
    pub(super) fn generation(&self) -> u64 {
        self.root.generation
    }

    /// Reads everything that the root leads to, and compares it with what a volume goes by. Says which copies are bad.
    pub(super) fn look(mut self, live: Option<&Live>) -> Result<Vec<Bad>, IntegrityError> {
        // What was written since the last commit is nowhere yet.
        let live = live.filter(|live| live.map.changed() == 0);
        let (mut open, mut mapped, mut astray) = (vec![(self.root.height, 0, self.root.top)], 0, None);
        while let Some((level, index, pointer)) = open.pop() {
            if pointer.0 == 0 {
                continue;
            }
            self.take(pointer.0)?;
            let content = self.block(pointer)?;
            if level == 0 {
                mapped += 1;
                astray = astray.or_else(|| live.and_then(|live| astray_from(live, index, pointer)));
                continue;
            }
            let before = open.len();
            let pointers = (0..FANOUT).map(|nth| pointer_at(&content, nth * POINTER_SIZE));
            open.extend(
                (index * FANOUT as u64..)
                    .zip(pointers)
                    .filter(|(_, pointer)| pointer.0 != 0)
                    .map(|(index, pointer)| (level - 1, index, pointer)),
            );
            if open.len() == before {
                return bad_map(pointer.0, "holds no pointer");
            }
            // So many blocks of the volume lie below each of the pointers.
            let below = (FANOUT as u64).pow(u32::from(level - 1));
            let last = open.last().map_or(0, |(_, index, _)| *index);
            if last * below >= self.root.blocks {
                return bad_map(pointer.0, "leads beyond the volume");
            }
        }
        if let Some(what) = astray {
            return unsound(what);
        }
        if let Some(live) = live {
            self.compare(live, mapped)?;
        }
        Ok(self.bad)
    }

    /// Notes that something owns a place: nothing else may.
    fn take(&mut self, place: u32) -> Result<(), IntegrityError> {
        if place < ROOTS || place >= self.root.places {
            return bad_map(place, "is no place for data");
        }
        let (word, bit) = (place as usize / 64, 1 << (place % 64));
        if self.owned[word] & bit != 0 {
            return bad_map(place, "belongs to two blocks");
        }
        self.owned[word] |= bit;
        self.free -= 1;
        Ok(())
    }

    /// The content of a block that has a good copy; both are looked at.
    fn block(&mut self, (place, sum): (u32, u32)) -> Result<Lent, IntegrityError> {
        let mut content = None;
        let mut faults = [None; 2];
        for member in Member::BOTH {
            let copy = read_copy(self.members, member, place, self.root.kind)?;
            let copy = copy.and_then(|raw| {
                let fits = checksum(self.root.kind, &raw[..BLOCK_SIZE]) == sum;
                if fits { Ok(raw) } else { Err(Fault::Stale) }
            });
            match copy {
                Ok(raw) => content = Some(raw),
                Err(fault) => faults[usize::from(member.0)] = Some(fault),
            }
        }
        let place = Place(place);
        let each = Member::BOTH.into_iter().zip(faults);
        let bad = each.filter_map(|(member, fault)| Some((member, fault?)));
        let Some(content) = content else {
            let why: Vec<_> = bad.map(|(member, fault)| format!("on member {} {fault}", member.0)).collect();
            return Err(IntegrityError::NoGoodCopy { place, why: why.join(", ") });
        };
        let works = bad.filter(|(_, fault)| *fault != Fault::Lost);
        self.bad.extend(works.map(|(member, fault)| (member, place, fault)));
        Ok(content)
    }

    /// Whether the volume goes by this root, maps nothing more, and takes exactly the other places for free.
    fn compare(&self, live: &Live, mapped: usize) -> Result<(), IntegrityError> {
        let (newest, goes_by) = (self.root.generation, live.generation.0);
        if goes_by != newest {
            return unsound(format!("the volume is at commit {goes_by}, but its newest root is {newest}"));
        }
        let in_memory = live.map.mapped().count();
        if in_memory != mapped {
            return unsound(format!(
                "the volume has {in_memory} blocks that lie somewhere, its map {mapped}"
            ));
        }
        let is_owned = |place: u32| self.owned[place as usize / 64] >> (place % 64) & 1 == 1;
        for place in 0..self.root.places {
            match (live.space.is_taken(Place(place)), is_owned(place)) {
                (true, false) => {
                    return unsound(format!("block {place} is not free, but nothing leads there"));
                }
                (false, true) => return bad_map(place, "is free"),
                (true, true) | (false, false) => {}
            }
        }
        let counted = live.space.free();
        if counted != self.free {
            return unsound(format!("{counted} blocks count as free, but {} are", self.free));
        }
        Ok(())
    }
}

/// Where a volume looks for a block, if the map has it elsewhere.
fn astray_from(live: &Live, block: u64, (place, sum): (u32, u32)) -> Option<String> {
    let known = live.pointer(block);
    let differs = (known.place.0, known.sum.0) != (place, sum);
    let at = known.place.0;
    differs
        .then(|| format!("the volume looks for its block {block} in block {at}, its map has it in {place}"))
}

/// What is wrong with the root that a member has at a place.
pub(super) fn root_fault(
    members: &[Disk; 2],
    member: Member,
    place: Place,
) -> Result<Option<Fault>, IntegrityError> {
    let root = read_root(members, member, place.0)?;
    Ok(root.err().filter(|fault| *fault != Fault::Lost))
}

/// The root that a member has at a place.
fn read_root(members: &[Disk; 2], member: Member, place: u32) -> Result<Result<Root, Fault>, IntegrityError> {
    let raw = match read(members, member, place)? {
        Ok(raw) => raw,
        Err(fault) => return Ok(Err(fault)),
    };
    let whole = compare(&raw, member, place, raw[12]);
    Ok(whole.and_then(|()| root_of(&raw).ok_or(Fault::Corrupt)))
}

/// What the content of a block says if it is a root of version 1 that makes sense.
fn root_of(raw: &[u8]) -> Option<Root> {
    let root = Root {
        kind: raw[12],
        height: raw[13],
        generation: u64_at(raw, 16),
        blocks: u64_at(raw, 24),
        places: u32_at(raw, 32),
        top: pointer_at(raw, 36),
    };
    let known = raw[..8] == *b"CCINTEG\n" && u32_at(raw, 8) == 1 && (1..=4).contains(&root.kind);
    let zeros = raw[14..16].iter().chain(&raw[44..BLOCK_SIZE]).all(|byte| *byte == 0);
    let blocks_below = |level: u8| (FANOUT as u64).pow(u32::from(level));
    let sized = (1..=1 << 31).contains(&root.blocks) && (2..=4).contains(&root.height);
    let lowest = sized
        && root.blocks <= blocks_below(root.height)
        && (root.height == 2 || root.blocks > blocks_below(root.height - 1));
    if !known || !zeros || !lowest {
        return None;
    }
    // The roots, the blocks, the map, and room for what is overwritten before a commit.
    let map: u64 = (1..=root.height).map(|level| root.blocks.div_ceil(blocks_below(level))).sum();
    let places = u64::from(ROOTS) + root.blocks + map + root.blocks / 32 + 16;
    (u64::from(root.places) == places).then_some(root)
}

/// A copy of a block that is what was once written there, whenever that was.
fn read_copy(
    members: &[Disk; 2],
    member: Member,
    place: u32,
    kind: u8,
) -> Result<Result<Lent, Fault>, IntegrityError> {
    let read = read(members, member, place)?;
    Ok(read.and_then(|raw| compare(&raw, member, place, kind).map(|()| raw)))
}

fn read(members: &[Disk; 2], member: Member, place: u32) -> Result<Result<Lent, Fault>, IntegrityError> {
    let at = Bytes(u64::from(place) * FORMATTED as u64);
    match members[usize::from(member.0)].lend(at, FORMATTED) {
        Ok(raw) => Ok(Ok(raw)),
        Err(DiskError::Lost { .. }) => Ok(Err(Fault::Lost)),
        Err(DiskError::Unreadable { .. }) => Ok(Err(Fault::Unreadable)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a block has its checksum, and is the one that it says it is.
fn compare(raw: &[u8], member: Member, place: u32, kind: u8) -> Result<(), Fault> {
    if checksum(kind, &raw[..BLOCK_SIZE + 4]) != u32_at(raw, BLOCK_SIZE + 4) {
        return Err(Fault::Corrupt);
    }
    let word = u32_at(raw, BLOCK_SIZE);
    if word == u32::from(member.0) << 31 | place {
        return Ok(());
    }
    Err(Fault::Misplaced(Identity { member: Member((word >> 31) as u8), place: Place(word & !(1 << 31)) }))
}

/// A place, and what the content there adds up to.
fn pointer_at(content: &[u8], at: usize) -> (u32, u32) {
    (u32_at(content, at), u32_at(content, at + 4))
}

/// What bytes add up to under a kind of checksums, by its number.
fn checksum(kind: u8, bytes: &[u8]) -> u32 {
    let word = |chunk: &[u8]| (0..4).fold(0, |word, at| word << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
    match kind {
        1 => bytes.chunks(4).map(word).fold(0, |sum, word| sum ^ word),
        2 => bytes.chunks(4).map(word).fold(0, u32::wrapping_add),
        3 => {
            let (mut first, mut second) = (0, 0);
            for byte in bytes {
                first = (first + u32::from(*byte)) % 255;
                second = (second + first) % 255;
            }
            second << 8 | first
        }
        _ => crc32c::crc32c(bytes),
    }
}

fn unsound<T>(what: String) -> Result<T, IntegrityError> {
    Err(IntegrityError::Unsound { what })
}

fn bad_map<T>(place: u32, what: &'static str) -> Result<T, IntegrityError> {
    Err(IntegrityError::BadMap { place: Place(place), what })
}
