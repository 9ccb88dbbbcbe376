//! What is said of the cause of a finding, and of what each flush is good for: against doing it by hand.

use crashcheck::outcome::{Advice, Exploration, Fate, Holds, NO_ORDER, Need, Step, Verdict};
use crashcheck::{Ack, Bytes, Device, DeviceId, Disk, Profile, Result, System, explore};
use std::cell::Cell;
use std::sync::atomic::AtomicBool;

/// A number in two blocks, written over a journal block: journal, flush, blocks, flush, journal cleared.
#[derive(Clone, Copy, Default)]
struct Pair {
    /// The flush that is left out, counted from the first of the workload.
    skips: Option<u32>,
    /// Recovery does not look at the journal.
    ignores_journal: bool,
}

struct Open {
    disk: Disk,
    flushes: Cell<u32>,
}

const JOURNAL: Bytes = Bytes::ZERO;
const BLOCKS: [Bytes; 2] = [Bytes(512), Bytes(1024)];

impl Pair {
    fn flush(self, open: &Open) -> Result<()> {
        let nth = open.flushes.replace(open.flushes.get() + 1);
        if self.skips != Some(nth) {
            open.disk.flush()?;
        }
        Ok(())
    }
}

fn write(disk: &Disk, at: Bytes, number: u8, label: &str) -> Result<()> {
    Ok(disk.labelled(label).write(at, &[number; 512])?)
}

fn read(disk: &Disk, at: Bytes) -> Result<u8> {
    let mut block = [0; 512];
    disk.read(at, &mut block)?;
    Ok(block[0])
}

impl System for Pair {
    type Op = u8;
    type Live = Open;
    type View = [u8; 2];

    fn open(&self, disk: Disk) -> Result<Open> {
        let number = read(&disk, JOURNAL)?;
        if number != 0 && !self.ignores_journal {
            BLOCKS.iter().try_for_each(|at| write(&disk, *at, number, "block"))?;
            disk.flush()?;
        }
        Ok(Open { disk, flushes: Cell::new(0) })
    }

    fn apply(&self, open: &mut Open, number: &u8) -> Result<Ack> {
        write(&open.disk, JOURNAL, *number, "journal")?;
        self.flush(open)?;
        BLOCKS.iter().try_for_each(|at| write(&open.disk, *at, *number, "block"))?;
        self.flush(open)?;
        // What follows is done again by whoever opens it, if it is lost.
        write(&open.disk, JOURNAL, 0, "cleared")?;
        self.flush(open)?;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<[u8; 2]> {
        Ok([read(&open.disk, BLOCKS[0])?, read(&open.disk, BLOCKS[1])?])
    }

    fn model(&self, view: &mut [u8; 2], number: &u8) {
        *view = [*number; 2];
    }
}

fn explored(pair: Pair) -> Exploration {
    explore(pair).workload([1, 2]).run().expect("runs without a crash")
}

fn advised(pair: Pair) -> Advice {
    let advice = explore(pair).workload([1, 2]).advise(&AtomicBool::new(false), |_| ());
    advice.expect("runs without a crash")
}

#[test]
fn a_flush_is_redundant_if_and_only_if_nothing_is_found_when_the_system_leaves_it_out() {
    let advice = advised(Pair::default());
    assert_eq!(advice.exploration.verdict, Verdict::Survived);
    assert_eq!(advice.flushes.len(), 6);
    let (mut needed, mut redundant) = (0, 0);
    for (nth, flush) in (0..).zip(&advice.flushes) {
        let by_hand = explored(Pair { skips: Some(nth), ..Pair::default() });
        assert!(by_hand.coverage.complete);
        match &flush.need {
            Need::Needed { promise, .. } => {
                needed += 1;
                let promises: Vec<&String> =
                    by_hand.findings.iter().map(|finding| &finding.promise).collect();
                assert!(promises.contains(&promise), "{nth}: {promises:?}");
            }
            Need::Redundant { crash_states } => {
                redundant += 1;
                assert!(by_hand.findings.is_empty(), "{nth}: {:?}", by_hand.findings);
                assert_eq!(*crash_states, by_hand.coverage.total, "{nth}");
            }
            Need::Unknown { left_out } => panic!("{nth}: {left_out}"),
        }
    }
    // Otherwise one of the two says nothing.
    assert!(needed > 0 && redundant > 0, "{needed} needed, {redundant} redundant");
}

#[test]
fn the_flush_that_was_left_out_is_the_fix() {
    let mut fixed = 0;
    for nth in 0..6 {
        let exploration = explored(Pair { skips: Some(nth), ..Pair::default() });
        for finding in exploration.findings {
            let cause = finding.cause.expect("it is looked for by default");
            let fix = cause.fix.expect("a flush mends it");
            assert!(fix.clean, "{nth}: {fix}");
            let [flush] = &*fix.flushes else { panic!("{nth}: {fix}") };
            // The flush belongs between what it would have ended and what comes next: by position as by label.
            let expected = ["(block, ", "(cleared, ", "acknowledgement"][nth as usize % 3];
            assert!(format!("({}", flush.before.what).contains(expected), "{nth}: {fix}");
            for order in &cause.missing {
                let enforced =
                    order.before.event < flush.before.event && flush.before.event <= order.after.event;
                assert!(enforced, "{nth}: {order}, but {fix}");
            }
            assert!(!cause.missing.is_empty());
            fixed += 1;
        }
    }
    assert!(fixed > 0);
}

#[test]
fn where_no_order_helps_none_is_claimed() {
    let exploration = explored(Pair { ignores_journal: true, ..Pair::default() });
    assert_eq!(exploration.verdict, Verdict::Lost);
    // Both blocks are in flight together, so that no flush between them could keep one from surviving alone.
    let causes = exploration.findings.into_iter().filter_map(|finding| finding.cause);
    for cause in causes {
        assert_eq!(cause.fix.map(|fix| fix.flushes), None, "{:?}", cause.missing);
    }
}

/// A number in two blocks of one device, with a log on another.
#[derive(Clone, Copy)]
struct Two {
    /// The log is flushed before the blocks are written.
    flushes_log: bool,
}

const LOG: DeviceId = DeviceId(1);

impl System for Two {
    type Op = u8;
    type Live = Disk;
    type View = [u8; 2];

