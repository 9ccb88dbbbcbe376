//! A finding says what recovery did: what it read and wrote, and where bytes come from that are wrong.

use crashcheck::outcome::{Finding, Origin, Provenance, Reading, Recovery, Writing, WrongPlace};
use crashcheck::{Ack, Bytes, Disk, Result, System, explore};

const BLOCK: usize = 512;
const COMMIT: Bytes = Bytes(0);
const HOME: Bytes = Bytes(1536);

/// A number with its own place, which recovery copies there from a log.
#[derive(Clone, Copy, PartialEq)]
enum Redo {
    /// The log of the last number need not be durable before it is committed.
    Overtaken,
    /// Recovery gives up the log before it has copied it.
    GivenUp,
}

struct Live {
    disk: Disk,
    /// What is committed, and what is in its own place.
    shown: (u8, u8),
}

/// The logs take turns.
fn log_of(number: u8) -> Bytes {
    Bytes(512 * (1 + u64::from(number % 2)))
}

/// A block that says which it is in each of its bytes.
fn block(number: u8) -> [u8; BLOCK] {
    std::array::from_fn(|nth| if number == 0 { 0 } else { number.wrapping_add(nth as u8) })
}

fn read(disk: &Disk, at: Bytes) -> Result<[u8; BLOCK]> {
    let mut bytes = [0; BLOCK];
    disk.read(at, &mut bytes)?;
    Ok(bytes)
}

impl System for Redo {
    type Op = u8;
    type Live = Live;
    type View = (u8, u8);

    fn open(&self, disk: Disk) -> Result<Live> {
        let mut committed = read(&disk, COMMIT)?[0];
        if committed > 0 {
            let log = read(&disk, log_of(committed))?;
            if *self == Redo::GivenUp {
                disk.labelled("commit").write(COMMIT, &block(0))?;
                disk.flush()?;
                committed = log[0];
            }
            disk.labelled("home").write(HOME, &log)?;
            disk.flush()?;
        }
        let home = read(&disk, HOME)?[0];
        Ok(Live { disk, shown: (if *self == Redo::GivenUp { home } else { committed }, home) })
    }

    fn apply(&self, live: &mut Live, number: &u8) -> Result<Ack> {
        live.disk.labelled("log").write(log_of(*number), &block(*number))?;
        if *self == Redo::GivenUp || *number < 3 {
            live.disk.flush()?;
        }
        live.disk.labelled("commit").write(COMMIT, &[*number; BLOCK])?;
        live.disk.flush()?;
        live.shown = (*number, *number);
        Ok(Ack::Durable)
    }

    fn view(&self, live: &mut Live) -> Result<(u8, u8)> {
        let home = read(&live.disk, HOME)?[0];
        Ok(if home == 0 { live.shown } else { (live.shown.0, home.max(live.shown.1)) })
    }

    fn model(&self, view: &mut (u8, u8), number: &u8) {
        *view = (*number, *number);
    }
}

fn finding(system: Redo) -> Finding {
    let explored = explore(system).workload([1, 2, 3]).run().expect("runs without a crash");
    explored.findings.into_iter().next().expect("a finding")
}

fn origin(life: u8, event: u32, what: &str) -> Origin {
    Origin { life, event: Some(event), what: what.to_owned() }
}

#[test]
fn what_recovery_read_and_wrote_is_told_with_the_writes_it_came_from() {
    let Recovery { life, again, cut, reads, writes, more } = finding(Redo::Overtaken).recoveries.remove(0);
    assert_eq!((life, again, cut, more), (2, false, false, 0));
    let reading = |place: &str, holds, lost| Reading { place: place.to_owned(), open: true, holds, lost };
    let commit = reading("512 B at 0 B", vec![origin(1, 14, "commit")], vec![]);
    let log = reading("512 B at 1 KiB", vec![origin(1, 1, "log")], vec![origin(1, 13, "log")]);
    assert_eq!(reads, [commit, log]);
    let zeros = Origin { life: 1, event: None, what: "zeros, as when the recording began".to_owned() };
    let home = Writing {
        what: "home, 512 B at 1536 B".to_owned(),
        over: vec![zeros],
        same_as: Some(origin(1, 1, "log")),
        changes: Some(true),
    };
    assert_eq!(writes, [home]);
}

#[test]
fn wrong_bytes_are_told_with_the_writes_they_came_from_beside_a_state_that_passes() {
    let Provenance { beside, places, more } = finding(Redo::Overtaken).provenance.expect("bytes differ");
    assert_eq!((&*beside, more), ("a state that passes: everything issued persisted", 0));
    let wrong = WrongPlace {
        place: "512 B at 1536 B".to_owned(),
        holds: origin(2, 0, "home"),
        same_as: Some(origin(1, 1, "log")),
        instead: origin(2, 0, "home"),
        from: 0,
        bytes: 512,
        is: "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 |................|".to_owned(),
        should_be: "03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 |................|".to_owned(),
    };
    assert_eq!(places, [wrong]);
}

#[test]
fn a_recovery_that_a_crash_ends_is_told_up_to_that_and_the_next_one_after_it() {
    let finding = finding(Redo::GivenUp);
    assert_eq!(finding.lives.len(), 1, "{finding}");
    let told: Vec<_> = finding
        .recoveries
        .iter()
        .map(|recovery| {
            let wrote: Vec<&str> = recovery.writes.iter().map(|write| &*write.what).collect();
            (recovery.life, recovery.cut, wrote)
        })
        .collect();
    assert_eq!(told, [(2, true, vec!["commit, 512 B at 0 B"]), (3, false, vec![])]);
    let next = &finding.recoveries[1].reads[0];
    assert_eq!((&next.holds, next.open), (&vec![origin(2, 0, "commit")], true));
}
