//! What pictures say, against whole images.

use super::super::finding::writes;
use super::{Painter, Teller};
use crate::choice::{Path, Plan, Pole, Rest};
use crate::media::{CellId, LazyImage, Timeline};
use crate::profile::{Atomic, Discard, Order, Profile, Torn};
use crashcheck_outcome::{Fate, Holds, Picture, PictureEvent, Sector, Step};
use crashcheck_trace::{
    BlockNo, Bytes, Device, DeviceId, Event, Image, NandGeometry, OpId, PageNo, Pairing, Payload, Reach,
    Trace,
};
use proptest::prelude::*;
use std::sync::Arc;

const BLOCK: u64 = 512;
const BLOCKS: u64 = 6;

const CHIP: NandGeometry = NandGeometry {
    page: Bytes(448),
    spare: Bytes(64),
    pages_per_block: 3,
    blocks: 2,
    endurance: 1000,
    paired: Pairing::Mlc { distance: 1 },
};

/// Odd everywhere, unlike what is made up for what was cut off.
fn content(seed: u8, len: u64) -> Payload {
    Payload::from(vec![seed | 1; len as usize])
}

/// Events of a disk and of a flash chip.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let disk = DeviceId(0);
    let place = (0..BLOCKS, 1..=3u64).prop_map(|(at, len)| (Bytes(at * BLOCK), len.min(BLOCKS - at) * BLOCK));
    let chip = DeviceId(1);
    let event = prop_oneof![
        6 => (place.clone(), any::<u8>(), 0..4u8).prop_map(move |((at, len), seed, fua)| Event::Write {
            device: disk, at, data: content(seed, len), fua: (fua == 0).then_some(Reach::All), label: None,
        }),
        1 => place.prop_map(move |(at, len)| Event::WriteZeroes {
            device: disk, at, len: Bytes(len), fua: None, label: None,
        }),
        3 => (0..CHIP.pages(), any::<u8>()).prop_map(move |(page, seed)| Event::Program {
            device: chip, at: CHIP.page_at(PageNo(page)), data: content(seed, BLOCK), label: None,
        }),
        1 => (0..CHIP.blocks).prop_map(move |block| Event::Erase {
            device: chip, at: CHIP.block_at(BlockNo(block)), len: CHIP.block_len(), label: None,
        }),
        2 => (0..2u16).prop_map(|device| Event::flush(DeviceId(device))),
        1 => (0..3u32).prop_map(|op| Event::Begin { op: OpId(op), text: "write".to_owned() }),
        1 => (0..3u32).prop_map(|op| Event::Ack { op: OpId(op), durable: true }),
    ];
    prop::collection::vec(event, 0..16)
}

fn profiles() -> impl Strategy<Value = Profile> {
    let all =
        [Order::Any, Order::Issued].into_iter().flat_map(|order| {
            [Torn::OldOrNew, Torn::Garbage].into_iter().flat_map(move |torn| {
                [Atomic::Write, Atomic::Bytes(512), Atomic::Bytes(256)].into_iter().map(move |atomic| {
                    Profile { order, torn, atomic, discard: Discard::Old, ..Profile::default() }
                })
            })
        });
    prop::sample::select(all.collect::<Vec<_>>())
}

/// A crash state in which recovery looked at some cells: what it asked, the whole image, and the first crash point.
fn crash(timeline: &Arc<Timeline>, epoch: u32, answers: &[u8], looks: &[u32]) -> (Path, Vec<Image>, usize) {
    let mut image = LazyImage::new(Arc::clone(timeline));
    image.restart(epoch, Plan { forced: answers.to_vec(), rest: Rest::Pole(Pole::Oldest) }, false);
    let cells = timeline.cells.len() as u32;
    for look in looks.iter().filter(|_| cells > 0) {
        image.look(0, CellId(look % cells));
    }
    // Where some units of a write were looked at and others not, a picture tells of the former.
    if timeline.profile.atomic != Atomic::Write {
        image.decide_all();
    }
    let path = image.path().clone();
    image.decide_all();
    (path, image.whole(&[Pole::Newest]), image.earliest(1))
}

fn shown(picture: &Picture) -> Vec<&PictureEvent> {
    fn event(step: &Step) -> &PictureEvent {
        match step {
            Step::Event(event) => event,
            Step::Gap(gap) => panic!("few enough to show all, but {gap:?}"),
        }
    }
    picture.steps.iter().map(event).collect()
}

/// What an event leaves in a block, if it writes there.
fn left(event: &Event, device: u16, block: u64) -> Option<Vec<u8>> {
    let (on, at, len) = event.range()?;
    let within =
        (block * BLOCK).checked_sub(at.0).filter(|within| *within < len.0 && on.0 == device)? as usize;
    Some(match (event, event.payload()) {
        (_, Some(data)) => data.as_slice()[within..within + BLOCK as usize].to_vec(),
        (Event::Erase { .. }, _) => vec![0xFF; BLOCK as usize],
        _ => vec![0; BLOCK as usize],
    })
}

