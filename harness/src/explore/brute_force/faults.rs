//! The walk against brute force where devices fail as well: every image with every fault.

use super::*;
use crate::profile::{Faults, When};

/// What was met: the contents found, `None` where a device failed.
pub(super) type Met = BTreeSet<(Vec<Option<u64>>, Window)>;

/// A recovery that lets what it finds decide where it looks next, writes once, and goes on in service.
pub(super) struct Search {
    pub(super) met: Arc<Mutex<Met>>,
}

/// What a search does its work on: the devices of the engine, or plain images and a fault.
pub(super) trait Board {
    fn read(&mut self, device: u16, place: u64) -> Option<u64>;
    fn write(&mut self, device: u16, place: u64, fill: u8);
    fn flush(&mut self, device: u16);
    fn begin_service(&mut self);
}

pub(super) fn search(board: &mut dyn Board) -> Vec<Option<u64>> {
    let (mut shown, mut at) = (Vec::new(), 1u64);
    for step in 0..5 {
        if step == 3 {
            board.begin_service();
        }
        let found = board.read((at % 2) as u16, at / 2 % (GRAINS / 2));
        shown.push(found);
        at = at * 5 + found.unwrap_or(3) % 97 + 1;
        if step == 1 {
            board.write((at % 2) as u16, at / 2 % (GRAINS / 2), 9);
        }
    }
    shown
}

/// Both grains of a block.
pub(super) const BLOCK: u64 = 2 * GRAIN;

pub(super) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)) % 1_000_003)
}

/// The engine's devices; the handles of the first power cycle are used throughout.
pub(super) struct Engine(Disk, Disk);

impl Engine {
    /// Turns the power on.
    pub(super) fn new(disk: &Disk) -> Engine {
        Engine(disk.clone(), disk.power_on())
    }
}

impl Board for Engine {
    fn read(&mut self, device: u16, place: u64) -> Option<u64> {
        let mut bytes = [0; BLOCK as usize];
        self.1.device(DeviceId(device)).read(Bytes(place * BLOCK), &mut bytes).ok().map(|()| sum(&bytes))
    }

    fn write(&mut self, device: u16, place: u64, fill: u8) {
        // A device that failed is written to in vain.
        let _ = self.1.device(DeviceId(device)).write(Bytes(place * BLOCK), &[fill; BLOCK as usize]);
    }

    fn flush(&mut self, device: u16) {
        let _ = self.1.device(DeviceId(device)).flush();
    }

    fn begin_service(&mut self) {
        self.0.begin_service();
    }
}

impl Instance for Search {
    fn live(&self, disk: &Disk) -> Lived {
        let shown = search(&mut Engine::new(disk));
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        Lived::last(Recovered { shown: Ok(super::super::Shown::new(shown)), after: Ok(()), kind })
    }

    fn judge(&self, shown: &super::super::Shown, _: Option<&Past>, window: Window) -> Result<(), Violation> {
        let shown = shown.get::<Vec<Option<u64>>>().clone();
        self.met.lock().expect("no panic").insert((shown, window));
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Nothing,
    Lost(u16),
    Unreadable(u16, u64),
}

/// Plain images, and what is wrong with them.
struct Plain {
    images: Vec<Image>,
    faults: Vec<Fault>,
    lost_now: bool,
}

impl Board for Plain {
    fn read(&mut self, device: u16, place: u64) -> Option<u64> {
        let lost = self.lost_now && self.faults.contains(&Fault::Lost(device));
        if lost || self.faults.contains(&Fault::Unreadable(device, place)) {
            return None;
        }
        let mut bytes = [0; BLOCK as usize];
        self.images[usize::from(device)].read(Bytes(place * BLOCK), &mut bytes);
        Some(sum(&bytes))
    }

    fn write(&mut self, device: u16, place: u64, fill: u8) {
        if !(self.lost_now && self.faults.contains(&Fault::Lost(device))) {
            self.images[usize::from(device)].write(Bytes(place * BLOCK), &[fill; BLOCK as usize]);
            self.faults.retain(|fault| *fault != Fault::Unreadable(device, place));
        }
    }

    fn flush(&mut self, _: u16) {}

    fn begin_service(&mut self) {
        self.lost_now = true;
    }
}

/// Every set of faults that a profile allows on two devices.
pub(super) fn fault_sets(faults: &Faults) -> Vec<Vec<Fault>> {
    let lost = [Fault::Lost(0), Fault::Lost(1)].into_iter().filter(|_| faults.device_lost != When::Never);
    let places = (0..2).flat_map(|device| (0..GRAINS / 2).map(move |place| Fault::Unreadable(device, place)));
    let all: Vec<Fault> = lost.chain(places.filter(|_| faults.unreadable)).collect();
    let mut sets = vec![vec![Fault::Nothing]];
    for (nth, fault) in all.iter().enumerate() {
        sets.push(vec![*fault]);
        if faults.most == 2 {
            sets.extend(all[..nth].iter().map(|other| vec![*other, *fault]));
        }
    }
    sets
}

fn fault_profiles() -> impl Strategy<Value = Profile> {
    let when = prop::sample::select(vec![When::Never, When::AtCrash, When::InService]);
    (when, any::<bool>(), 1..=2u32, any::<bool>()).prop_map(|(device_lost, unreadable, most, in_order)| {
        let order = if in_order { Order::Issued } else { Order::Any };
        let faults = Faults { most, device_lost, unreadable, ..Faults::default() };
        Profile { name: "faulty".into(), order, faults, ..Profile::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_image_is_met_with_every_fault(
        events in events(2, true, true), profile in fault_profiles(), strategy in complete(), jobs in 1..=2usize,
    ) {
        let device = || Device::zeroed("disk", Bytes(512), Bytes(GRAIN * GRAINS));
        let trace = Trace { devices: vec![device(), device()], events };
        prop_assume!(is_small(&trace, &profile));
        let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
        let sets = fault_sets(&profile.faults);
        let mut expected = Met::new();
        let mut images_by_epoch: Vec<BTreeSet<Vec<Vec<u8>>>> = Vec::new();
        for (epoch, window, images) in crash_images(&base, &trace.events, &profile) {
            images_by_epoch.resize(images_by_epoch.len().max(epoch + 1), BTreeSet::new());
            images_by_epoch[epoch].insert(images.iter().map(Image::to_vec).collect());
            for faults in &sets {
                let lost_now = profile.faults.device_lost == When::AtCrash;
                let mut plain = Plain { images: images.clone(), faults: faults.clone(), lost_now };
                expected.insert((search(&mut plain), window));
            }
        }
        let met = Arc::new(Mutex::new(Met::new()));
        let options = Options { profile: profile.clone(), strategy: strategy.into(), jobs, budget: Budget::unlimited(), ..Options::default() };
        let instance = Search { met: Arc::clone(&met) };
        let context = Context::new(instance, Naming::default(), Arc::new(trace.clone()), &options);
        let context = Arc::new(context);
        let totals: Vec<String> = context.timeline.totals().map(|total| total.to_string()).collect();
        let stop = AtomicBool::new(false);
        let explored = crate::tasks::explored(&context, &options, &stop, |_| ());
        prop_assert_eq!(&*met.lock().expect("no panic"), &expected);
        prop_assert_eq!(&explored.coverage.represented, &explored.coverage.total);
        for (total, images) in totals.iter().zip(images_by_epoch) {
            let (total, counted): (usize, usize) = (total.parse().expect("a number"), images.len() * sets.len());
            prop_assert!(total == counted || (!explored.coverage.exact && total > counted));
        }
    }
}
