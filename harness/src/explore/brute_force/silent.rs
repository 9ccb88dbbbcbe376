//! The walk against brute force where devices go wrong without a word: every image with every corrupt block, every write
//! that was lost and every one that landed next door.

use super::faults::{BLOCK, Board, Met, Search, search, sum};
use super::*;
use crate::media::{Count, census, corrupt};
use crate::profile::Faults;

/// One thing that went wrong.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Nothing,
    /// A block of a device, and in which way.
    Corrupt(usize, u64, u8),
    /// The durable write of this number.
    Lost(usize),
    /// The same, and the device and the place where it landed.
    Landed(usize, usize, Bytes),
}

impl Fault {
    /// The same in every epoch.
    fn named(self, durable: &[Atom]) -> (usize, usize, u64, u8) {
        match self {
            Fault::Nothing => (0, 0, 0, 0),
            Fault::Corrupt(device, block, way) => (1, device, block, way),
            Fault::Lost(nth) => (2, durable[nth].event, 0, 0),
            Fault::Landed(nth, device, at) => (3, durable[nth].event, at.0, device as u8),
        }
    }
}

/// Plain images, and the block that is corrupt until it is written.
struct Plain {
    images: Vec<Image>,
    fault: Fault,
}

impl Board for Plain {
    fn read(&mut self, device: u16, place: u64) -> Option<u64> {
        let mut bytes = [0; BLOCK as usize];
        self.images[usize::from(device)].read(Bytes(place * BLOCK), &mut bytes);
        if let Fault::Corrupt(on, block, way) = self.fault
            && (on, block) == (usize::from(device), place)
        {
            corrupt(DeviceId(device), block, way, Bytes(BLOCK), Bytes::ZERO, &mut bytes);
        }
        Some(sum(&bytes))
    }

    fn write(&mut self, device: u16, place: u64, fill: u8) {
        self.images[usize::from(device)].write(Bytes(place * BLOCK), &[fill; BLOCK as usize]);
        if matches!(self.fault, Fault::Corrupt(on, block, _) if (on, block) == (usize::from(device), place)) {
            self.fault = Fault::Nothing;
        }
    }

    fn flush(&mut self, _: u16) {}

    fn begin_service(&mut self) {}
}

/// Everything that can go wrong with devices on which this is durable.
pub(super) fn faults(durable: &[Atom], events: &[Event], profile: &Profile) -> Vec<Fault> {
    let Faults { corrupt, lost_write, misdirected, misdirected_device, .. } = profile.faults;
    let mut faults = vec![Fault::Nothing];
    let blocks = (0..2).flat_map(|device| (0..GRAINS * GRAIN / BLOCK).map(move |block| (device, block)));
    for (device, block) in blocks.filter(|_| corrupt) {
        faults.extend((1..=5).map(|way| Fault::Corrupt(device, block, way)));
    }
    // Whether some grain of a range was last written before a write, which would then be seen there.
    let seen = |device: usize, at: Bytes, len: usize, last: &dyn Fn(Option<usize>) -> bool| {
        let grains = (at.0..at.0 + len as u64).step_by(GRAIN as usize);
        grains.into_iter().any(|grain| {
            let here = |atom: &Atom| {
                atom.device == device && atom.at.0 <= grain && grain < atom.at.0 + atom.data.len() as u64
            };
            last(durable.iter().filter(|other| here(other)).map(|other| other.event).max())
        })
    };
    for (nth, atom) in durable.iter().enumerate() {
        let Atom { device, at, event, .. } = *atom;
        let len = atom.data.len();
        if matches!(events[atom.event], Event::Discard { .. }) {
            continue;
        }
        let missed = seen(device, at, len, &|last| last == Some(event));
        if lost_write && missed {
            faults.push(Fault::Lost(nth));
        }
        let shift = (len as u64).next_multiple_of(BLOCK);
        let beside = [at.0.checked_add(shift), at.0.checked_sub(shift)].into_iter().flatten();
        let beside = beside.filter(|_| misdirected).map(|at| (device, at));
        for (on, landed) in beside.chain(misdirected_device.then_some((1 - device, at.0))) {
            let fits = landed + len as u64 <= GRAINS * GRAIN;
            if fits && (missed || seen(on, Bytes(landed), len, &|last| last < Some(event))) {
                faults.push(Fault::Landed(nth, on, Bytes(landed)));
            }
        }
    }
    faults
}

