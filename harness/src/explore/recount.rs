//! What lives did in the state of a finding, told from their accounts: what recovery read and wrote, and where bytes come from.

use super::describe::Teller;
use super::memo::Story;
use super::places::{Left, Places, Range};
use super::run::Context;
use crate::choice::{Path, Question};
use crate::media::{Deed, Known, Stage, Timeline};
use crashcheck_outcome::{Origin, Provenance, Reading, Recovery, Writing, WrongPlace};
use crashcheck_trace::{Bytes, Device, DeviceId, Event, EventId, Payload, Trace};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// So many reads and writes of a recovery are listed.
const LISTED: usize = 400;

/// So many places are listed that differ.
const WRONG: usize = 40;

/// No longer range is compared.
const LONGEST: u64 = 1 << 20;

/// So many bytes of a difference are shown.
const SHOWN: usize = 16;

/// What was written in one piece with other things began at a multiple of so many bytes in it.
const UNIT: usize = 512;

/// Fewer bytes, or one byte again and again, are found in many places.
const TELLING: usize = 16;

/// A state of a finding: where the power failed in each life, and how what was open was answered.
pub(super) struct State<'a> {
    pub(super) epochs: &'a [u32],
    pub(super) points: &'a [usize],
    pub(super) stories: &'a [Arc<Story>],
    pub(super) path: &'a Path,
}

/// What a life found and did: of its second recovery what that found.
pub(super) struct Looked<'a> {
    context: &'a Context,
    state: &'a State<'a>,
    life: u8,
    /// What each life before has left, the recorded workload first.
    timelines: Vec<Arc<Timeline>>,
    /// What it did, as a trace.
    own: Trace,
    /// Its reads, and the moments at which what is done is another thing, each with the number of events before.
    deeds: Vec<(usize, &'a Deed)>,
}

/// What is read and compared in what follows.
type Place = (DeviceId, Bytes, Bytes);

/// The recoveries of a life: the first, and where `both`, the second without a crash between.
pub(super) fn recoveries(context: &Context, state: &State<'_>, deeds: &[Deed], both: bool) -> Vec<Recovery> {
    let first = Looked::of(context, state, deeds);
    let again = first.again(deeds).filter(|_| both).map(|second| second.recovery(Some(Stage::Again)));
    std::iter::once(first.recovery(None)).chain(again).collect()
}

