//! Flushes that return an error: what a system does then is recorded, and its crashes are explored like any other.
//!
//! After PostgreSQL in 2018 ("fsyncgate"): a failed fsync was repeated, the second one succeeded, and what the first had lost was
//! acknowledged.

use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{
    Ack, Budget, Bytes, Device, Disk, DiskError, Profile, ReplayId, Result, Shrink, System, explore,
};

const BLOCK: usize = 512;
const BLOCKS: u64 = 3;

/// What is done when a flush returns an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The operation fails, and nothing is written any more.
    GivesUp,
    /// Everything that is not known to be durable is written once more, and flushed; if that fails as well, as above.
    Rewrites,
    /// Goes on as if nothing had happened.
    Ignores,
    /// Flushes once more, and takes that for all.
    FlushesAgain,
    /// Drops what it has in memory, and believes what the device shows.
    BelievesReads,
}

use After::{BelievesReads, FlushesAgain, GivesUp, Ignores, Rewrites};

/// Numbers in blocks: a number goes to the block of its remainder, and what is even is durable when it is done.
#[derive(Clone, Copy)]
struct Numbers {
    after: After,
    /// Whether a number is made durable by a write with force unit access.
    fua: bool,
}

struct Open {
    disk: Disk,
    blocks: [u8; BLOCKS as usize],
    /// What was written since the last flush.
    pending: Vec<u64>,
    read_only: bool,
}

fn at(block: u64) -> Bytes {
    Bytes(block * BLOCK as u64)
}

fn load(disk: &Disk) -> Result<[u8; BLOCKS as usize]> {
    let mut blocks = [0; BLOCKS as usize];
    for block in 0..BLOCKS {
        let mut content = [0; BLOCK];
        disk.read(at(block), &mut content)?;
        blocks[block as usize] = content[0];
    }
    Ok(blocks)
}

impl Open {
    fn write(&mut self, block: u64) -> Result<(), DiskError> {
        self.disk.write(at(block), &[self.blocks[block as usize]; BLOCK])
    }

    fn flush(&mut self, after: After) -> Result<()> {
        let flushed = match (self.disk.flush(), after) {
            (Err(DiskError::FlushFailed { .. }), Ignores) => Ok(()),
            (Err(DiskError::FlushFailed { .. }), FlushesAgain) => self.disk.flush(),
            (Err(DiskError::FlushFailed { .. }), BelievesReads) => {
                self.blocks = load(&self.disk)?;
                self.disk.flush()
            }
            (Err(DiskError::FlushFailed { .. }), Rewrites) => {
                self.pending.clone().into_iter().try_for_each(|block| self.write(block))?;
                self.disk.flush()
            }
            (flushed, _) => flushed,
        };
        self.read_only = flushed.is_err();
        self.pending.clear();
        Ok(flushed?)
    }
}

impl System for Numbers {
    type Op = u8;
    type Live = Open;
    type View = [u8; BLOCKS as usize];

    fn devices(&self) -> Vec<Device> {
        vec![Device::zeroed("disk", Bytes::of(BLOCK), at(BLOCKS))]
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        let blocks = load(&disk)?;
        Ok(Open { disk, blocks, pending: Vec::new(), read_only: false })
    }

    fn apply(&self, open: &mut Open, number: &u8) -> Result<Ack> {
        if open.read_only {
            return Ok(Ack::Refused);
        }
        let block = u64::from(*number) % BLOCKS;
        open.blocks[block as usize] = *number;
        if self.fua {
            let written = open.disk.write_fua(at(block), &[*number; BLOCK]);
            open.read_only = written.is_err() && self.after != Ignores;
            return if open.read_only { Err("not durable".into()) } else { Ok(Ack::Durable) };
        }
        open.write(block)?;
        open.pending.push(block);
        if !number.is_multiple_of(2) {
            return Ok(Ack::Volatile);
        }
        open.flush(self.after)?;
        Ok(Ack::Durable)
    }

    fn view(&self, open: &mut Open) -> Result<Self::View> {
        Ok(open.blocks)
    }

    fn model(&self, view: &mut Self::View, number: &u8) {
        view[usize::from(*number) % BLOCKS as usize] = *number;
    }

