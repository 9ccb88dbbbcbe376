//! A promise that is broken after recovery has shown something shows what should be beside what is, like any other.

use crashcheck::outcome::{Difference, Finding};
use crashcheck::{Ack, Bytes, Device, DeviceId, Disk, Profile, Result, System, explore};

const BLOCK: usize = 512;

/// A number on every device, of which the last that can be read counts.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    /// Recovery leaves something else than it shows.
    ChangesIt,
    /// After a crash it forgets what it is told.
    Forgets,
    /// After a crash it takes nothing.
    Refuses,
    /// Two copies, which are not made equal after a crash.
    Copies,
}

struct Live {
    disk: Disk,
    shown: u8,
    was_used: bool,
}

impl Number {
    fn copies(self) -> Vec<DeviceId> {
        (0..if self == Number::Copies { 2 } else { 1 }).map(DeviceId).collect()
    }

    fn read(self, disk: &Disk) -> Result<u8> {
        let mut block = [0; BLOCK];
        let read = |copy: DeviceId| disk.device(copy).read(Bytes::ZERO, &mut block).is_ok();
        if self.copies().into_iter().any(read) { Ok(block[0]) } else { Err("no copy is left".into()) }
    }

    fn write(self, disk: &Disk, number: u8) -> Result<()> {
        for copy in self.copies() {
            let disk = disk.device(copy);
            let _ = disk.write(Bytes::ZERO, &[number; BLOCK]).and_then(|()| disk.flush());
        }
        Ok(())
    }
}

impl System for Number {
    type Op = u8;
    type Live = Live;
    type View = u8;

    fn devices(&self) -> Vec<Device> {
        let device = |copy: DeviceId| Device::zeroed(&format!("d{}", copy.0), Bytes(512), Bytes(512));
        self.copies().into_iter().map(device).collect()
    }

    fn open(&self, disk: Disk) -> Result<Live> {
        let shown = self.read(&disk)?;
        if *self == Number::ChangesIt && (1..10).contains(&shown) {
            self.write(&disk, 10 + shown)?;
        }
        Ok(Live { disk, shown, was_used: shown > 0 })
    }

    fn apply(&self, live: &mut Live, number: &u8) -> Result<Ack> {
        match self {
            Number::Refuses if live.was_used => return Ok(Ack::Refused),
            Number::Forgets if live.was_used => return Ok(Ack::Durable),
            Number::ChangesIt | Number::Forgets | Number::Refuses | Number::Copies => {}
        }
        self.write(&live.disk, *number)?;
        live.shown = *number;
        Ok(Ack::Durable)
    }

    fn view(&self, live: &mut Live) -> Result<u8> {
        if *self == Number::Copies { self.read(&live.disk) } else { Ok(live.shown) }
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }

    fn probe(&self, _: &u8) -> Vec<u8> {
        if *self == Number::Copies { Vec::new() } else { vec![9] }
    }
}

/// The finding of a promise, with what is beside what and where that comes from.
fn found(system: Number, profile: &str, promise: &str) -> (Vec<Difference>, Option<String>) {
    let profile = Profile::named(profile).expect("built in");
    let explored = explore(system).profile(profile).workload([1, 2]).run().expect("runs without a crash");
    let is_it = |finding: &Finding| finding.promise == promise;
    let finding = explored.findings.into_iter().find(is_it).expect("a finding of this promise");
    (finding.differences, finding.compared_with)
}

fn told(what: &str, expected: &str, recovered: &str, with: &str) -> (Vec<Difference>, Option<String>) {
    let [expected, recovered] = [expected, recovered].map(|text| Some(text.to_owned()));
    (vec![Difference { what: what.to_owned(), expected, recovered }], Some(with.to_owned()))
}

#[test]
fn a_second_recovery_is_told_beside_the_first() {
    let first = "what the first recovery shows";
    assert_eq!(found(Number::ChangesIt, "reorder", "idempotent"), told("line 1", "1", "11", first));
}

#[test]
fn what_is_seen_after_operations_is_told_beside_what_the_model_says() {
    let model = "what the model says after what was done since recovery";
    assert_eq!(found(Number::Forgets, "reorder", "usable"), told("line 1", "9", "1", model));
    assert_eq!(found(Number::Refuses, "reorder", "usable"), told("9", "done", "refused", model));
}

#[test]
fn what_is_seen_after_a_fault_is_told_beside_what_was_seen_before() {
    let before = "what it showed before a device failed";
    assert_eq!(found(Number::Copies, "member-loss", "redundant"), told("line 1", "1", "0", before));
}
