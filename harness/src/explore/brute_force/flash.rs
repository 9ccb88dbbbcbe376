//! The walk against brute force on flash chips: every prefix of what is in flight on each erase block, with and without
//! an operation that was cut off.

use super::*;
use crate::media::fault::flipped_bit;
use crashcheck_trace::{BlockNo, NandGeometry, PageNo, Pairing};
use std::collections::BTreeMap;

const PAGE: usize = 24;
const BLOCKS: u32 = 2;
const PAGES: u32 = 4;

/// A recovery that lets what it finds decide where it looks next, and that programs and erases.
struct Probe {
    devices: u16,
    writes: bool,
    met: Arc<Mutex<Outcomes>>,
}

/// Pages that read as erased and are not until their block is erased again, because its erase was in flight.
type Half = BTreeSet<(u16, u32)>;

/// The pages in `half` are refused; a chip that knows them itself is given none.
fn probe(disk: &Disk, devices: u16, writes: bool, mut half: Half) -> Shown {
    let (mut shown, mut at) = (Vec::new(), 0);
    for step in 0..4u64 {
        let device = (at % u64::from(devices)) as u16;
        let chip = disk.nand(DeviceId(device)).expect("a chip");
        let page = PageNo((at / 3 % u64::from(BLOCKS * PAGES)) as u32);
        let mut bytes = [0; PAGE];
        chip.read(page, &mut bytes).expect("a page");
        let fold = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        // Which garbage it is makes no difference.
        let sum = if is_garbage(&bytes) { 1_000_003 + step } else { bytes.iter().fold(step, fold) };
        shown.push((at, sum));
        at = sum / 7;
        if writes && sum % 3 != 0 {
            let block = BlockNo((at / 5 % u64::from(BLOCKS)) as u32);
            let page = PageNo(block.0 * PAGES + (at % u64::from(PAGES)) as u32);
            // What comes before a page that is not erased is not programmed either.
            let is_refused = half.iter().any(|(on, at)| *on == device && of(*at) == block.0 && *at >= page.0);
            let done = match sum % 4 {
                0 => {
                    half.retain(|(on, at)| *on != device || of(*at) != block.0);
                    chip.erase(block, None).is_ok()
                }
                _ => !is_refused && chip.program(page, &[(at as u8 | 1) & 0x7F; PAGE], None).is_ok(),
            };
            shown.push((u64::MAX, u64::from(done)));
            if sum % 5 < 2 {
                chip.wait().expect("power");
            }
        }
    }
    shown
}

/// The block of a page.
fn of(page: u32) -> u32 {
    page / PAGES
}

/// What is programmed is odd in every byte, and has no byte whose highest bit is 1 unless all bits are: that bit is missing in
/// what was cut off late.
fn is_garbage(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte % 2 == 0)
        || (bytes != [0xFF; PAGE] && bytes.iter().any(|byte| *byte >= 0x80))
}

/// Whether a page reads as erased.
fn is_erased(image: &Image, page: u32) -> bool {
    let mut bytes = [0; PAGE];
    image.read(Bytes(u64::from(page) * PAGE as u64), &mut bytes);
    bytes == [0xFF; PAGE]
}

/// Garbage, different for every event and page.
fn garbage(event: usize, page: u32) -> [u8; PAGE] {
    let mut bytes = [2; PAGE];
    (bytes[1], bytes[2], bytes[3]) = (event as u8, page as u8, (event >> 8) as u8);
    bytes
}

impl Instance for Probe {
    fn live(&self, disk: &Disk) -> Lived {
        let shown = probe(&disk.power_on(), self.devices, self.writes, Half::new());
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        let recovered = Recovered { shown: Ok(crate::explore::Shown::new(shown)), after: Ok(()), kind };
        Lived { recovered, past: Some(Past::new(())) }
    }

