//! The walk against brute force: on small random traces both meet the same outcomes at the same crash points, and the
//! coverage of a completed walk is the number of images there are.

mod cluster;
mod failed_flush;
mod faults;
mod flash;
mod lives;
mod lives_of_faults;
mod plain_cluster;
mod silent;
mod tree;

use super::instance::{Instance, Kind, Lived, Recovered, Shows};
use super::{Budget, Context, Naming, Options, Past};
use crate::disk::Disk;
use crate::judge::{Violation, Window};
use crate::media::{Count, census};
use crate::profile::{Atomic, Cache, Discard, Honesty, Order, Profile, Torn};
use crate::strategy::StrategyKind;
use crashcheck_trace::{Bytes, Device, DeviceId, OpId};
use crashcheck_trace::{Event, Image, Payload, Reach, Trace};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Positions and lengths are multiples of this.
const GRAIN: u64 = 256;
const GRAINS: u64 = 8;

type Shown = Vec<(u64, u64)>;
type Outcomes = BTreeSet<(Shown, Window)>;

/// A recovery that lets what it finds decide where it looks next, and that writes.
struct Chase {
    devices: u64,
    writes: bool,
    judged: Arc<Mutex<Outcomes>>,
}

fn chase(disk: &Disk, devices: u64, writes: bool) -> Shown {
    let mut shown = Vec::new();
    let mut at = 0;
    for step in 0..4u64 {
        let device = disk.device(DeviceId((at % devices) as u16));
        let mut bytes = [0; GRAIN as usize];
        let place = at % GRAINS;
        device.read(Bytes(place * GRAIN), &mut bytes).expect("within the device");
        let fold = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        // Which garbage it is makes no difference.
        let sum = if is_garbage(&bytes) { 1_000_003 + step } else { bytes.iter().fold(step, fold) };
        shown.push((at, sum));
        at = sum / 7 % (GRAINS * devices);
        if writes && sum % 3 == 0 {
            device
                .write(Bytes((at % GRAINS) * GRAIN), &[sum as u8; GRAIN as usize])
                .expect("within the device");
            if sum % 2 == 0 {
                device.flush().expect("power");
            }
        }
    }
    shown
}

/// What is written is odd in every byte, or the same in every byte.
fn is_garbage(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte % 2 == 0) && bytes.iter().any(|byte| *byte != bytes[0])
}

/// Garbage, different for every atom.
fn garbage(event: usize, at: Bytes, len: usize) -> Vec<u8> {
    let seed = (event * 31 + at.0 as usize / GRAIN as usize) % 120;
    (0..len).map(|nth| if nth % 2 == 0 { 2 } else { 4 + 2 * seed as u8 }).collect()
}

impl Instance for Chase {
    fn live(&self, disk: &Disk) -> Lived {
        let shown = chase(&disk.power_on(), self.devices, self.writes);
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        let recovered = Recovered { shown: Ok(super::Shown::new(shown)), after: Ok(()), kind };
        Lived { recovered, past: Some(Past::new(())) }
    }

