//! A fault of recovery is not told as an order that is missing.

use crashcheck::outcome::{Cause, Finding};
use crashcheck::{Ack, Bytes, Disk, Result, System, explore};

const BLOCK: usize = 512;
const LOG: Bytes = Bytes(0);
const HOME: Bytes = Bytes(512);
const OPENED: Bytes = Bytes(1024);

/// A number with its own place, which is logged first.
#[derive(Clone, Copy, PartialEq)]
enum Logged {
    /// Recovery copies it from the log.
    Correct,
    /// It reads the log, and does not copy it.
    NotCopied,
    /// It does not, and what is logged is shown beside what is there.
    Shown,
    /// Opened once more, it shows something else, whatever it finds.
    AlwaysWrong,
}

struct Live {
    disk: Disk,
    shown: [u8; 2],
}

fn read(disk: &Disk, at: Bytes) -> Result<[u8; BLOCK]> {
    let mut bytes = [0; BLOCK];
    disk.read(at, &mut bytes)?;
    Ok(bytes)
}

impl System for Logged {
    type Op = u8;
    type Live = Live;
    type View = [u8; 2];

    fn open(&self, disk: Disk) -> Result<Live> {
        let log = read(&disk, LOG)?;
        if *self == Logged::Correct && log[0] > 0 {
            disk.write(HOME, &log)?;
            disk.flush()?;
        }
        let home = read(&disk, HOME)?[0];
        let shown = match self {
            Logged::Correct | Logged::NotCopied => [home; 2],
            Logged::Shown => [log[0], home],
            Logged::AlwaysWrong if read(&disk, OPENED)?[0] == 0 => {
                disk.write(OPENED, &[1; BLOCK])?;
                disk.flush()?;
                [0; 2]
            }
            Logged::AlwaysWrong => [99; 2],
        };
        Ok(Live { disk, shown })
    }

    fn apply(&self, live: &mut Live, number: &u8) -> Result<Ack> {
        let block: [u8; BLOCK] = std::array::from_fn(|nth| number.wrapping_add(nth as u8));
        live.disk.labelled("log").write(LOG, &block)?;
        live.disk.flush()?;
        live.disk.labelled("home").write(HOME, &block)?;
        live.shown = [*number; 2];
        Ok(Ack::Durable)
    }

    fn view(&self, live: &mut Live) -> Result<[u8; 2]> {
        Ok(live.shown)
    }

    fn model(&self, view: &mut [u8; 2], number: &u8) {
        *view = [*number; 2];
    }
}

fn findings(system: Logged) -> Vec<Finding> {
    let explorer = explore(system).lives(1).workload([1, 2]);
    explorer.run().expect("runs without a crash").findings
}

fn cause(system: Logged) -> Cause {
    findings(system).remove(0).cause.expect("it is looked for by default")
}

#[test]
fn an_order_that_would_hide_a_fault_of_recovery_is_told_as_that() {
    let Cause { missing, hides, .. } = cause(Logged::NotCopied);
    assert!(!missing.is_empty(), "a flush before the acknowledgement would do");
    let hides = hides.expect("recovery has read what was lost");
    assert!(hides.contains("such an order would hide it") && hides.contains("(log)"), "{hides}");
    assert!(findings(Logged::Correct).is_empty());
}

#[test]
fn what_fails_where_nothing_was_lost_lacks_no_order() {
    let Cause { missing, fix, why, .. } = cause(Logged::Shown);
    assert!(missing.is_empty() && fix.is_none());
    let why = why.expect("there is something to say");
    assert!(why.contains("it fails where nothing was lost that had been issued"), "{why}");
    assert_eq!(cause(Logged::NotCopied).why, None);
}

#[test]
fn what_fails_in_every_crash_state_is_said_to_be_no_matter_of_the_crash() {
    let everywhere = |system| findings(system).iter().map(|finding| finding.everywhere).collect::<Vec<_>>();
    assert!(everywhere(Logged::AlwaysWrong).iter().all(|is_so| *is_so));
    assert!(!everywhere(Logged::AlwaysWrong).is_empty());
    assert!(!everywhere(Logged::NotCopied).is_empty());
    assert!(everywhere(Logged::NotCopied).iter().all(|is_so| !is_so));
}