    fn judge(
        &self,
        shown: &crate::explore::Shown,
        _: Option<&Past>,
        window: Window,
    ) -> Result<(), Violation> {
        self.met.lock().expect("no panic").insert((shown.get::<Shown>().clone(), window));
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

/// What an event leaves if it is complete, or if it was cut off.
fn apply(images: &mut [Image], index: usize, event: &Event, distance: u32, complete: bool) {
    let Some((device, at, len)) = event.range() else { return };
    let image = &mut images[device.index()];
    let first = (at.0 / PAGE as u64) as u32;
    let mut put = |page: u32, bytes: &[u8]| image.write(Bytes(u64::from(page) * PAGE as u64), bytes);
    match event {
        Event::Program { data, .. } if complete => put(first, data.as_slice()),
        Event::Program { .. } => {
            put(first, &garbage(index, first));
            let place = first % PAGES;
            if distance > 0 && place / distance % 2 == 1 {
                put(first - distance, &garbage(index, first - distance));
            }
        }
        _ => (0..(len.0 / PAGE as u64) as u32).for_each(|nth| match complete {
            true => put(first + nth, &[0xFF; PAGE]),
            false => put(first + nth, &garbage(index, first + nth)),
        }),
    }
}

struct Setting<'a> {
    profile: &'a Profile,
    distance: u32,
}

/// The images, and what is complete of what was pending.
type Fared = (Vec<Image>, Vec<usize>);

/// Every way in which the lanes of what is pending can have fared.
fn fates(images: &[Image], events: &[Event], pending: &[usize], setting: &Setting<'_>) -> Vec<Fared> {
    let mut lanes: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for index in pending {
        let (device, at, _) = events[*index].range().expect("a program or an erase");
        let block = match setting.profile.order {
            Order::Any => at.0 / (PAGE as u64 * u64::from(PAGES)),
            Order::Issued => 0,
        };
        lanes.entry((device.index(), block)).or_default().push(*index);
    }
    let mut all = vec![(images.to_vec(), Vec::new())];
    for lane in lanes.values() {
        let before = std::mem::take(&mut all);
        for (images, done) in before {
            for complete in 0..=lane.len() {
                let (mut images, done) = (images.clone(), [&done, &lane[..complete]].concat());
                lane[..complete].iter().for_each(|index| {
                    apply(&mut images, *index, &events[*index], setting.distance, true);
                });
                all.push((images.clone(), done.clone()));
                if let Some(index) = lane.get(complete).filter(|_| setting.profile.torn == Torn::Garbage) {
                    apply(&mut images, *index, &events[*index], setting.distance, false);
                    all.push((images, done));
                }
            }
        }
    }
    all
}

/// The pages that read as erased and were not when everything durable was there, and those of an earlier life whose block was
/// not erased since.
fn half_erased(half: &Half, (durable, now): (&[Image], &[Image]), done: &[&Event]) -> Half {
    let erased_again = |device: u16, page: u32| {
        done.iter().any(|event| match event {
            Event::Erase { device: on, at, .. } => {
                (on.0, of((at.0 / PAGE as u64) as u32)) == (device, of(page))
            }
            _ => false,
        })
    };
    let pages = (0u16..).zip(now).flat_map(|(device, _)| (0..BLOCKS * PAGES).map(move |page| (device, page)));
    let is_half = |(device, page): &(u16, u32)| {
        let index = usize::from(*device);
        let in_flight = !is_erased(&durable[index], *page);
        let before = half.contains(&(*device, *page)) && !erased_again(*device, *page);
        is_erased(&now[index], *page) && (in_flight || before)
    };
    pages.filter(is_half).collect()
}

/// What a crash can leave, after which epoch, and what that allows.
type Left = (usize, Window, Vec<Image>, Half);

fn crash_images(base: &[Image], half: &Half, events: &[Event], setting: &Setting<'_>) -> Vec<Left> {
    let (mut found, mut images, mut pending) = (Vec::new(), base.to_vec(), Vec::<usize>::new());
    let mut settled = Vec::<usize>::new();
    let (mut epoch, mut window) = (0, super::beginning(events));
    for index in 0..=events.len() {
        for (now, done) in fates(&images, events, &pending, setting) {
            let done: Vec<&Event> = settled.iter().chain(&done).map(|index| &events[*index]).collect();
            let half = match setting.profile.torn {
                Torn::Garbage => half_erased(half, (&images, &now), &done),
                Torn::OldOrNew => Half::new(),
            };
            found.push((epoch, window, now, half));
        }
        let Some(event) = events.get(index) else { break };
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            Event::Program { .. } | Event::Erase { .. } => pending.push(index),
            Event::Flush { device, .. } if setting.profile.flush == Honesty::Honest => {
                let mine = |index: &&usize| events[**index].device() == Some(*device);
                for index in pending.iter().filter(mine) {
                    apply(&mut images, *index, &events[*index], setting.distance, true);
                    settled.push(*index);
                }
                pending.retain(|index| events[*index].device() != Some(*device));
                epoch += 1;
            }
            _ => {}
        }
        window.begun = window.begun.max(window.durable);
    }
    found
}