    fn judge(&self, shown: &super::Shown, _: Option<&Past>, window: Window) -> Result<(), Violation> {
        self.judged.lock().expect("no panic").insert((shown.get::<Shown>().clone(), window));
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

/// One write of the plain simulation: what it puts where, and whether it can be lost.
#[derive(Clone)]
struct Atom {
    event: usize,
    device: usize,
    at: Bytes,
    data: Vec<u8>,
}

fn atoms(index: usize, event: &Event, profile: &Profile) -> Vec<Atom> {
    let Some((device, at, len)) = event.range() else { return Vec::new() };
    let data = match event {
        Event::Write { data, .. } => data.as_slice().to_vec(),
        Event::Discard { .. } if profile.discard == Discard::Old => return Vec::new(),
        Event::Discard { .. } if profile.discard == Discard::Garbage => garbage(index, at, len.index()),
        _ => vec![0; len.index()],
    };
    let unit = match profile.atomic {
        Atomic::Write => u64::MAX,
        Atomic::Bytes(unit) => u64::from(unit),
    };
    let mut atoms: Vec<Atom> = Vec::new();
    for (nth, byte) in data.iter().enumerate() {
        let here = at.0 + nth as u64;
        match atoms.last_mut().filter(|_| nth == 0 || !here.is_multiple_of(unit)) {
            Some(atom) => atom.data.push(*byte),
            None => {
                atoms.push(Atom { event: index, device: device.index(), at: Bytes(here), data: vec![*byte] });
            }
        }
    }
    atoms
}

/// Everything a crash can leave: the epoch, the window, and the devices.
fn crash_images(base: &[Image], events: &[Event], profile: &Profile) -> Vec<(usize, Window, Vec<Image>)> {
    let all = moments(base, events, profile).into_iter();
    all.map(|(Moment { epoch, window, .. }, images)| (epoch, window, images)).collect()
}

/// The same with the moment.
fn moments(base: &[Image], events: &[Event], profile: &Profile) -> Vec<(Moment, Vec<Image>)> {
    let mut found = Vec::new();
    crashes(events, profile, &mut |moment, _, written| {
        let mut images = base.to_vec();
        for (atom, fate) in written {
            match fate {
                Fate::Garbled => {
                    images[atom.device].write(atom.at, &garbage(atom.event + 7, atom.at, atom.data.len()));
                }
                Fate::Lost | Fate::Whole => images[atom.device].write(atom.at, &atom.data),
            }
        }
        found.push((moment, images));
    });
    found
}

/// Told of every crash: the moment, what is durable, and all that survives, in the order of issue.
type Told<'a> = dyn FnMut(Moment, &[Atom], &[(&Atom, Fate)]) + 'a;

/// When the power fails: after so many events, in which epoch, and what that allows.
#[derive(Clone, Copy)]
struct Moment {
    point: usize,
    epoch: usize,
    window: Window,
}

/// Told of all that survives, in the order of issue.
type Survived<'a> = dyn FnMut(&[(&Atom, Fate)]) + 'a;

/// Where a trace begins that does not begin with the first operation: where the marks before its first write say.
fn beginning(events: &[Event]) -> Window {
    let mut window = Window { durable: 0, begun: 0 };
    let mut marks = events.iter().filter(|event| matches!(event, Event::Begin { .. } | Event::Ack { .. }));
    if matches!(marks.next(), None | Some(Event::Begin { op: OpId(0), .. })) {
        return window;
    }
    for event in events.iter().take_while(|event| event.device().is_none()) {
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            _ => {}
        }
    }
    Window { begun: window.begun.max(window.durable), ..window }
}

/// Everything that can survive a crash.
fn crashes(events: &[Event], profile: &Profile, found: &mut Told<'_>) {
    let (mut durable, mut pending) = (Vec::<Atom>::new(), Vec::<Atom>::new());
    let (mut epoch, mut window, mut stuck) = (0, beginning(events), BTreeSet::new());
    for index in 0..=events.len() {
        let event = events.get(index);
        // The power fails before this event, or while it is under way.
        let moment = Moment { point: index, epoch, window };
        subsets(&durable, &pending, profile, &mut |written| found(moment, &durable, written));
        let Some(event) = event else { break };
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            _ => {}
        }
        window.begun = window.begun.max(window.durable);
        pending.extend(atoms(index, event, profile));
        let undone = failed_flush::undone(index, event, &durable, &pending);
        let drops = matches!(event, Event::FlushFailed { dropped: true, .. });
        pending.extend(undone);
        if let Event::FlushFailed { writes, .. } = event {
            stuck.extend(writes.iter().map(|write| write.index()));
        }
        let changes =
            event.device().is_some() && !matches!(event, Event::Flush { .. } | Event::FlushFailed { .. });
        let fua = drops
            || (matches!(event, Event::Write { fua: Some(_), .. }) && profile.fua == Honesty::Honest)
            || (changes && profile.cache == Cache::None);
        if fua {
            let moment = Moment { point: index + 1, epoch, window };
            subsets(&durable, &pending, profile, &mut |written| found(moment, &durable, written));
        }
        let device = event.device().map(DeviceId::index);
        let flush = matches!(event, Event::Flush { .. }) && profile.flush == Honesty::Honest;
        let in_order = profile.order == Order::Issued;
        let settles = |atom: &Atom| {
            (flush && device == Some(atom.device) && !stuck.contains(&atom.event))
                || (fua && (atom.event == index || (in_order && device == Some(atom.device))))
        };
        durable.extend(pending.iter().filter(|atom| settles(atom)).cloned());
        pending.retain(|atom| !settles(atom));
        epoch += usize::from(flush || fua);
    }
}