impl<'a> Looked<'a> {
    pub(super) fn of(context: &'a Context, state: &'a State<'a>, deeds: &'a [Deed]) -> Looked<'a> {
        Looked::doing(context, state, deeds.iter())
    }

    fn doing(context: &'a Context, state: &'a State<'a>, done: impl Iterator<Item = &'a Deed>) -> Looked<'a> {
        let (mut life, mut events, mut deeds) = (2, Vec::new(), Vec::new());
        for deed in done {
            match deed {
                Deed::PowerOn(number) => life = *number,
                Deed::Did(event) => events.push(event.clone()),
                Deed::Enter(_) | Deed::Read { .. } => {}
            }
            deeds.push((events.len(), deed));
        }
        let profile = &context.timeline.profile;
        let later = (2..life).zip(state.stories).map(|(life, story)| story.life.laid_out(profile, life));
        let timelines: Vec<Arc<Timeline>> =
            std::iter::once(Arc::clone(&context.timeline)).chain(later).collect();
        let mut devices: Vec<Device> = Vec::new();
        for timeline in &timelines {
            // Lives make files.
            devices.extend(timeline.blank.iter().skip(devices.len()).cloned());
        }
        let own = Trace { devices, events };
        Looked { context, state, life, timelines, own, deeds }
    }

    /// The same of the devices as recovery had left them, recovered once more; `None` if they were not.
    pub(super) fn again(&self, deeds: &'a [Deed]) -> Option<Looked<'a>> {
        let at = |stage| deeds.iter().position(|deed| matches!(deed, Deed::Enter(at) if *at == stage));
        let (used, again) = (at(Stage::Use)?, at(Stage::Again)?);
        Some(Looked::doing(self.context, self.state, deeds[..used].iter().chain(&deeds[again..])))
    }

    fn places(&self) -> Places<'_> {
        let left = self.timelines.iter().enumerate().map(|(nth, timeline)| {
            let (epoch, point) = (self.state.epochs[nth], self.state.points[nth]);
            let path = self.state.path.of_life(nth as u8 + 1);
            let teller = match nth.checked_sub(1) {
                None => self.context.teller(),
                Some(nth) => Teller::new(&self.state.stories[nth].life.trace),
            };
            Left { timeline, teller, known: Known::new(timeline, epoch, point, &path), point }
        });
        Places { left: left.collect(), own: Teller::new(&self.own) }
    }

    /// What was done before the recovery that begins with this stage; the first begins with the power.
    fn begins(&self, stage: Option<Stage>) -> usize {
        let begins = |deed: &Deed| match (stage, deed) {
            (None, Deed::PowerOn(_)) => true,
            (Some(stage), Deed::Enter(at)) => *at == stage,
            _ => false,
        };
        self.deeds.iter().position(|(_, deed)| begins(deed)).map_or(self.deeds.len(), |nth| nth + 1)
    }

    /// What a recovery did that begins with this stage.
    fn recovery(&self, stage: Option<Stage>) -> Recovery {
        let places = self.places();
        // The life may have ended before recovery had.
        let crash = self.state.points.get(usize::from(self.life) - 1).copied().filter(|_| stage.is_none());
        let (life, again) = (self.life, stage.is_some());
        let mut told = Recovery { life, again, cut: false, reads: Vec::new(), writes: Vec::new(), more: 0 };
        let (mut known, mut last): (BTreeSet<Place>, Option<Place>) = (BTreeSet::new(), None);
        for (nth, (done, deed)) in self.deeds.iter().enumerate().skip(self.begins(stage)) {
            match deed {
                Deed::PowerOn(_) | Deed::Enter(_) => break,
                Deed::Did(_) if crash.is_some_and(|crash| *done > crash) => {
                    told.cut = true;
                    break;
                }
                Deed::Did(event) if told.writes.len() < LISTED => {
                    told.writes.extend(self.writing(&places, event, *done - 1));
                }
                Deed::Read { device, at, len, .. } if told.reads.len() < LISTED => {
                    let place = (*device, *at, *len);
                    let read = self.reading(&places, place, *done, self.is_open(nth));
                    let is_own = |origin: &Origin| origin.life == life && !again;
                    if known.insert(place) && (read.holds.is_empty() || !read.holds.iter().all(is_own)) {
                        last = Some(add(&mut told.reads, &places, last, place, read));
                    }
                }
                Deed::Did(_) | Deed::Read { .. } => told.more += 1,
            }
        }
        told
    }

    /// Whether a read asked what the crash had left.
    fn is_open(&self, nth: usize) -> bool {
        let asked = |(_, deed): &(usize, &Deed)| match deed {
            Deed::Read { asked, .. } => Some(*asked),
            Deed::PowerOn(_) | Deed::Enter(_) | Deed::Did(_) => None,
        };
        let mut reads = self.deeds[nth..].iter().filter_map(asked);
        let (from, upto) = (reads.next().unwrap_or(0), reads.next().unwrap_or(self.state.path.len()));
        self.state.path.questions.get(from..upto).is_some_and(|questions| questions.iter().any(is_of_bytes))
    }

    /// What was read.
    fn reading(&self, places: &Places<'_>, (device, at, len): Place, done: usize, open: bool) -> Reading {
        let Some(found) = places.holds(device, at, len, done) else {
            let place = places.told((device, at, len), &[]);
            return Reading { place, open, holds: Vec::new(), lost: Vec::new() };
        };
        let place = places.told((device, at, len), &found.bytes);
        Reading { place, open, holds: found.origins(), lost: found.lost() }
    }

    /// What was written by an event; `None` if it writes nothing.
    fn writing(&self, places: &Places<'_>, event: &Event, nth: usize) -> Option<Writing> {
        let (device, at, len) = event.range()?;
        let before = places.holds(device, at, len, nth);
        let after = places.holds(device, at, len, nth + 1);
        Some(Writing {
            what: places.own.event(EventId(nth as u32)),
            over: before.as_ref().map(Range::origins).unwrap_or_default(),
            same_as: event.payload().and_then(|data| self.same_as(data.as_slice())),
            changes: before.zip(after).map(|(before, after)| before.bytes != after.bytes),
        })
    }

    /// The newest write of the workload that wrote these bytes, if they tell anything.
    fn same_as(&self, bytes: &[u8]) -> Option<Origin> {
        let issued = &self.context.trace.events[..self.state.points[0]];
        let holds = |event: &Event| {
            let data = event.payload().filter(|_| event.range().is_some());
            data.is_some_and(|data| find(data.as_slice(), bytes).is_some())
        };
        let newest = issued.iter().rposition(holds).filter(|_| is_telling(bytes))?;
        Some(self.context.teller().origin(1, EventId(newest as u32)))
    }

    /// Where recovery has read the bytes of these writes of the workload, each with that, if none of them is in its place after it.
    pub(super) fn found_again(&self, wanted: &[EventId]) -> Option<Vec<(EventId, Origin)>> {
        let (places, upto) = (self.places(), self.looked_at(Stage::Look).1);
        let recovers = self.deeds.iter().skip(self.begins(None));
        let recovers = recovers.take_while(|(_, deed)| !matches!(deed, Deed::Enter(_) | Deed::PowerOn(_)));
        let read = recovers.filter_map(|(done, deed)| match deed {
            Deed::Read { device, at, len, .. } => places.holds(*device, *at, *len, *done),
            Deed::PowerOn(_) | Deed::Enter(_) | Deed::Did(_) => None,
        });
        let read: Vec<Range> = read.collect();
        let found = |event: &EventId| {
            let lost = &self.context.trace.events[event.index()];
            let (device, at, len) = lost.range()?;
            let data = lost.payload().map(Payload::as_slice).filter(|data| is_telling(data))?;
            let is_back = places.holds(device, at, len, upto)?.bytes == data;
            let origin = read.iter().filter(|_| !is_back).find_map(|range| {
                let at = find(&range.bytes, data)?;
                range.origin_of(at).filter(|origin| origin.life == 1 && origin.event.is_some())
            });
            Some((*event, origin?.clone()))
        };
        wanted.iter().map(found).collect()
    }

    /// What was looked at after a recovery, each place once, and how much had been done by then.
    fn looked_at(&self, stage: Stage) -> (Vec<Place>, usize) {
        let begins = self.begins(Some(stage));
        let looks = self.deeds.iter().skip(begins);
        let looks = looks.take_while(|(_, deed)| !matches!(deed, Deed::Enter(_) | Deed::PowerOn(_)));
        let before = begins.checked_sub(1).and_then(|nth| self.deeds.get(nth));
        let (mut places, mut upto) = (Vec::new(), before.map_or(0, |(done, _)| *done));
        for (done, deed) in looks {
            upto = *done;
            match deed {
                Deed::Read { device, at, len, .. } if !places.contains(&(*device, *at, *len)) => {
                    places.push((*device, *at, *len));
                }
                Deed::PowerOn(_) | Deed::Enter(_) | Deed::Did(_) | Deed::Read { .. } => {}
            }
        }
        (places, upto)
    }

    /// The places that were looked at and differ from those of a state that passes.
    pub(super) fn beside(&self, stage: Stage, passing: &Looked<'_>, beside: &str) -> Option<Provenance> {
        let ((looked_at, done), (_, passed)) = (self.looked_at(stage), passing.looked_at(Stage::Look));
        let (mine, theirs) = (self.places(), passing.places());
        let differ = looked_at.into_iter().filter_map(|(device, at, len)| {
            let is = mine.holds(device, at, len, done).filter(|_| len.0 <= LONGEST)?;
            let should = theirs.holds(device, at, len, passed)?;
            self.wrong(mine.told((device, at, len), &is.bytes), &is, &should)
        });
        let mut places: Vec<WrongPlace> = differ.collect();
        // What is of another kind than it should be tells most, and what recovery has written.
        places.sort_by_key(|place| (place.is_alike(), place.holds.life != self.life));
        let more = places.len().saturating_sub(WRONG) as u64;
        places.truncate(WRONG);
        (!places.is_empty()).then(|| Provenance { beside: beside.to_owned(), places, more })
    }

    fn wrong(&self, place: String, is: &Range, should: &Range) -> Option<WrongPlace> {
        let differs = |nth: &usize| is.bytes[*nth] != should.bytes[*nth];
        let all = || 0..is.bytes.len().min(should.bytes.len());
        let from = all().find(differs)?;
        let (holds, instead) = (is.origin_of(from)?.clone(), should.origin_of(from)?.clone());
        let part = is.part_of(from);
        Some(WrongPlace {
            place,
            same_as: self.same_as(&is.bytes[part]).filter(|_| holds.life == self.life),
            holds,
            instead,
            from: from as u64,
            bytes: all().filter(differs).count() as u64,
            is: dump(&is.bytes[from..]),
            should_be: dump(&should.bytes[from..]),
        })
    }
}