    /// Blocks are lost one by one.
    fn judge(
        &self,
        view: &Self::View,
        history: &crashcheck::History<'_, Self>,
    ) -> Result<(), crashcheck::Violation> {
        for block in 0..BLOCKS as usize {
            if !history.allowed().iter().any(|state| state[block] == view[block]) {
                let detail = format!("a block holds what it should not: {}", view[block]);
                return Err(crashcheck::Violation::new("durable", detail));
            }
        }
        Ok(())
    }
}

fn profile() -> Profile {
    Profile::named("flush-error").expect("built in")
}

fn numbers(after: After) -> Numbers {
    Numbers { after, fua: false }
}

const WORKLOAD: [u8; 4] = [1, 2, 3, 4];

fn under(profile: Profile, system: Numbers) -> Exploration {
    explore(system).profile(profile).workload(WORKLOAD).run().expect("runs without a crash")
}

fn assert_survives(exploration: &Exploration) {
    assert_eq!(exploration.verdict, Verdict::Survived, "{:?} {:?}", exploration.reason, exploration.findings);
    assert!(exploration.coverage.complete_in_all());
    assert_eq!(exploration.coverage.represented, exploration.coverage.total);
}

#[test]
fn who_gives_up_or_writes_again_what_may_be_lost_survives() {
    for after in [GivesUp, Rewrites] {
        assert_survives(&under(profile(), numbers(after)));
    }
    assert_survives(&under(profile(), Numbers { after: GivesUp, fua: true }));
}

/// Opening it takes its time, so that the recording with most crash states needs more than an equal share.
#[derive(Clone, Copy)]
struct Slow(Numbers);

impl System for Slow {
    type Op = u8;
    type Live = Open;
    type View = [u8; BLOCKS as usize];

    fn devices(&self) -> Vec<Device> {
        self.0.devices()
    }

    fn open(&self, disk: Disk) -> Result<Open> {
        std::thread::sleep(std::time::Duration::from_millis(20));
        self.0.open(disk)
    }

    fn apply(&self, open: &mut Open, number: &u8) -> Result<Ack> {
        self.0.apply(open, number)
    }

    fn view(&self, open: &mut Open) -> Result<Self::View> {
        self.0.view(open)
    }

    fn model(&self, view: &mut Self::View, number: &u8) {
        self.0.model(view, number);
    }

    fn judge(
        &self,
        view: &Self::View,
        history: &crashcheck::History<'_, Self>,
    ) -> Result<(), crashcheck::Violation> {
        if history.allowed().iter().any(|state| state == view) || view.iter().any(|number| *number > 0) {
            return Ok(());
        }
        Err(crashcheck::Violation::new("durable", "nothing is there"))
    }
}

#[test]
fn time_that_one_recording_leaves_is_for_another_that_needs_more() {
    let walked = |time: f64| {
        let budget = Budget { time: Some(std::time::Duration::from_secs_f64(time)), ..Budget::unlimited() };
        // Where the flush fails nothing more is written.
        let explorer = explore(Slow(numbers(GivesUp))).profile(profile()).lives(1).jobs(1).budget(budget);
        explorer.workload([2, 1, 3, 5, 7, 9, 11, 13]).run().expect("runs without a crash")
    };
    let all = walked(600.0);
    assert!(all.coverage.complete, "{:?}", all.coverage);
    // As long as it takes and a half, of which each recording has a fifth at first.
    let enough = walked(all.timing.seconds * 1.5 + 1.0);
    assert!(enough.coverage.complete, "{:?}", enough.coverage);
    let too_short = walked(all.timing.seconds / 4.0);
    assert_eq!(too_short.coverage.left_out.as_deref(), Some("the time that it was given is used up"));
}

/// Each of these loses nothing as long as every flush does what it says.
#[test]
fn who_trusts_a_device_that_has_failed_is_found() {
    let systems = [
        numbers(Ignores),
        numbers(FlushesAgain),
        numbers(BelievesReads),
        Numbers { after: Ignores, fua: true },
    ];
    for system in systems {
        assert_survives(&under(Profile::default(), system));
        let exploration = under(profile(), system);
        assert_eq!(exploration.verdict, Verdict::Lost, "{:?}", system.after);
        let finding =
            exploration.findings.iter().find(|finding| finding.promise == "durable").expect("a finding");
        assert!(finding.state.contains("flush of disk failed"), "{}", finding.state);
        let cause = finding.cause.as_ref().expect("it is explained");
        assert!(
            cause.fix.is_none() && cause.lines()[0].1.contains("a flush has failed"),
            "{:?}",
            cause.lines()
        );
    }
}