fn on(images: &[Image], half: Half, devices: &[Device], writes: bool) -> (Shown, Vec<Event>) {
    let devices: Vec<Device> = devices
        .iter()
        .zip(images)
        .map(|(device, image)| Device { base: image.clone(), ..device.clone() })
        .collect();
    let disk = Disk::recording(&devices);
    let shown = probe(&disk, devices.len() as u16, writes, half);
    (shown, disk.machine().power_off().expect("a recording").events)
}

fn brute_force(trace: &Trace, setting: &Setting<'_>, writes: bool, lives: u8) -> (Outcomes, Vec<usize>) {
    let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
    let mut outcomes = Outcomes::new();
    let mut images_by_epoch: Vec<BTreeSet<Vec<Vec<u8>>>> = Vec::new();
    let mut seen = BTreeSet::new();
    for (epoch, window, images, half) in crash_images(&base, &Half::new(), &trace.events, setting) {
        images_by_epoch.resize(images_by_epoch.len().max(epoch + 1), BTreeSet::new());
        let bytes: Vec<Vec<u8>> = images.iter().map(Image::to_vec).collect();
        images_by_epoch[epoch].insert(bytes.clone());
        if !seen.insert((window, bytes, half.clone())) {
            continue;
        }
        let mut open = vec![(images, half, 1)];
        while let Some((images, half, depth)) = open.pop() {
            let (shown, events) = on(&images, half.clone(), &trace.devices, writes);
            outcomes.insert((shown, window));
            if depth < lives {
                let next = crash_images(&images, &half, &events, setting).into_iter();
                open.extend(next.map(|(_, _, images, half)| (images, half, depth + 1)));
            }
        }
    }
    (outcomes, images_by_epoch.iter().map(BTreeSet::len).collect())
}

fn walk(trace: &Trace, profile: &Profile, strategy: StrategyKind, writes: bool, lives: u8) -> Explored {
    let met = Arc::new(Mutex::new(Outcomes::new()));
    let instance = Probe { devices: trace.devices.len() as u16, writes, met: Arc::clone(&met) };
    explored(instance, &met, trace, profile, strategy, lives, 1)
}

/// One operation of the workload, before it is known which page it hits.
#[derive(Clone, Debug)]
enum Step {
    Program(u16, u32, u8),
    Erase(u16, u32),
    Wait(u16),
    Begin(u32),
    Ack(u32, bool),
}

fn steps(devices: u16) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..devices, 0..BLOCKS, 0..4u8).prop_map(|(device, block, fill)| Step::Program(device, block, fill)),
        3 => (0..devices, 0..BLOCKS).prop_map(|(device, block)| Step::Erase(device, block)),
        3 => (0..devices).prop_map(Step::Wait),
        2 => (0..6u32).prop_map(Step::Begin),
        2 => (0..6u32, any::<bool>()).prop_map(|(op, durable)| Step::Ack(op, durable)),
    ];
    prop::collection::vec(step, 0..14)
}

