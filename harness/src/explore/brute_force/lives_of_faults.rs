//! Later lives against brute force where devices fail or go wrong: a fault that nobody has met in one life is met in the
//! next, what a life has written over it is as good as new as long as that survives, and no power fails on top of a device
//! that failed in service.

use super::faults::{self, BLOCK, Board, Engine, Met, fault_sets, sum};
use super::silent;
use super::*;
use crate::media::corrupt;
use crate::profile::{Faults, When};

/// A recovery that lets what it finds decide where it looks and writes next, and goes on in service.
struct Work {
    met: Arc<Mutex<Met>>,
}

fn work(board: &mut dyn Board) -> Vec<Option<u64>> {
    let place = |at: u64| ((at % 2) as u16, at / 2 % (GRAINS / 2));
    // Where it goes depends on how often it has been here.
    let first = board.read(0, 0);
    let (mut shown, mut at) = (vec![first], first.unwrap_or(5) % 89);
    board.write(0, 0, (at % 120) as u8 * 2 + 1);
    for step in 0..4u8 {
        if step == 2 {
            board.begin_service();
        }
        let (device, block) = place(at);
        let found = board.read(device, block);
        shown.push(found);
        at = at * 5 + found.unwrap_or(3) % 97 + 1;
        if step < 3 {
            let (device, block) = place(at);
            board.write(device, block, 9 + 2 * step);
        }
        if at.is_multiple_of(3) {
            board.flush((at / 3 % 2) as u16);
        }
    }
    shown
}

impl Instance for Work {
    fn live(&self, disk: &Disk) -> Lived {
        let shown = work(&mut Engine::new(disk));
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        let recovered = Recovered { shown: Ok(super::super::Shown::new(shown)), after: Ok(()), kind };
        Lived { recovered, past: Some(Past::new(())) }
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

/// What is wrong with a device or a block of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Lost(u16),
    Unreadable(u16, u64),
    Corrupt(u16, u64, u8),
}

impl Wrong {
    fn of_set(set: &[faults::Fault]) -> Vec<Wrong> {
        let wrong = |fault: &faults::Fault| match *fault {
            faults::Fault::Nothing => None,
            faults::Fault::Lost(device) => Some(Wrong::Lost(device)),
            faults::Fault::Unreadable(device, block) => Some(Wrong::Unreadable(device, block)),
        };
        set.iter().filter_map(wrong).collect()
    }

    /// What is wrong with the images that a silent fault has left.
    fn of_silent(fault: silent::Fault) -> Vec<Wrong> {
        match fault {
            silent::Fault::Corrupt(device, block, way) => vec![Wrong::Corrupt(device as u16, block, way)],
            silent::Fault::Nothing | silent::Fault::Lost(_) | silent::Fault::Landed(..) => Vec::new(),
        }
    }
}

/// Plain images and what is wrong with them, as a life finds them and changes them.
#[derive(Clone)]
struct Plain {
    images: Vec<Image>,
    wrong: Vec<Wrong>,
    when: When,
    in_service: bool,
    /// A device has failed in service.
    failed: bool,
    events: Vec<Event>,
}

impl Plain {
    fn new(images: Vec<Image>, wrong: Vec<Wrong>, when: When) -> Plain {
        Plain { images, wrong, when, in_service: false, failed: false, events: Vec::new() }
    }

    fn is_lost(&mut self, device: u16) -> bool {
        let may = self.when == When::AtCrash || self.in_service;
        let lost = may && self.wrong.contains(&Wrong::Lost(device));
        self.failed |= lost && self.when == When::InService;
        lost
    }

    /// What is written reaches the medium.
    fn keep(&mut self, device: u16, at: Bytes, data: &[u8]) {
        self.images[usize::from(device)].write(at, data);
        let block = (device, at.0 / BLOCK);
        self.wrong.retain(|wrong| match *wrong {
            Wrong::Lost(_) => true,
            Wrong::Unreadable(device, nth) | Wrong::Corrupt(device, nth, _) => (device, nth) != block,
        });
    }
}

impl Board for Plain {
    fn read(&mut self, device: u16, place: u64) -> Option<u64> {
        if self.is_lost(device) || self.wrong.contains(&Wrong::Unreadable(device, place)) {
            return None;
        }
        let mut bytes = [0; BLOCK as usize];
        self.images[usize::from(device)].read(Bytes(place * BLOCK), &mut bytes);
        for wrong in &self.wrong {
            if let Wrong::Corrupt(on, block, way) = *wrong
                && (on, block) == (device, place)
            {
                corrupt(DeviceId(device), block, way, Bytes(BLOCK), Bytes::ZERO, &mut bytes);
            }
        }
        Some(sum(&bytes))
    }

