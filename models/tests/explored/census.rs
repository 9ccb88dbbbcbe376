//! The append of one block, the textbook's example, through the engine: eight crash states, four of them inconsistent
//! before recovery; after it, four with the old file, two with the new one, two with garbage (CS-0 to CS-8).

use super::common::{assert_clean, case, named, survived};
use crashcheck::trace::outcome::{CensusRow, Exploration};
use crashcheck::{Ack, Bytes, Device, Disk, History, Options, Result, System, Violation, explore};
use crashcheck_models::fs::{Fill, FsOp, Path, View};
use crashcheck_models::vsfs::{Mounted, Vsfs};
use std::collections::BTreeMap;

fn append(fill: u8) -> FsOp {
    FsOp::Append { path: Path::of("/a"), len: Bytes(4096), fill: Fill(fill) }
}

/// vsfs on a disk that holds a file of one block from the beginning, so that the append is all that is in flight.
struct WithFile(Vsfs);

impl System for WithFile {
    type Op = FsOp;
    type Live = Mounted;
    type View = View;

    fn devices(&self) -> Vec<Device> {
        self.0.devices()
    }

    fn format(&self, disk: &Disk) -> Result<()> {
        self.0.format(disk)?;
        let mut live = self.0.open(disk.clone())?;
        for op in [FsOp::Create(Path::of("/a")), append(1), FsOp::Sync] {
            self.0.apply(&mut live, &op)?;
        }
        Ok(())
    }

    fn open(&self, disk: Disk) -> Result<Mounted> {
        self.0.open(disk)
    }

    fn apply(&self, live: &mut Mounted, op: &FsOp) -> Result<Ack> {
        self.0.apply(live, op)
    }

    fn view(&self, live: &mut Mounted) -> Result<View> {
        self.0.view(live)
    }

    fn model(&self, view: &mut View, op: &FsOp) {
        self.0.model(view, op);
    }

    fn check(&self, live: &mut Mounted) -> Result<()> {
        self.0.check(live)
    }

    fn judge(&self, view: &View, history: &History<'_, Self>) -> Result<(), Violation> {
        let History { ops, states, window } = *history;
        self.0.judge(view, &History { ops, states, window })
    }

    fn remark(&self, live: &Mounted) -> Option<String> {
        self.0.remark(live)
    }
}

/// The census, row by row: what fsck found, what the file system shows, in how many crash states.
fn census(exploration: &Exploration) -> Vec<(&str, &str, u64)> {
    let states = |row: &CensusRow| row.states.parse().expect("fewer than 64 bits");
    let rows = exploration.census.iter();
    rows.map(|row| (row.found.as_deref().unwrap_or_default(), &*row.shows, states(row))).collect()
}

fn the_append_alone() -> Exploration {
    let exploration = explore(WithFile(Vsfs::default())).workload([append(2), FsOp::Sync]).run();
    let exploration = exploration.expect("works without a crash");
    assert_clean(&exploration);
    exploration
}

const OLD: &str = "the state after 0 of 2 operations";
const NEW: &str = "the state after 1 of 2 operations";
const GARBAGE: &str = "none of the model's states";

#[test]
fn the_append_alone_has_the_eight_crash_states_of_the_book() {
    let exploration = the_append_alone();
    assert_eq!((&*exploration.coverage.total, exploration.coverage.complete), ("8", true));
    let census = census(&exploration);
    assert_eq!(
        census,
        [
            ("block used but marked free", GARBAGE, 1),
            ("block used but marked free", NEW, 1),
            ("consistent", GARBAGE, 1),
            ("consistent", OLD, 2),
            ("consistent", NEW, 1),
            ("space leak", OLD, 2),
        ]
    );
    let states = |wanted: &dyn Fn(&str, &str) -> bool| -> u64 {
        census.iter().filter(|(found, shows, _)| wanted(found, shows)).map(|(.., states)| states).sum()
    };
    assert_eq!(states(&|found, _| found != "consistent"), 4, "inconsistent before recovery (CS-8)");
    let after = [OLD, NEW, GARBAGE].map(|kind| states(&|_, shows| shows == kind));
    assert_eq!(after, [4, 2, 2], "old, new and garbage after recovery (CS-8)");
}

/// The file is made in an epoch of its own, whose last image is the first of the append: it counts once. What the
/// workload shows after 2 and after 4 operations is the old file and the new one.
#[test]
fn the_census_of_the_workload_is_that_of_the_append_and_of_the_epoch_before_it() {
    let whole = survived(&*named("vsfs"), &case("append"), &Options::default());
    let made = explore(Vsfs::default()).workload([FsOp::Create(Path::of("/a")), append(1), FsOp::Sync]).run();
    let made = made.expect("works without a crash");
    let alone = the_append_alone();
    let mut expected = BTreeMap::<(&str, &str), u64>::new();
    for (found, shows, states) in census(&made) {
        let shows = if shows == "the state after 2 of 3 operations" { OLD } else { shows };
        *expected.entry((found, shows)).or_default() += states;
    }
    for (found, shows, states) in census(&alone) {
        *expected.entry((found, shows)).or_default() += states;
    }
    *expected.get_mut(&("consistent", OLD)).expect("the image between the epochs") -= 1;
    let workload = census(&whole).into_iter().map(|(found, shows, states)| {
        let shows = match shows {
            "the state after 0 of 5 operations" => "the state after 0 of 3 operations",
            "the state after 2 of 5 operations" => OLD,
            "the state after 4 of 5 operations" => NEW,
            other => other,
        };
        ((found, shows), states)
    });
    assert_eq!(workload.collect::<BTreeMap<_, _>>(), expected);
    assert_eq!((&*made.coverage.total, &*alone.coverage.total, &*whole.coverage.total), ("32", "8", "39"));
}