/// Whether the answer says what bytes are read.
fn is_of_bytes(question: &Question) -> bool {
    match question {
        Question::Survived { .. }
        | Question::Garbled { .. }
        | Question::Unreadable { .. }
        | Question::Corrupt { .. }
        | Question::WriteLost { .. }
        | Question::Misdirected { .. }
        | Question::Flipped { .. } => true,
        Question::PowerFailed { .. }
        | Question::FailedIn { .. }
        | Question::DeviceLost { .. }
        | Question::FlushFailed { .. }
        | Question::NodeDown { .. }
        | Question::Arrived { .. } => false,
    }
}

/// Adds what was read, to the last of it if that is just before it and like it; the place that is last now.
fn add(
    reads: &mut Vec<Reading>,
    places: &Places<'_>,
    last: Option<Place>,
    (device, at, len): Place,
    read: Reading,
) -> Place {
    let is_range = places.own.directory(device).is_none();
    let before = last.filter(|(on, start, long)| is_range && *on == device && *start + *long == at);
    match before.zip(reads.last_mut().filter(|last| is_alike(last, &read))) {
        None => {
            reads.push(read);
            (device, at, len)
        }
        Some(((_, start, long), last)) => {
            last.place = places.told((device, start, long + len), &[]);
            (device, start, long + len)
        }
    }
}

/// Whether bytes are not to be found anywhere by chance.
fn is_telling(bytes: &[u8]) -> bool {
    bytes.len() >= TELLING && bytes.iter().any(|byte| *byte != bytes[0])
}

/// Where bytes begin in others, at a multiple of a unit.
fn find(data: &[u8], bytes: &[u8]) -> Option<usize> {
    let last = data.len().checked_sub(bytes.len())?;
    (0..=last).step_by(UNIT).find(|at| data[*at..*at + bytes.len()] == *bytes)
}

fn is_alike(one: &Reading, other: &Reading) -> bool {
    (one.open, &one.holds, &one.lost) == (other.open, &other.holds, &other.lost)
}

/// The first of some bytes, in hexadecimal and as text.
fn dump(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let mut text = String::new();
    for byte in shown {
        let _ = write!(text, "{byte:02x} ");
    }
    let plain = shown
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' });
    let plain: String = plain.collect();
    format!("{text}|{plain}|")
}