/// What the fates of the events say of a block; `None` if they leave it open.
fn by_fates(trace: &Trace, events: &[&PictureEvent], device: u16, block: u64) -> Option<Vec<u8>> {
    let mut written = trace.events.iter().zip(events).rev();
    let newest = written.find_map(|(event, told)| {
        // A program that was cut off takes its partner with it.
        let spoils = matches!(event, Event::Program { .. }) && device == 1 && {
            let page = event.range().map(|(_, at, _)| CHIP.page_with(at));
            page.and_then(|page| CHIP.partner(page)) == Some(PageNo(block as u32))
        };
        if spoils && matches!(told.fate, Fate::Garbled | Fate::Unread) {
            return Some(None);
        }
        let left = left(event, device, block)?;
        match told.fate {
            Fate::NotIssued | Fate::Lost => None,
            Fate::Before | Fate::Survived => Some(Some(left)),
            Fate::Torn | Fate::Garbled | Fate::Unread => Some(None),
        }
    });
    newest.unwrap_or_else(|| Some(base(trace, device, block)))
}

fn base(trace: &Trace, device: u16, block: u64) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK as usize];
    trace.devices[usize::from(device)].base.read(Bytes(block * BLOCK), &mut bytes);
    bytes
}

/// What a block held before anything in flight: the newest event that was durable.
fn before(trace: &Trace, events: &[&PictureEvent], device: u16, block: u64) -> Vec<u8> {
    let durable = trace.events.iter().zip(events).filter(|(_, told)| told.fate == Fate::Before);
    let newest = durable.filter_map(|(event, _)| left(event, device, block)).next_back();
    newest.unwrap_or_else(|| base(trace, device, block))
}