/// The devices after all of that was written in the order of issue, with one fault.
pub(super) fn images(
    base: &[Image],
    durable: &[Atom],
    written: &[(&Atom, Fate)],
    fault: Fault,
) -> Vec<Image> {
    let mut images = base.to_vec();
    let mut written: Vec<&Atom> = written.iter().map(|(atom, _)| *atom).collect();
    written.sort_by_key(|atom| atom.event);
    for atom in written {
        let is = |nth: usize| std::ptr::eq(atom, &raw const durable[nth]);
        let (device, at) = match fault {
            Fault::Lost(nth) if is(nth) => continue,
            Fault::Landed(nth, on, at) if is(nth) => (on, at),
            _ => (atom.device, atom.at),
        };
        images[device].write(at, &atom.data);
    }
    images
}

fn silent_profiles() -> impl Strategy<Value = Profile> {
    let kinds = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    kinds.prop_map(|(corrupt, lost_write, misdirected, misdirected_device, in_order)| {
        let order = if in_order { Order::Issued } else { Order::Any };
        let faults = Faults { corrupt, lost_write, misdirected, misdirected_device, ..Faults::default() };
        Profile { name: "silent".into(), order, faults, ..Profile::default() }
    })
}

/// A write with FUA over one that is in flight is as good as none here: what it would show if it was lost is not settled.
pub(super) fn without_fua(mut events: Vec<Event>) -> Vec<Event> {
    for event in &mut events {
        if let Event::Write { fua, .. } = event {
            *fua = None;
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_image_is_met_with_every_silent_fault(
        events in events(2, false, true).prop_map(without_fua), profile in silent_profiles(),
        strategy in complete(), jobs in 1..=2usize,
    ) {
        let device = || Device::zeroed("disk", Bytes(BLOCK), Bytes(GRAIN * GRAINS));
        let trace = Trace { devices: vec![device(), device()], events };
        prop_assume!(is_small(&trace, &profile));
        // Where nothing overtakes, what changes nothing is no step.
        let is_zero = |event: &Event| matches!(event, Event::Discard { .. } | Event::WriteZeroes { .. });
        prop_assume!(profile.order == Order::Any || !trace.events.iter().any(is_zero));
        let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
        let mut expected = Met::new();
        let mut by_epoch: Vec<(BTreeSet<Vec<Vec<u8>>>, usize)> = Vec::new();
        let mut different = BTreeSet::new();
        crashes(&trace.events, &profile, &mut |Moment { epoch, window, .. }, durable, written| {
            let faults = faults(durable, &trace.events, &profile);
            by_epoch.resize(by_epoch.len().max(epoch + 1), (BTreeSet::new(), 0));
            let whole = images(&base, durable, written, Fault::Nothing);
            let whole: Vec<Vec<u8>> = whole.iter().map(Image::to_vec).collect();
            different.extend(faults.iter().map(|fault| (whole.clone(), fault.named(durable))));
            by_epoch[epoch].0.insert(whole);
            by_epoch[epoch].1 = faults.len();
            for fault in faults {
                let mut plain = Plain { images: images(&base, durable, written, fault), fault };
                expected.insert((search(&mut plain), window));
            }
        });
        let Count { value, exact } = census(&trace, &profile).crash_states;
        let (counted, different) = (value.to_string().parse::<usize>().expect("a number"), different.len());
        prop_assert!(counted == different || (!exact && counted > different), "{counted}, {different}");
        let met = Arc::new(Mutex::new(Met::new()));
        let options = Options { profile: profile.clone(), strategy: strategy.into(), jobs, budget: Budget::unlimited(), ..Options::default() };
        let context = Context::new(Search { met: Arc::clone(&met) }, Naming::default(), Arc::new(trace), &options);
        let context = Arc::new(context);
        let totals: Vec<String> = context.timeline.totals().map(|total| total.to_string()).collect();
        let stop = AtomicBool::new(false);
        let explored = crate::tasks::explored(&context, &options, &stop, |_| ());
        prop_assert_eq!(&*met.lock().expect("no panic"), &expected);
        prop_assert_eq!(&explored.coverage.represented, &explored.coverage.total);
        for (total, (images, faults)) in totals.iter().zip(by_epoch) {
            let (total, counted): (usize, usize) = (total.parse().expect("a number"), images.len() * faults);
            prop_assert!(total == counted || (!explored.coverage.exact && total > counted), "{total}, {counted}");
        }
    }
}
