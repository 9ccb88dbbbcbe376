//! Later lives that make promises of their own: what recovery had shown, and what was acknowledged since.

use super::super::Shown as Erased;
use super::*;

/// What is judged: what is shown, what the life by which it is judged had shown, and the window of that life's crash.
type Judged = BTreeSet<(Shown, Option<Shown>, Window)>;

/// A recovery as [`Chase`], which goes on with two operations.
struct Serve {
    devices: u64,
    judged: Arc<Mutex<Judged>>,
}

/// Recovers, says that it has, and writes a little, durably or not as what was found has it.
fn serve(disk: &Disk, devices: u64, recovered: impl FnOnce(), note: impl Fn(Event)) -> Shown {
    let shown = chase(disk, devices, true);
    recovered();
    let last = shown.last().map_or(0, |(_, sum)| *sum);
    for op in 0..2u64 {
        let (id, sum) = (OpId(op as u32), last.wrapping_mul(op + 3) | 1);
        note(Event::Begin { op: id, text: String::new() });
        let device = disk.device(DeviceId((sum % devices) as u16));
        let at = Bytes((sum / 5 % GRAINS) * GRAIN);
        device.write(at, &[sum as u8; GRAIN as usize]).expect("within the device");
        let durable = sum % 8 < 3;
        if durable {
            (0..devices).for_each(|nth| disk.device(DeviceId(nth as u16)).flush().expect("power"));
        }
        note(Event::Ack { op: id, durable });
    }
    shown
}

impl Instance for Serve {
    fn live(&self, disk: &Disk) -> Lived {
        let recovered = || disk.note_recovered();
        let shown = serve(&disk.power_on(), self.devices, recovered, |event| disk.note_with(|| event));
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        let past = Some(Past::new(shown.clone()));
        Lived { recovered: Recovered { shown: Ok(Erased::new(shown)), after: Ok(()), kind }, past }
    }

    fn judge(&self, shown: &Erased, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        let past = past.map(|past| past.get::<Shown>().clone());
        self.judged.lock().expect("no panic").insert((shown.get::<Shown>().clone(), past, window));
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

/// What a life shows and does on plain images, and after how many events it had recovered.
fn serve_on(images: &[Image]) -> (Shown, Vec<Event>, usize) {
    let devices: Vec<Device> =
        images.iter().map(|image| Device::block("disk", Bytes(GRAIN), image.clone())).collect();
    let disk = Disk::recording(&devices);
    let mark = || disk.machine().note(Event::Mark { text: String::new() });
    let shown = serve(&disk, images.len() as u64, mark, |event| disk.machine().note(event));
    let events = disk.machine().power_off().expect("a recording").events;
    let recovered = events.iter().position(|event| matches!(event, Event::Mark { .. }));
    (shown, events, recovered.expect("a mark") + 1)
}

fn brute_force(trace: &Trace, profile: &Profile, lives: u8) -> Judged {
    let base: Vec<Image> = trace.devices.iter().map(|device| device.base.clone()).collect();
    let mut judged = Judged::new();
    let first = moments(&base, &trace.events, profile).into_iter();
    let mut open: Vec<_> = first.map(|(moment, images)| (images, 1, (None, moment.window))).collect();
    let mut met = BTreeSet::new();
    while let Some((images, life, (past, window))) = open.pop() {
        let bytes: Vec<Vec<u8>> = images.iter().map(Image::to_vec).collect();
        if !met.insert((bytes, life, past.clone(), window)) {
            continue;
        }
        let (shown, events, recovered) = serve_on(&images);
        judged.insert((shown.clone(), past.clone(), window));
        if life < lives {
            open.extend(moments(&images, &events, profile).into_iter().map(|(moment, images)| {
                let own = (Some(shown.clone()), moment.window);
                let by = if moment.point < recovered { (past.clone(), window) } else { own };
                (images, life + 1, by)
            }));
        }
    }
    judged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn later_lives_are_judged_by_what_was_promised_as_brute_force_judges_them(
        trace in traces(true, true), profile in profiles(), strategy in complete(), lives in 2..=3u8, jobs in 1..=2usize,
    ) {
        prop_assume!(is_small(&trace, &profile) && trace.events.len() <= 4);
        prop_assume!(profile.torn == Torn::OldOrNew);
        let judged = Arc::new(Mutex::new(Judged::new()));
        let instance = Serve { devices: trace.devices.len() as u64, judged: Arc::clone(&judged) };
        let budget = Budget::unlimited();
        let options = Options { profile: profile.clone(), strategy: strategy.into(), lives, jobs, budget, ..Options::default() };
        let shared = Arc::new(trace.clone());
        let context = Arc::new(Context::new(instance, Naming::default(), shared, &options));
        let explored = crate::tasks::explored(&context, &options, &AtomicBool::new(false), |_| ());
        prop_assert_eq!(&*judged.lock().expect("no panic"), &brute_force(&trace, &profile, lives));
        for life in explored.coverage.later {
            prop_assert_eq!((life.complete, &life.represented, life.begun), (true, &life.total, life.lives));
        }
    }
}