fn compare(
    trace: &Trace,
    picture: &Picture,
    sector: &Sector,
    block: u64,
    held: &[u8],
) -> Result<(), TestCaseError> {
    let events = shown(picture);
    let by = |event: u32| left(&trace.events[event as usize], sector.device, block);
    // Of an event in several places, what is told is what is known of some of them.
    let is_told = |event: u32, fate: Fate| {
        let told = events[event as usize];
        told.count == 1 && told.fate == fate
    };
    prop_assert!(!sector.lost.iter().any(|event| is_told(*event, Fate::Survived)), "{:?}", sector);
    match sector.holds {
        Holds::New | Holds::Old => {
            let writer = sector.written_by.expect("somebody wrote it");
            prop_assert_eq!(Some(held.to_vec()), by(writer));
            prop_assert!(!is_told(writer, Fate::Lost) && !is_told(writer, Fate::NotIssued), "{:?}", sector);
            let newer = sector.lost.iter().filter(|event| **event > writer).count();
            prop_assert_eq!(newer > 0, sector.holds == Holds::Old);
        }
        Holds::Lost => {
            prop_assert_eq!(held, before(trace, &events, sector.device, block));
            prop_assert!(!sector.lost.is_empty());
        }
        Holds::Garbled => prop_assert!(held.iter().any(|byte| *byte != held[0])),
        Holds::Torn => prop_assert!(sector.lost.iter().all(|event| Some(held) != by(*event).as_deref())),
        Holds::Unread => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_picture_says_what_a_whole_image_of_the_state_holds(
        events in events(), profile in profiles(), epoch: u32, answers in prop::collection::vec(0..2u8, 0..12),
        looks in prop::collection::vec(any::<u32>(), 0..12), point: usize,
    ) {
        let disk = Device::zeroed("disk", Bytes(BLOCK), Bytes(BLOCK * BLOCKS));
        let trace = Trace { devices: vec![disk, Device::nand("chip", CHIP)], events };
        let timeline = Arc::new(Timeline::new(&trace, &profile));
        let epoch = epoch % timeline.epochs.len() as u32;
        let (path, whole, earliest) = crash(&timeline, epoch, &answers, &looks);
        let point = earliest + point % (timeline.epochs[epoch as usize].upto - earliest + 1);
        let picture = Painter::new(Teller::new(&trace), &timeline).paint(epoch, point, &path, &[]);
        let told = shown(&picture);
        prop_assert_eq!(picture.more_sectors, 0);
        for (device, image) in (0u16..).zip(&whole) {
            for block in 0..BLOCKS {
                let mut held = vec![0; BLOCK as usize];
                image.read(Bytes(block * BLOCK), &mut held);
                if let Some(said) = by_fates(&trace, &told, device, block) {
                    prop_assert_eq!(&held, &said, "block {} of {}", block, device);
                }
                let mut here = picture.sectors.iter().filter(|sector| {
                    sector.device == device && (sector.first..sector.first + sector.count).contains(&block)
                });
                match here.next() {
                    Some(sector) => compare(&trace, &picture, sector, block, &held)?,
                    // Nothing was in flight there.
                    None => prop_assert_eq!(&held, &before(&trace, &told, device, block)),
                }
                prop_assert!(here.next().is_none(), "block {} stands in one run", block);
            }
        }
    }
}

/// What a write of after the crash would have left is told to be of the older one that left the same.
#[test]
fn of_writes_that_leave_the_same_one_is_told_that_was_issued() {
    let write = |seed: u8| Event::Write {
        device: DeviceId(0),
        at: Bytes::ZERO,
        data: content(seed, BLOCK),
        fua: None,
        label: None,
    };
    let disk = Device::zeroed("disk", Bytes(BLOCK), Bytes(BLOCK));
    let trace = Trace { devices: vec![disk], events: vec![write(1), write(3), write(1)] };
    for order in [Order::Any, Order::Issued] {
        let timeline = Arc::new(Timeline::new(&trace, &Profile { order, ..Profile::default() }));
        let (path, whole, earliest) = crash(&timeline, 0, &[0], &[0]);
        let mut held = [0; 1];
        whole[0].read(Bytes::ZERO, &mut held);
        assert_eq!((held, earliest), ([1], 1), "{order:?}");
        for (point, by, newest) in [(1, 0, Fate::NotIssued), (2, 0, Fate::NotIssued), (3, 2, Fate::Survived)]
        {
            let picture = Painter::new(Teller::new(&trace), &timeline).paint(0, point, &path, &[]);
            let fates: Vec<Fate> = shown(&picture).iter().map(|event| event.fate).collect();
            assert_eq!((fates[by], fates[2]), (Fate::Survived, newest), "{order:?} at {point}");
            assert_eq!(picture.sectors[0].written_by, Some(by as u32), "{order:?} at {point}");
        }
    }
}

#[test]
fn a_write_of_after_the_crash_is_neither_lost_nor_there() {
    let write = |block: u64, seed: u8| Event::Write {
        device: DeviceId(0),
        at: Bytes(block * BLOCK),
        data: content(seed, BLOCK),
        fua: None,
        label: None,
    };
    let events = vec![write(0, 1), write(0, 3), write(0, 1), write(1, 1), write(2, 1)];
    let trace = Trace { devices: vec![Device::zeroed("disk", Bytes(BLOCK), Bytes(BLOCK * BLOCKS))], events };
    let timeline = Arc::new(Timeline::new(&trace, &Profile::default()));
    let painter = Painter::new(Teller::new(&trace), &timeline);
    // The last write of the first block is there, of the others one or two are not.
    for (answers, said) in [(vec![0, 0, 1], vec![]), (vec![0, 1, 1], vec![(0, "survived")])] {
        let (path, _, earliest) = crash(&timeline, 0, &answers, &[0, 1, 2]);
        let writes = writes(&painter, 0, earliest, &path);
        let writes: Vec<(u32, &str)> = writes.iter().map(|write| (write.event, &*write.fate)).collect();
        assert_eq!(writes, said, "after {earliest} events");
    }
}

#[test]
fn a_long_trace_is_cut_down_to_what_matters() {
    let mut events = Vec::new();
    for op in 0..300u32 {
        events.push(Event::Begin { op: OpId(op), text: format!("write {op}") });
        for nth in 0..3 {
            let at = Bytes(u64::from(op * 3 + nth) % 1000 * BLOCK);
            let data = content(op as u8, BLOCK);
            events.push(Event::Write {
                device: DeviceId(0),
                at,
                data,
                fua: None,
                label: Some("data".into()),
            });
        }
        if op % 100 == 99 {
            events.push(Event::flush(DeviceId(0)));
        }
        events.push(Event::Ack { op: OpId(op), durable: false });
    }
    let disk = Device::zeroed("disk", Bytes(BLOCK), Bytes(BLOCK * 1000));
    let trace = Trace { devices: vec![disk], events };
    let timeline = Timeline::new(&trace, &Profile::default());
    let point = timeline.epochs[1].upto;
    let painter = Painter::new(Teller::new(&trace), &timeline);
    let picture = painter.paint(1, point, &Path::default(), &[2, 700]);
    let (mut events, mut gaps) = (0, 0);
    let mut next = 0;
    for step in &picture.steps {
        match step {
            Step::Event(event) => {
                assert_eq!(event.event, next, "in order, and without a hole");
                next += 1;
                events += 1;
            }
            Step::Gap(gap) => {
                assert_eq!(gap.from, next);
                next += gap.events as u32;
                gaps += 1;
            }
        }
    }
    assert_eq!((u64::from(next), picture.events), (trace.events.len() as u64, trace.events.len() as u64));
    assert!((60..=200).contains(&events) && gaps > 1, "{events} events, {gaps} gaps");
    let is_shown = |wanted: u32| {
        picture.steps.iter().any(|step| matches!(step, Step::Event(event) if event.event == wanted))
    };
    assert!([2, 700, point as u32, point as u32 - 1].into_iter().all(is_shown));
    // Nobody looked at any of the 300 sectors.
    let [sector] = &*picture.sectors else { panic!("{:?}", picture.sectors) };
    assert_eq!((sector.holds, sector.first, sector.count), (Holds::Unread, 300, 300));
    assert_eq!(picture.more_sectors, 0);
}
