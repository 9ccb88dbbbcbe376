//! The devices of a crash state that is looked at again: as recovery found them, and as it left them.

use crashcheck::outcome::Finding;
use crashcheck::trace::{Event, Image};
use crashcheck::{Ack, Bytes, Crash, Disk, Result, System, WithWorkload, explore};

/// A number with a log of one entry. Recovery brings the number from the log to its place, and empties the log.
#[derive(Clone, Copy)]
struct Number {
    /// Whether recovery waits for the number before it empties the log.
    in_order: bool,
    /// Whether the log is waited for before an operation is acknowledged.
    durable: bool,
}

const PLACE: Bytes = Bytes(0);
const LOG: Bytes = Bytes(4096);
/// Nobody reads it.
const NOISE: Bytes = Bytes(8192);

fn read(disk: &Disk, at: Bytes) -> Result<u8> {
    let mut byte = [0];
    disk.read(at, &mut byte)?;
    Ok(byte[0])
}

impl System for Number {
    type Op = u8;
    type Live = Disk;
    type View = u8;

    fn open(&self, disk: Disk) -> Result<Disk> {
        let logged = read(&disk, LOG)?;
        if logged > 0 {
            disk.labelled("number").write(PLACE, &[logged])?;
            if self.in_order {
                disk.flush()?;
            }
            disk.labelled("empty log").write(LOG, &[0])?;
            disk.flush()?;
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        disk.write(NOISE, &[*number])?;
        disk.labelled("log").write(LOG, &[*number])?;
        if self.durable {
            disk.flush()?;
        }
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<u8> {
        let logged = read(disk, LOG)?;
        Ok(if logged > 0 { logged } else { read(disk, PLACE)? })
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

fn workload(number: Number) -> WithWorkload<Number> {
    explore(number).jobs(1).without_regressions().workload([7])
}

/// The finding of a workload, and its crash state.
fn replayed(number: Number) -> (Finding, Crash) {
    let workload = workload(number);
    let exploration = workload.run().expect("it works without a crash");
    let finding = exploration.findings.first().expect("a finding").clone();
    let again = workload.replay(&finding.id.parse().expect("an id")).expect("it works without a crash");
    let same = again.finding.expect("the same finding");
    assert_eq!(same.fingerprint, finding.fingerprint, "{same}\n{finding}");
    (finding, *again.crash.expect("a crash state"))
}

/// The number in its place, and that in the log.
fn held(image: &Image) -> (u8, u8) {
    let bytes = image.to_vec();
    (bytes[PLACE.0 as usize], bytes[LOG.0 as usize])
}

#[test]
fn the_devices_are_those_that_recovery_finds_and_leaves() {
    let (finding, crash) = replayed(Number { in_order: true, durable: false });
    assert!(finding.lives.is_empty() && finding.state == "nothing in flight persisted", "{finding}");
    assert_eq!(held(&crash.devices[0]), (0, 0));
    assert_eq!(crash.devices[0].to_vec()[NOISE.0 as usize], 0, "what nobody reads is as the state is told");
    // The same state of a system whose write survives.
    let survives = workload(Number { in_order: true, durable: true });
    let end = "number:workload/reorder/e1/p5/00000000/-".parse().expect("an id");
    let crash = survives.replay(&end).expect("it works without a crash").crash.expect("a crash state");
    assert_eq!(held(&crash.devices[0]), (0, 7));
    assert_eq!(held(&crash.recovered.expect("recovery comes to its end")[0]), (7, 0));
}

#[test]
fn after_several_crashes_they_are_those_of_the_last() {
    let (finding, crash) = replayed(Number { in_order: false, durable: true });
    let [life] = &finding.lives[..] else { panic!("it takes a crash of recovery: {finding}") };
    assert!(life.state.contains("(number, 1 B at 0 B) lost"), "{finding}");
    assert_eq!(
        held(&crash.trace.devices[0].base),
        (0, 7),
        "the last life begins with what the first has left"
    );
    assert_eq!(held(&crash.devices[0]), (0, 0));
    assert_eq!(held(&crash.recovered.expect("recovery comes to its end")[0]), (0, 0));
    let [Event::Write { label: first, .. }, Event::Write { .. }, .., Event::Mark { text }] =
        &crash.trace.events[..]
    else {
        panic!("{:?}", crash.trace.events)
    };
    assert_eq!(first.as_ref().map(crashcheck::Label::as_str), Some("number"));
    assert_eq!(text, "the power fails");
}

#[test]
fn a_state_that_passes_is_told_as_well() {
    let workload = workload(Number { in_order: true, durable: true });
    let id = "number:workload/reorder/e0/p2/00000000/-".parse().expect("an id");
    let again = workload.replay(&id).expect("it works without a crash");
    let crash = again.crash.expect("a crash state");
    assert!(again.finding.is_none() && crash.exploration.findings.is_empty());
    assert!(crash.state.crash_point.ends_with("during operation 1 (7)"), "{}", crash.state.crash_point);
    assert_eq!(crash.exploration.coverage.recoveries, 1);
    crash.trace.validate().expect("a trace like any other");
}