    fn write(&mut self, device: u16, place: u64, fill: u8) {
        if !self.is_lost(device) {
            let (at, data) = (Bytes(place * BLOCK), [fill; BLOCK as usize]);
            self.keep(device, at, &data);
            let (device, data) = (DeviceId(device), Payload::from(&data[..]));
            self.events.push(Event::Write { device, at, data, fua: None, label: None });
        }
    }

    fn flush(&mut self, device: u16) {
        if !self.is_lost(device) {
            self.events.push(Event::flush(DeviceId(device)));
        }
    }

    fn begin_service(&mut self) {
        self.in_service = true;
    }
}

/// Every crash of the recorded workload with everything that can be wrong then.
fn first_crashes(trace: &Trace, profile: &Profile) -> Vec<(Window, Plain)> {
    let Faults { device_lost: when, .. } = profile.faults;
    let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
    let sets = fault_sets(&profile.faults);
    let mut found = Vec::new();
    crashes(&trace.events, profile, &mut |Moment { window, .. }, durable, written| {
        let whole = silent::images(&base, durable, written, silent::Fault::Nothing);
        let sets = sets.iter().map(|set| Plain::new(whole.clone(), Wrong::of_set(set), when));
        found.extend(sets.map(|plain| (window, plain)));
        for fault in silent::faults(durable, &trace.events, profile) {
            let images = silent::images(&base, durable, written, fault);
            found.push((window, Plain::new(images, Wrong::of_silent(fault), when)));
        }
    });
    found
}

fn brute_force(trace: &Trace, profile: &Profile, lives: u8) -> Met {
    let first = first_crashes(trace, profile).into_iter();
    let mut open: Vec<_> = first.map(|(window, plain)| (window, plain, 1)).collect();
    let (mut met, mut known) = (Met::new(), BTreeSet::new());
    while let Some((window, start, life)) = open.pop() {
        let images: Vec<Vec<u8>> = start.images.iter().map(Image::to_vec).collect();
        if !known.insert((window, images, start.wrong.clone(), life)) {
            continue;
        }
        let mut lived = start.clone();
        met.insert((work(&mut lived), window));
        if life < lives && !lived.failed {
            crashes(&lived.events, profile, &mut |_, _, written| {
                let mut next = start.clone();
                for (atom, _) in written {
                    next.keep(atom.device as u16, atom.at, &atom.data);
                }
                open.push((window, next, life + 1));
            });
        }
    }
    met
}

fn faulty() -> impl Strategy<Value = Profile> {
    let when = prop::sample::select(vec![When::Never, When::AtCrash, When::InService]);
    let loud = (when, any::<bool>(), 1..=2u32);
    let loud = loud.prop_map(|(device_lost, unreadable, most)| Faults {
        most,
        device_lost,
        unreadable,
        ..Faults::default()
    });
    let when = prop::sample::select(vec![When::Never, When::AtCrash, When::InService]);
    let all = (when, any::<[bool; 5]>());
    let all =
        all.prop_map(|(device_lost, [unreadable, corrupt, lost_write, misdirected, misdirected_device])| {
            Faults {
                device_lost,
                unreadable,
                corrupt,
                lost_write,
                misdirected,
                misdirected_device,
                ..Faults::default()
            }
        });
    let faults = prop_oneof![loud, all];
    faults.prop_map(|faults| Profile { name: "faulty".into(), faults, ..Profile::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn later_lives_meet_every_fault_that_brute_force_meets(
        events in events(2, false, true).prop_map(silent::without_fua), profile in faulty(),
        strategy in complete(), lives in 2..=3u8, jobs in 1..=2usize,
    ) {
        let device = || Device::zeroed("disk", Bytes(BLOCK), Bytes(GRAIN * GRAINS));
        let trace = Trace { devices: vec![device(), device()], events };
        prop_assume!(is_small(&trace, &profile) && trace.events.len() <= 5);
        let expected = brute_force(&trace, &profile, lives);
        let met = Arc::new(Mutex::new(Met::new()));
        let budget = Budget::unlimited();
        let options = Options { profile: profile.clone(), strategy: strategy.into(), lives, jobs, budget, ..Options::default() };
        let context = Context::new(Work { met: Arc::clone(&met) }, Naming::default(), Arc::new(trace), &options);
        let explored = crate::tasks::explored(&Arc::new(context), &options, &AtomicBool::new(false), |_| ());
        prop_assert_eq!(&*met.lock().expect("no panic"), &expected);
        for life in explored.coverage.later {
            prop_assert_eq!((life.complete, &life.represented, life.begun), (true, &life.total, life.lives));
        }
    }
}