/// Programs the next page of each block; few different contents, all ones among them.
fn events(steps: &[Step], next: &mut BTreeMap<(u16, u32), u32>) -> Vec<Event> {
    let len = Bytes((PAGE as u32 * PAGES).into());
    let event = |step: &Step| match *step {
        Step::Program(device, block, fill) => {
            let next = next.entry((device, block)).or_default();
            if *next == PAGES {
                return None;
            }
            let at = Bytes(u64::from(block * PAGES + *next) * PAGE as u64);
            *next += 1;
            let data = Payload::from(vec![[1, 3, 0x35, 0xFF][usize::from(fill)]; PAGE]);
            Some(Event::Program { device: DeviceId(device), at, data, label: None })
        }
        Step::Erase(device, block) => {
            next.insert((device, block), 0);
            let at = Bytes(u64::from(block) * len.0);
            Some(Event::Erase { device: DeviceId(device), at, len, label: None })
        }
        Step::Wait(device) => Some(Event::flush(DeviceId(device))),
        Step::Begin(op) => Some(Event::Begin { op: OpId(op), text: String::new() }),
        Step::Ack(op, durable) => Some(Event::Ack { op: OpId(op), durable }),
    };
    steps.iter().filter_map(event).collect()
}

/// Chips that have been in use, or not, and what happens to them.
fn traces() -> impl Strategy<Value = (Trace, u32)> {
    let recording =
        (1..=2u16).prop_flat_map(|devices| (steps(devices), steps(devices), Just(devices), 0..=2u32));
    recording.prop_map(|(before, steps, devices, distance)| {
        let paired = if distance == 0 { Pairing::None } else { Pairing::Mlc { distance } };
        let (page, spare) = (Bytes(PAGE as u64 - 4), Bytes(4));
        let geometry =
            NandGeometry { page, spare, pages_per_block: PAGES, blocks: BLOCKS, endurance: 1000, paired };
        let chips: Vec<Device> = (0..devices).map(|_| Device::nand("chip", geometry)).collect();
        let mut base: Vec<Image> = chips.iter().map(|chip| chip.base.clone()).collect();
        let mut next = BTreeMap::new();
        for (index, event) in events(&before, &mut next).iter().enumerate() {
            apply(&mut base, index, event, distance, true);
        }
        let devices = chips.into_iter().zip(base).map(|(chip, base)| Device { base, ..chip }).collect();
        let trace = Trace { devices, events: events(&steps, &mut next) };
        trace.validate().expect("a valid trace");
        (trace, distance)
    })
}

fn flash_profiles() -> impl Strategy<Value = Profile> {
    let mut all: Vec<Profile> = ["flash", "reorder", "prefix", "lying-flush", "garbage"]
        .map(|name| Profile::named(name).expect(name))
        .into();
    all.push(Profile {
        name: "cut-off".into(),
        order: Order::Issued,
        torn: Torn::Garbage,
        ..Profile::default()
    });
    prop::sample::select(all)
}