/// What became of an atom.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Lost,
    Whole,
    Garbled,
}

/// Every fate of what is pending (every prefix by device, where nothing overtakes) over what is durable.
fn subsets(durable: &[Atom], pending: &[Atom], profile: &Profile, found: &mut Survived<'_>) {
    let fates = match profile.torn {
        Torn::OldOrNew => &[Fate::Lost, Fate::Whole][..],
        Torn::Garbage => &[Fate::Lost, Fate::Whole, Fate::Garbled],
    };
    for number in 0..fates.len().pow(pending.len() as u32) {
        let fate = |index: usize| fates[number / fates.len().pow(index as u32) % fates.len()];
        let survived = |index: usize| fate(index) != Fate::Lost;
        let gap = |index: usize| {
            let device = pending[index].device;
            // Behind what was cut off, nothing has begun.
            let whole = |before: usize| pending[before].device != device || fate(before) == Fate::Whole;
            survived(index) && !(0..index).all(whole)
        };
        if profile.order == Order::Issued && (0..pending.len()).any(gap) {
            continue;
        }
        let alive = pending.iter().enumerate().filter(|(index, _)| survived(*index));
        let alive = alive.map(|(index, atom)| (atom, fate(index)));
        let mut written: Vec<(&Atom, Fate)> =
            durable.iter().map(|atom| (atom, Fate::Whole)).chain(alive).collect();
        written.sort_by_key(|(atom, _)| (atom.event, atom.at));
        found(&written);
    }
}

fn chase_on(images: &[Image], writes: bool) -> (Shown, Vec<Event>) {
    let devices: Vec<Device> =
        images.iter().map(|image| Device::block("disk", Bytes(GRAIN), image.clone())).collect();
    let disk = Disk::recording(&devices);
    let shown = chase(&disk, images.len() as u64, writes);
    let trace = disk.machine().power_off().expect("a recording");
    (shown, trace.events)
}

/// What brute force meets: outcomes, with so many lives ending in a crash, and the number of images by epoch.
fn brute_force(trace: &Trace, profile: &Profile, writes: bool, lives: u8) -> (Outcomes, Vec<usize>) {
    let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
    let mut outcomes = Outcomes::new();
    let mut images_by_epoch: Vec<BTreeSet<Vec<Vec<u8>>>> = Vec::new();
    for (epoch, window, images) in crash_images(&base, &trace.events, profile) {
        images_by_epoch.resize(images_by_epoch.len().max(epoch + 1), BTreeSet::new());
        images_by_epoch[epoch].insert(images.iter().map(Image::to_vec).collect());
        let mut open = vec![(images, 1)];
        while let Some((images, depth)) = open.pop() {
            let (shown, events) = chase_on(&images, writes);
            outcomes.insert((shown, window));
            if depth < lives {
                let next = crash_images(&images, &events, profile).into_iter();
                open.extend(next.map(|(_, _, images)| (images, depth + 1)));
            }
        }
    }
    (outcomes, images_by_epoch.iter().map(BTreeSet::len).collect())
}

struct Explored {
    outcomes: Outcomes,
    total: String,
    represented: String,
    exact: bool,
    images_by_epoch: Vec<String>,
}

fn walk(
    trace: &Trace,
    profile: &Profile,
    strategy: StrategyKind,
    writes: bool,
    lives: u8,
    jobs: usize,
) -> Explored {
    let judged = Arc::new(Mutex::new(Outcomes::new()));
    let instance = Chase { devices: trace.devices.len() as u64, writes, judged: Arc::clone(&judged) };
    explored(instance, &judged, trace, profile, strategy, lives, jobs)
}