    fn devices(&self) -> Vec<Device> {
        ["disk", "log"].map(|name| Device::zeroed(name, Bytes(512), Bytes(4096))).into()
    }

    fn open(&self, disk: Disk) -> Result<Disk> {
        let number = read(&disk.device(LOG), JOURNAL)?;
        if number != 0 {
            BLOCKS.iter().try_for_each(|at| write(&disk, *at, number, "block"))?;
            disk.flush()?;
        }
        Ok(disk)
    }

    fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
        let log = disk.device(LOG);
        write(&log, JOURNAL, *number, "log")?;
        if self.flushes_log {
            log.flush()?;
        }
        BLOCKS.iter().try_for_each(|at| write(disk, *at, *number, "block"))?;
        disk.flush()?;
        write(&log, JOURNAL, 0, "cleared")?;
        log.flush()?;
        Ok(Ack::Durable)
    }

    fn view(&self, disk: &mut Disk) -> Result<[u8; 2]> {
        Ok([read(disk, BLOCKS[0])?, read(disk, BLOCKS[1])?])
    }

    fn model(&self, view: &mut [u8; 2], number: &u8) {
        *view = [*number; 2];
    }
}

fn two(flushes_log: bool, profile: &str) -> Exploration {
    let profile = Profile::named(profile).expect("a built-in profile");
    let explorer = explore(Two { flushes_log }).profile(profile);
    explorer.workload([1, 2]).run().expect("runs without a crash")
}

#[test]
fn a_flush_of_the_right_device_is_the_fix_or_the_one_write_marked() {
    assert_eq!(two(true, "reorder").verdict, Verdict::Survived);
    let findings = two(false, "reorder").findings;
    assert!(!findings.is_empty());
    for finding in findings {
        let cause = finding.cause.expect("it is looked for by default");
        let fix = cause.fix.expect("a flush mends it");
        assert!(!fix.flushes.is_empty() && fix.clean);
        for flush in &fix.flushes {
            assert_eq!(flush.device, "log");
            assert!(flush.before.what.starts_with("block, "), "{fix}");
        }
        // One write is behind each flush, which may as well be durable in itself.
        assert_eq!(fix.fua.len(), fix.flushes.len(), "{fix}");
        assert!(fix.fua.iter().all(|write| write.what.starts_with("log, ")), "{fix}");
        assert_eq!(fix.fua.len(), cause.missing.len());
        for (order, write) in cause.missing.iter().zip(&fix.fua) {
            assert_eq!(order.before, *write);
            assert!(order.after.what.starts_with("block, "), "{order}");
        }
    }
}