/// How many operations are in flight at most.
fn in_flight(trace: &Trace) -> usize {
    trace.events.iter().filter(|event| event.range().is_some()).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// FT-26, FT-10: what was cut off is garbage, and takes the page with it that shares its cells.
    #[test]
    fn every_outcome_of_a_chip_is_met_and_every_image_counted(
        (trace, distance) in traces(), profile in flash_profiles(), strategy in complete(), writes in any::<bool>(),
    ) {
        prop_assume!(in_flight(&trace) <= 8);
        let setting = Setting { profile: &profile, distance };
        let (expected, images) = brute_force(&trace, &setting, writes, 1);
        let explored = walk(&trace, &profile, strategy, writes, 1);
        prop_assert_eq!(explored.outcomes.difference(&expected).next(), None);
        prop_assert_eq!(expected.difference(&explored.outcomes).next(), None);
        prop_assert_eq!(&explored.represented, &explored.total);
        let images: Vec<String> = images.iter().map(ToString::to_string).collect();
        prop_assert_eq!(&explored.images_by_epoch, &images);
        prop_assert!(explored.exact);
    }

    #[test]
    fn the_census_of_a_chip_counts_every_image_once((trace, distance) in traces(), profile in flash_profiles()) {
        prop_assume!(in_flight(&trace) <= 8);
        let setting = Setting { profile: &profile, distance };
        let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
        let left = crash_images(&base, &Half::new(), &trace.events, &setting).into_iter();
        let images = left.map(|(_, _, images, _)| images);
        let all: BTreeSet<Vec<Vec<u8>>> =
            images.map(|images| images.iter().map(Image::to_vec).collect()).collect();
        let Count { value, exact } = census(&trace, &profile).crash_states;
        let all = all.len().into();
        prop_assert!(value == all || (!exact && value > all), "counted {value}, exact: {exact}, but there are {all}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn later_lives_of_a_chip_meet_what_brute_force_meets(
        (trace, distance) in traces(), profile in flash_profiles(), strategy in complete(), lives in 2..=3u8,
    ) {
        prop_assume!(in_flight(&trace) <= 4);
        let setting = Setting { profile: &profile, distance };
        let (expected, _) = brute_force(&trace, &setting, true, lives);
        let explored = walk(&trace, &profile, strategy, true, lives);
        prop_assert_eq!(explored.outcomes.difference(&expected).next(), None);
        prop_assert_eq!(expected.difference(&explored.outcomes).next(), None);
    }
}

/// The images that one flipped bit makes of another; a page that is erased has none.
fn flips(images: &[Image], devices: &[Device]) -> Vec<Vec<Image>> {
    let mut all = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        let geometry = device.chip().expect("a chip").geometry;
        for page in (0..geometry.pages()).map(PageNo) {
            let (at, mut bytes) = (geometry.page_at(page), [0; PAGE]);
            images[index].read(at, &mut bytes);
            for outcome in [1, 2] {
                let (bit, mut flipped) = (flipped_bit(&geometry, page, outcome) as usize, bytes);
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut images = images.to_vec();
                if bytes != [0xFF; PAGE] {
                    images[index].write(at, &flipped);
                }
                all.push(images);
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// FT-07: every image is met with every page that has a flipped bit, and no more than one of them.
    #[test]
    fn every_image_of_a_chip_is_met_with_every_flipped_bit(
        (trace, distance) in traces(), torn in any::<bool>(), strategy in complete(), writes in any::<bool>(),
    ) {
        prop_assume!(in_flight(&trace) <= 4);
        let mut profile = Profile::named("read-disturb").expect("a built-in profile");
        profile.torn = if torn { Torn::Garbage } else { Torn::OldOrNew };
        let setting = Setting { profile: &profile, distance };
        let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
        let mut expected = Outcomes::new();
        for (_, window, images, half) in crash_images(&base, &Half::new(), &trace.events, &setting) {
            for images in flips(&images, &trace.devices).into_iter().chain([images]) {
                expected.insert((on(&images, half.clone(), &trace.devices, writes).0, window));
            }
        }
        let explored = walk(&trace, &profile, strategy, writes, 1);
        prop_assert_eq!(explored.outcomes.difference(&expected).next(), None);
        prop_assert_eq!(expected.difference(&explored.outcomes).next(), None);
        prop_assert_eq!(&explored.represented, &explored.total);
        let images = brute_force(&trace, &setting, false, 1).1;
        let flags = 1 + 2 * trace.devices.len() * (BLOCKS * PAGES) as usize;
        let images: Vec<String> = images.iter().map(|images| (images * flags).to_string()).collect();
        prop_assert_eq!(&explored.images_by_epoch, &images);
    }
}

/// n operations on one erase block have 2n + 1 outcomes; on different ones, the product.
#[test]
fn ft_26_operations_on_one_erase_block_keep_their_order_and_others_are_independent() {
    let totals = |blocks: [u32; 3]| {
        let steps: Vec<Step> =
            (0u8..).zip(blocks).map(|(fill, block)| Step::Program(0, block, fill)).collect();
        let (page, spare, paired) = (Bytes(PAGE as u64 - 4), Bytes(4), Pairing::None);
        let geometry =
            NandGeometry { page, spare, pages_per_block: PAGES, blocks: BLOCKS, endurance: 9, paired };
        let trace = Trace {
            devices: vec![Device::nand("chip", geometry)],
            events: events(&steps, &mut BTreeMap::new()),
        };
        let total = |name| census(&trace, &Profile::named(name).expect(name)).crash_states.value.to_string();
        [total("flash"), total("reorder"), total("prefix")]
    };
    assert_eq!(totals([0, 0, 0]), ["7", "4", "4"]);
    assert_eq!(totals([0, 1, 0]), ["15", "6", "4"]);
}