fn explored(
    instance: impl Instance,
    judged: &Mutex<Outcomes>,
    trace: &Trace,
    profile: &Profile,
    strategy: StrategyKind,
    lives: u8,
    jobs: usize,
) -> Explored {
    let budget = Budget::unlimited();
    let options = Options {
        profile: profile.clone(),
        strategy: strategy.into(),
        lives,
        jobs,
        budget,
        ..Options::default()
    };
    let context = Arc::new(Context::new(instance, Naming::default(), Arc::new(trace.clone()), &options));
    let images_by_epoch = context.timeline.totals().map(|total| total.to_string()).collect();
    let stop = AtomicBool::new(false);
    let explored = crate::tasks::explored(&context, &options, &stop, |_| ());
    let outcomes = judged.lock().expect("no panic").clone();
    let coverage = explored.coverage;
    Explored {
        outcomes,
        total: coverage.total,
        represented: coverage.represented,
        exact: coverage.exact,
        images_by_epoch,
    }
}

fn events(devices: u16, aligned: bool, distinct: bool) -> impl Strategy<Value = Vec<Event>> {
    let write = (0..devices, 0..GRAINS, 1..=3u64, any::<bool>(), 0..4u8).prop_map(
        move |(device, at, len, fua, fill)| {
            let (at, len) = if aligned { (at, 1) } else { (at, len.min(GRAINS - at)) };
            (device, Bytes(at * GRAIN), len * GRAIN, fua && fill == 0, fill)
        },
    );
    let event = prop_oneof![
        8 => write.clone().prop_map(|(device, at, len, fua, fill)| Event::Write {
            device: DeviceId(device), at, data: Payload::from(vec![fill; len as usize]), fua: fua.then_some(Reach::All), label: None,
        }),
        1 => write.clone().prop_map(|(device, at, len, ..)| Event::WriteZeroes {
            device: DeviceId(device), at, len: Bytes(len), fua: None, label: None,
        }),
        1 => write.prop_map(|(device, at, len, ..)| Event::Discard { device: DeviceId(device), at, len: Bytes(len) }),
        3 => (0..devices).prop_map(|device| Event::flush(DeviceId(device))),
        2 => (0..6u32).prop_map(|op| Event::Begin { op: OpId(op), text: String::new() }),
        2 => (0..6u32, any::<bool>()).prop_map(|(op, durable)| Event::Ack { op: OpId(op), durable }),
    ];
    prop::collection::vec(event, 0..12).prop_map(move |mut events| {
        for (index, event) in events.iter_mut().enumerate() {
            if let Event::Write { data, at, .. } = event {
                let seed = if distinct { index as u64 + 17 } else { u64::from(data.as_slice()[0]) };
                let fill = |nth: usize| {
                    let place = if distinct { 0 } else { at.0 };
                    ((seed + 1).wrapping_mul(0x9E37_79B9_97F4_A7C1) >> (8 * (nth as u64 % 7)) ^ place >> 8)
                        as u8
                        | 1
                };
                *data = Payload::from((0..data.len().index()).map(fill).collect::<Vec<u8>>());
            }
        }
        events
    })
}

fn traces(aligned: bool, distinct: bool) -> impl Strategy<Value = Trace> {
    (1..=2u16).prop_flat_map(move |devices| {
        events(devices, aligned, distinct).prop_map(move |events| Trace {
            devices: (0..devices)
                .map(|_| Device::zeroed("disk", Bytes(GRAIN), Bytes(GRAIN * GRAINS)))
                .collect(),
            events,
        })
    })
}

fn profiles() -> impl Strategy<Value = Profile> {
    let torn_256 = Profile { name: "torn-256".into(), atomic: Atomic::Bytes(256), ..Profile::default() };
    let mut all = Profile::built_in();
    all.retain(|profile| profile.faults.is_none());
    all.push(torn_256);
    for atomic in [Atomic::Write, Atomic::Bytes(256)] {
        let (order, torn) = (Order::Issued, Torn::Garbage);
        all.push(Profile { name: "cut-off".into(), order, torn, atomic, ..Profile::default() });
    }
    prop::sample::select(all)
}

/// Brute force looks at every subset, so that few atoms may be in flight.
fn is_small(trace: &Trace, profile: &Profile) -> bool {
    let all: usize =
        trace.events.iter().enumerate().map(|(index, event)| atoms(index, event, profile).len()).sum();
    all <= if profile.torn == Torn::Garbage { 6 } else { 12 }
}