#[test]
fn more_marks_than_flushes_are_not_offered() {
    // What the second flush covers are two blocks.
    let exploration = explored(Pair { skips: Some(1), ..Pair::default() });
    let fixes = exploration.findings.iter().filter_map(|finding| finding.cause.as_ref()?.fix.as_ref());
    let marks: Vec<usize> = fixes.map(|fix| fix.fua.len()).collect();
    assert!(!marks.is_empty() && marks.iter().all(|marks| *marks == 0), "{marks:?}");
}

#[test]
fn where_the_device_ignores_flushes_none_is_a_fix() {
    let exploration = two(true, "lying-flush");
    assert_eq!(exploration.verdict, Verdict::DeviceLies);
    for finding in exploration.findings {
        let cause = finding.cause.expect("it is looked for by default");
        assert!(finding.device_lies && cause.fix.is_none());
        assert!(cause.missing.is_empty() || cause.why.is_some_and(|why| why.contains("ignores flushes")));
    }
}

#[test]
fn no_order_mends_a_write_that_tears() {
    /// Both numbers in one write of two sectors.
    struct Torn;

    impl System for Torn {
        type Op = u8;
        type Live = Disk;
        type View = [u8; 2];

        fn open(&self, disk: Disk) -> Result<Disk> {
            Ok(disk)
        }

        fn apply(&self, disk: &mut Disk, number: &u8) -> Result<Ack> {
            disk.write(Bytes::ZERO, &[*number; 1024])?;
            disk.flush()?;
            Ok(Ack::Durable)
        }

        fn view(&self, disk: &mut Disk) -> Result<[u8; 2]> {
            Ok([read(disk, Bytes::ZERO)?, read(disk, Bytes(512))?])
        }

        fn model(&self, view: &mut [u8; 2], number: &u8) {
            *view = [*number; 2];
        }
    }

    let profile = Profile::named("torn").expect("a built-in profile");
    let exploration = explore(Torn).profile(profile).workload([1, 2]).run().expect("runs without a crash");
    assert_eq!(exploration.verdict, Verdict::Lost);
    for finding in exploration.findings {
        let cause = finding.cause.expect("it is looked for by default");
        assert_eq!((cause.missing.len(), cause.fix.is_some()), (0, false));
        assert_eq!(cause.lines(), [("missing edge", NO_ORDER.to_owned())]);
        let picture = finding.picture.expect("every finding has one");
        assert!(picture.sectors.iter().any(|sector| sector.holds == Holds::Torn), "{:?}", picture.sectors);
    }
}

#[test]
fn a_finding_tells_what_was_promised_and_what_differs() {
    let exploration = explored(Pair { skips: Some(1), ..Pair::default() });
    let finding = exploration.findings.first().expect("a finding");
    let promised: Vec<_> = finding.operations.iter().map(|it| (&*it.text, it.promised)).collect();
    assert_eq!(promised.len(), 2);
    assert_eq!((promised[0].0, promised[1].0), ("1", "2"));
    assert_eq!(finding.operations_skipped, 0);
    let compared = finding.compared_with.as_deref().expect("something was recovered");
    assert!(compared.starts_with("the model after ") && compared.ends_with(" of 2 operations"), "{compared}");
    assert!(!finding.differences.is_empty() && finding.differences.len() <= 21);
    assert!(finding.states != "0");
    let picture = finding.picture.as_ref().expect("every finding has one");
    assert_eq!(picture.events, exploration.events);
    let fates: Vec<Fate> = picture.steps.iter().filter_map(fate).collect();
    assert!(fates.contains(&Fate::Lost) && fates.contains(&Fate::NotIssued), "{fates:?}");
}

fn fate(step: &Step) -> Option<Fate> {
    match step {
        Step::Event(event) => Some(event.fate),
        Step::Gap(_) => None,
    }
}
