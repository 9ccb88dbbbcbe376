//! Devices that fail as well as the power: a mirror of two, and what it takes for it to be one.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Ack, Bytes, Device, DeviceId, Disk, Profile, ReplayId, Result, System, explore};

/// A number on two devices.
#[derive(Clone, Copy)]
struct Mirror {
    /// Whether opening it makes both copies equal again.
    resyncs: bool,
    /// Whether a copy that cannot be read is made up for by the other.
    falls_back: bool,
}

const CORRECT: Mirror = Mirror { resyncs: true, falls_back: true };

const COPIES: [DeviceId; 2] = [DeviceId(0), DeviceId(1)];

impl Mirror {
    fn read(self, disk: &Disk) -> Result<u8> {
        let mut number = [0; 512];
        for copy in COPIES {
            match disk.device(copy).read(Bytes::ZERO, &mut number) {
                Ok(()) => return Ok(number[0]),
                Err(error) if !self.falls_back => return Err(error.into()),
                Err(_) => {}
            }
        }
        Err("neither copy can be read".into())
    }

    /// Writes to every copy that is left.
    fn write(disk: &Disk, number: u8) -> Result<()> {
        let written = COPIES.map(|copy| disk.device(copy).write(Bytes::ZERO, &[number; 512]));
        if written.iter().all(std::result::Result::is_err) {
            return Err("neither copy can be written".into());
        }
        Ok(())
    }
}

impl System for Mirror {
    type Op = u8;
    type Live = Disk;
    type View = u8;

    fn devices(&self) -> Vec<Device> {
        ["left", "right"].map(|name| Device::zeroed(name, Bytes(512), Bytes(512))).into()
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        if self.resyncs {
            Mirror::write(&disk, self.read(&disk)?)?;
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        Mirror::write(disk, *number)?;
        for copy in COPIES {
            disk.device(copy).flush()?;
        }
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<u8> {
        self.read(disk)
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

fn under(profile: &str, mirror: Mirror) -> Exploration {
    let profile = Profile::named(profile).expect("a built-in profile");
    explore(mirror).profile(profile).workload([1, 2]).run().expect("runs without a crash")
}

fn assert_complete(exploration: &Exploration) {
    assert_eq!(exploration.verdict, Verdict::Survived, "{:?}", exploration.findings);
    assert_eq!(exploration.coverage.represented, exploration.coverage.total);
}

#[test]
fn a_mirror_that_makes_its_copies_equal_loses_nothing_with_one_of_them() {
    for profile in ["reorder", "member-loss", "member-loss-at-crash", "sector-error"] {
        assert_complete(&under(profile, CORRECT));
    }
    let judged = under("member-loss", CORRECT).judged;
    let redundant = judged.iter().find(|judged| judged.promise == "redundant").expect("is judged");
    assert!(redundant.times > 0);
}

/// RD-21: without a resync the copies differ after a crash, and what is read depends on which one is left.
#[test]
fn copies_that_differ_after_a_crash_are_found_by_the_loss_of_one() {
    let mirror = Mirror { resyncs: false, ..CORRECT };
    assert_complete(&under("reorder", mirror));
    let exploration = under("member-loss", mirror);
    assert_eq!(exploration.verdict, Verdict::Lost);
    let finding = &exploration.findings[0];
    assert_eq!(finding.promise, "redundant");
    assert!(finding.state.contains("left failed"), "{}", finding.state);
    let id: ReplayId = finding.id.parse().expect("a replay id");
    let profile = Profile::named("member-loss").expect("built in");
    let again = |mirror| {
        let with_workload = explore(mirror).profile(profile.clone()).workload([1, 2]);
        with_workload.replay(&id).expect("runs without a crash")
    };
    assert_eq!(again(mirror).finding.map(|finding| finding.promise), Some("redundant".to_owned()));
    assert!(again(CORRECT).finding.is_none());
}

#[test]
fn a_copy_that_is_gone_or_cannot_be_read_is_found_where_nothing_makes_up_for_it() {
    let mirror = Mirror { falls_back: false, ..CORRECT };
    let promises = |profile| {
        let exploration = under(profile, mirror);
        assert_eq!(exploration.verdict, Verdict::Lost, "{profile}");
        exploration.findings.into_iter().map(|finding| (finding.promise, finding.state)).next()
    };
    let (promise, state) = promises("sector-error").expect("a finding");
    assert_eq!(promise, "recovers");
    assert!(state.contains("block 0 of left cannot be read"), "{state}");
    assert_eq!(promises("member-loss-at-crash").expect("a finding").0, "recovers");
    assert_eq!(promises("member-loss").expect("a finding").0, "redundant");
}

/// Of every state there are as many as there are faults, and one without: a fault never noticed is never decided.
#[test]
fn faults_multiply_the_states_and_not_the_recoveries() {
    let plain = under("reorder", CORRECT).coverage;
    let with_loss = under("member-loss", CORRECT).coverage;
    let (plain, with_loss): (u64, u64) =
        (plain.total.parse().expect("a number"), with_loss.total.parse().expect("a number"));
    assert_eq!(with_loss, 3 * plain);
}

#[test]
fn the_only_device_does_not_fail() {
    struct Single;
    impl System for Single {
        type Op = u8;
        type Live = Disk;
        type View = u8;

        fn open(&self, disk: Disk) -> Result<Disk> {
            Ok(disk)
        }

        fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
            disk.write(Bytes::ZERO, &[*number; 512])?;
            Ok(Ack::Volatile)
        }

        fn view(&self, disk: &mut Disk) -> Result<u8> {
            let mut number = [0; 512];
            disk.read(Bytes::ZERO, &mut number)?;
            Ok(number[0])
        }

        fn model(&self, view: &mut u8, number: &u8) {
            *view = *number;
        }
    }
    let profile = Profile::named("member-loss").expect("built in");
    let exploration = explore(Single).profile(profile).workload([1]).run().expect("runs");
    assert_complete(&exploration);
    assert!(exploration.judged.iter().all(|judged| judged.promise != "redundant"));
}