/// Different images over all epochs.
fn all_images(trace: &Trace, profile: &Profile) -> usize {
    let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
    let images = crash_images(&base, &trace.events, profile).into_iter().map(|(_, _, images)| images);
    images.map(|images| images.iter().map(Image::to_vec).collect::<Vec<_>>()).collect::<BTreeSet<_>>().len()
}

fn complete() -> impl Strategy<Value = StrategyKind> {
    prop::sample::select(vec![StrategyKind::Deviations, StrategyKind::Complete])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_walk_meets_what_brute_force_meets(
        trace in traces(false, true), profile in profiles(), strategy in complete(), writes in any::<bool>(),
    ) {
        prop_assume!(is_small(&trace, &profile));
        let (expected, images) = brute_force(&trace, &profile, writes, 1);
        let explored = walk(&trace, &profile, strategy, writes, 1, 1);
        prop_assert_eq!(&explored.outcomes, &expected);
        prop_assert_eq!(&explored.represented, &explored.total);
        for (counted, images) in explored.images_by_epoch.iter().zip(images) {
            let counted: usize = counted.parse().expect("a small number");
            prop_assert!(counted == images || (!explored.exact && counted > images));
        }
    }

    #[test]
    fn equal_contents_are_one_outcome_where_writes_do_not_overlap_in_part(
        trace in traces(true, false), profile in profiles(), strategy in complete(), writes in any::<bool>(),
    ) {
        prop_assume!(is_small(&trace, &profile));
        let (expected, images) = brute_force(&trace, &profile, writes, 1);
        let explored = walk(&trace, &profile, strategy, writes, 1, 2);
        prop_assert_eq!(&explored.outcomes, &expected);
        prop_assert_eq!(&explored.represented, &explored.total);
        let images: Vec<String> = images.iter().map(ToString::to_string).collect();
        prop_assert_eq!(explored.images_by_epoch, images);
    }

    #[test]
    fn the_census_counts_every_image_once(
        (trace, aligned) in any::<bool>().prop_flat_map(|aligned| (traces(aligned, false), Just(aligned))),
        profile in profiles(),
    ) {
        prop_assume!(is_small(&trace, &profile));
        let counted = census(&trace, &profile);
        let images = brute_force(&trace, &profile, false, 1).1;
        for (epoch, images) in counted.epochs.iter().zip(images) {
            prop_assert_eq!(&epoch.crash_states.value, &images.into());
            prop_assert!(epoch.crash_states.exact);
        }
        let all = all_images(&trace, &profile).into();
        let Count { value, exact } = counted.crash_states;
        prop_assert!(value == all || (!exact && value > all), "counted {value}, exact: {exact}, but there are {all}");
        prop_assert!(exact || !aligned || profile.order == Order::Issued, "not exact");
    }

    #[test]
    fn partial_overlaps_with_equal_contents_lose_no_outcome(
        trace in traces(false, false), profile in profiles(), strategy in complete(),
    ) {
        prop_assume!(is_small(&trace, &profile));
        let (expected, _) = brute_force(&trace, &profile, true, 1);
        let explored = walk(&trace, &profile, strategy, true, 1, 1);
        prop_assert_eq!(&explored.outcomes, &expected);
        prop_assert_eq!(&explored.represented, &explored.total);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn later_lives_meet_what_brute_force_meets(
        trace in traces(true, true), profile in profiles(), strategy in complete(), lives in 2..=3u8,
    ) {
        prop_assume!(is_small(&trace, &profile) && trace.events.len() <= 6);
        // Units that recovery was writing are old or new.
        prop_assume!(profile.torn == Torn::OldOrNew);
        let (expected, _) = brute_force(&trace, &profile, true, lives);
        let explored = walk(&trace, &profile, strategy, true, lives, 1);
        prop_assert_eq!(&explored.outcomes, &expected);
    }

    #[test]
    fn every_strategy_meets_only_what_brute_force_meets(
        trace in traces(false, true), profile in profiles(),
        strategy in prop::sample::select(vec![StrategyKind::Prefix, StrategyKind::TwoPoint]),
    ) {
        prop_assume!(is_small(&trace, &profile));
        let (expected, _) = brute_force(&trace, &profile, true, 1);
        let explored = walk(&trace, &profile, strategy, true, 1, 1);
        prop_assert!(explored.outcomes.is_subset(&expected));
    }
}