#[test]
fn a_finding_is_seen_again_by_its_id_and_not_without_the_fault() {
    let exploration = under(profile(), numbers(FlushesAgain));
    for finding in &exploration.findings {
        let id: ReplayId = finding.id.parse().expect("a replay id");
        let again = |after| {
            let workload = explore(numbers(after)).profile(profile()).workload(WORKLOAD);
            workload.replay(&id).expect("runs without a crash")
        };
        let replayed = again(FlushesAgain);
        assert!(!replayed.diverged, "{id}");
        assert_eq!(replayed.finding.map(|finding| finding.fingerprint).as_ref(), Some(&finding.fingerprint));
        assert!(again(GivesUp).finding.is_none());
    }
}

#[test]
fn a_finding_is_made_small_with_the_flush_that_fails() {
    let workload =
        explore(numbers(FlushesAgain)).profile(profile()).shrink(Shrink::default()).workload(WORKLOAD);
    let exploration = workload.run().expect("runs without a crash");
    let finding =
        exploration.findings.iter().find(|finding| finding.promise == "durable").expect("a finding");
    let shrunk = finding.shrunk.as_ref().expect("it is made small");
    assert_eq!((shrunk.operations, &*shrunk.operations_before.to_string()), (1, "4"), "{finding}");
    assert!(finding.state.contains("flush of disk failed"), "{}", finding.state);
}

/// Two flushes with something in flight fail in four ways each.
#[test]
fn every_way_in_which_a_flush_fails_is_recorded() {
    let exploration = under(profile(), numbers(GivesUp));
    let noted = exploration.notes.iter().any(|note| note.contains("recorded in 9 ways"));
    assert!(noted, "{:?}", exploration.notes);
    let fua = under(profile(), Numbers { after: GivesUp, fua: true });
    assert!(fua.notes.iter().any(|note| note.contains("recorded in 9 ways")), "{:?}", fua.notes);
    let plain = under(Profile::default(), numbers(GivesUp));
    assert!(plain.notes.iter().all(|note| !note.contains("recorded in")), "{:?}", plain.notes);
}

/// A running system that shows neither what was done nor what was before is broken without any crash.
#[test]
fn what_a_system_shows_after_an_error_is_looked_at() {
    #[derive(Clone, Copy)]
    struct Forgets;
    impl System for Forgets {
        type Op = u8;
        type Live = (Disk, u8);
        type View = u8;

        fn open(&self, disk: Disk) -> Result<(Disk, u8)> {
            let mut block = [0; BLOCK];
            disk.read(Bytes(0), &mut block)?;
            Ok((disk, block[0]))
        }

        fn apply(&self, (disk, shown): &mut (Disk, u8), number: &u8) -> Result<Ack> {
            disk.write(Bytes(0), &[*number; BLOCK])?;
            *shown = 77;
            disk.flush()?;
            *shown = *number;
            Ok(Ack::Durable)
        }

        fn view(&self, (_, shown): &mut (Disk, u8)) -> Result<u8> {
            Ok(*shown)
        }

        fn model(&self, view: &mut u8, number: &u8) {
            *view = *number;
        }
    }
    let exploration =
        explore(Forgets).profile(profile()).workload([1]).run().expect("the first recording works");
    assert_eq!(exploration.verdict, Verdict::Broken);
    let reason = exploration.reason.expect("it says why");
    assert!(reason.contains("operation 1 (1) had failed") && reason.contains("shows 77"), "{reason}");
}

#[test]
fn what_contradicts_a_flush_that_fails_is_refused() {
    let toml = |keys: &str, faults: &str| {
        format!("name = \"mine\"\nabout = \"Mine.\"\n{keys}\n[faults]\nflush-error = true\n{faults}\n")
    };
    assert!(Profile::from_toml(&toml("", "")).expect("a profile").faults.flush_error);
    let wrong = [
        ("order = \"issued\"", ""),
        ("flush = \"ignored\"", ""),
        ("fua = \"ignored\"", ""),
        ("cache = \"none\"", ""),
        ("", "corrupt = true"),
    ];
    for (keys, faults) in wrong {
        assert!(Profile::from_toml(&toml(keys, faults)).is_err(), "{keys} {faults}");
    }
}
