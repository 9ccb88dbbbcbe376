//! Trees of files: what a walk of the tree shows after a crash, in one life and in several, against every subset of what was
//! in flight.

mod calls;

use super::super::Shown as Erased;
use super::*;
use crate::files::{Files, Kind as Inode, OpenOptions};
use crate::profile::{Fdatasync, FileSystem, Fsync};
use crashcheck_trace::files::{Entry, NameChange};
use std::collections::BTreeMap;
use std::io;

/// The paths of a tree, each with what it holds; `None` for a directory.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// What is judged: what is shown, what the life by which it is judged had shown, and the window of that life's crash.
type Judged = BTreeSet<(Tree, Option<Tree>, Window)>;

/// All of a tree.
fn read(files: &Files, above: &str, tree: &mut Tree) {
    for (name, kind) in files.read_dir(above).expect("a directory") {
        let path = format!("{above}/{name}");
        match kind {
            Inode::Directory if above.len() < 12 => {
                tree.insert(path.clone(), None);
                read(files, &path, tree);
            }
            Inode::Directory | Inode::Link => _ = tree.insert(path, None),
            Inode::File => {
                let bytes = files.read(&path).expect("a file");
                tree.insert(path, Some(bytes));
            }
        }
    }
}

/// One call, whatever comes of it.
fn act(files: &Files, sum: u64) {
    const PATHS: [&str; 4] = ["a", "b", "sub/a", "sub"];
    let (path, other) = (PATHS[(sum / 11 % 3) as usize], PATHS[(sum / 37 % 4) as usize]);
    let open = |options: &mut OpenOptions| options.create(true).open(files, path);
    let data = vec![sum as u8 | 1; (sum / 5 % 7 + 1) as usize];
    let done = match sum % 14 {
        0 | 1 => open(OpenOptions::new().write(true)).and_then(|file| file.write_at(&data, 0).map(|_| ())),
        2 | 3 => open(OpenOptions::new().append(true)).and_then(|file| file.write_at(&data, 0).map(|_| ())),
        4 => open(OpenOptions::new().write(true)).and_then(|file| file.set_len(sum / 3 % 5)),
        5 => open(OpenOptions::new().write(true)).and_then(|file| file.write_at(&data, 6).map(|_| ())),
        6 => files.rename(path, other),
        7 => files.remove_file(path).or_else(|_| files.remove_dir(other)),
        8 => files.hard_link(path, other).or_else(|_| files.create_dir("sub")),
        9 => files.open(path).and_then(|file| file.sync_all()),
        10 | 11 => files.open(other).and_then(|file| file.sync_data()),
        12 => through(files, path, [Reach::Data, Reach::All][(sum / 7 % 2) as usize], &data),
        _ => files.sync_dir("/").and_then(|()| files.sync_dir("sub")),
    };
    let _ = done;
}

/// Writes through a descriptor with `O_SYNC` or `O_DSYNC`, what is there and beyond it.
fn through(files: &Files, path: &str, reach: Reach, data: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    match reach {
        Reach::All => options.sync(true),
        Reach::Data => options.data_sync(true),
    };
    let file = options.write(true).create(true).open(files, path)?;
    file.write_at(data, 1).map(|_| ())
}

/// Shows all of it, says so, and does two things that depend on it.
fn serve(disk: &Disk, recovered: impl FnOnce(), note: impl Fn(Event)) -> Tree {
    let files = Files::of(disk).expect("a tree");
    let mut tree = Tree::new();
    read(&files, "", &mut tree);
    recovered();
    let bytes = tree.iter().flat_map(|(path, held)| path.bytes().chain(held.iter().flatten().copied()));
    let mut sum = bytes.fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    for op in 0..2 {
        note(Event::Begin { op: OpId(op), text: String::new() });
        act(&files, sum);
        sum = sum.wrapping_mul(0x9E37_79B9) >> 3;
        let durable = sum % 4 == 0;
        if durable {
            files.sync().expect("power");
        }
        note(Event::Ack { op: OpId(op), durable });
    }
    tree
}

struct Serve(Arc<Mutex<Judged>>);

impl Instance for Serve {
    fn live(&self, disk: &Disk) -> Lived {
        let disk = disk.power_on();
        let shown = serve(&disk, || disk.note_recovered(), |event| disk.note_with(|| event));
        let kind = Kind { found: None, shows: Shows::Words("".into()) };
        let past = Some(Past::new(shown.clone()));
        Lived { recovered: Recovered { shown: Ok(Erased::new(shown)), after: Ok(()), kind }, past }
    }

    fn judge(&self, shown: &Erased, past: Option<&Past>, window: Window) -> Result<(), Violation> {
        let past = past.map(|past| past.get::<Tree>().clone());
        self.0.lock().expect("no panic").insert((shown.get::<Tree>().clone(), past, window));
        Ok(())
    }

    fn promises(&self) -> Vec<&'static str> {
        vec!["recovers"]
    }
}

/// What survives or is lost as a whole.
enum Change {
    Bytes(DeviceId, Bytes, Vec<u8>),
    /// A length, and what reads as zeros with it.
    Length(DeviceId, Bytes, std::ops::Range<u64>),
    Names(Vec<NameChange>),
}

impl Change {
    /// Whether a flush of a device makes it durable.
    fn is_of(&self, device: DeviceId) -> bool {
        match self {
            Change::Bytes(of, ..) | Change::Length(of, ..) => *of == device,
            Change::Names(changes) => changes.iter().any(|change| change.directory == device),
        }
    }

    fn make(&self, devices: &mut [Device], lens: &mut [Bytes]) {
        let mut put = |device: DeviceId, at: Bytes, data: &[u8]| {
            let image = &mut devices[device.index()].base;
            image.resize(image.len().max(at + Bytes::of(data.len())));
            image.write(at, data);
        };
        match self {
            Change::Bytes(device, at, data) => put(*device, *at, data),
            Change::Length(device, len, zeros) => {
                put(*device, Bytes(zeros.start), &vec![0; (zeros.end - zeros.start) as usize]);
                lens[device.index()] = *len;
            }
            Change::Names(changes) => {
                for NameChange { directory, name, inode } in changes {
                    let entry = inode.map(|inode| Entry { name: name.clone(), inode });
                    let slot = entry.map_or(vec![0; 512], |entry| entry.to_bytes());
                    put(*directory, Entry::slot(name), &slot);
                }
            }
        }
    }
}

/// What an event changes. `lens` is how long the files are, and a write tears at multiples of `unit`.
fn changes(event: &Event, lens: &mut [Bytes], unit: u64) -> Vec<Change> {
    match event {
        Event::Write { device, at, data, .. } => {
            let end = *at + data.len();
            let len = &mut lens[device.index()];
            let old = std::mem::replace(len, (*len).max(end));
            let grows = (end > old).then(|| Change::Length(*device, end, old.0.min(at.0)..at.0));
            let bytes = data.as_slice().iter().enumerate();
            let bytes: Vec<(u64, u8)> = bytes.map(|(nth, byte)| (at.0 + nth as u64, *byte)).collect();
            let torn = bytes.chunk_by(|(one, _), (other, _)| one / unit == other / unit);
            let part = |part: &[(u64, u8)]| {
                Change::Bytes(*device, Bytes(part[0].0), part.iter().map(|(_, byte)| *byte).collect())
            };
            torn.map(part).chain(grows).collect()
        }
        Event::Resize { device, len } => {
            let old = std::mem::replace(&mut lens[device.index()], *len);
            vec![Change::Length(*device, *len, old.min(*len).0..old.max(*len).0)]
        }
        Event::Names { changes, .. } => vec![Change::Names(changes.clone())],
        _ => Vec::new(),
    }
}

/// What has been done and what of it is in flight, by its number.
struct Done {
    /// Each with the number of its event.
    all: Vec<(usize, Change)>,
    in_flight: Vec<usize>,
    lens: Vec<Bytes>,
    /// What made an inode, if it was made.
    made: BTreeMap<DeviceId, usize>,
}

impl Done {
    /// Whether a crash may leave this of what is in flight.
    fn may_survive(&self, profile: &Profile, survives: impl Fn(usize) -> bool) -> bool {
        let in_order = |all: &mut dyn Iterator<Item = usize>| {
            let mut left = all.map(&survives).skip_while(|survives| *survives);
            left.all(|survives| !survives)
        };
        let names = |nth: &usize| matches!(self.all[*nth].1, Change::Names(_));
        let open = self.in_flight.iter().copied();
        (profile.order == Order::Any || in_order(&mut open.clone()))
            && (profile.files.names == Order::Any || in_order(&mut open.clone().filter(names)))
    }

    fn settle(&mut self, is_durable: impl Fn(usize, &Change) -> bool) {
        let Done { all, in_flight, .. } = self;
        in_flight.retain(|nth| !is_durable(*nth, &all[*nth].1));
    }

    /// A file is about to take the name of another one.
    fn write_out(&mut self, file: DeviceId) {
        let longer = |(event, change): &(usize, Change)| match change {
            Change::Length(of, ..) if *of == file => Some(*event),
            _ => None,
        };
        let longer: Vec<usize> = self.in_flight.iter().filter_map(|nth| longer(&self.all[*nth])).collect();
        let events: Vec<usize> = self.all.iter().map(|(event, _)| *event).collect();
        self.settle(|nth, change| longer.contains(&events[nth]) && change.is_of(file));
    }

    /// A sync of a device has come to its end; that of a write which was to be durable at once is for what this event did.
    fn sync(&mut self, (device, how): (DeviceId, Fdatasync), only: Option<usize>, profile: &Profile) {
        let carried = self.carried((device, how), only, profile);
        self.settle(|nth, _| carried.contains(&nth));
        let (in_order, is_data) = (profile.order == Order::Issued, how == Fdatasync::Data);
        let events: Vec<usize> = self.all.iter().map(|(event, _)| *event).collect();
        self.settle(|nth, change| {
            let is_left = is_data && matches!(change, Change::Length(..));
            let is_meant = only.is_none_or(|only| events[nth] == only);
            in_order || (change.is_of(device) && is_meant && !is_left)
        });
    }

    /// The names that it makes durable beside those in the directory that it is for.
    fn carried(
        &self,
        (device, how): (DeviceId, Fdatasync),
        only: Option<usize>,
        profile: &Profile,
    ) -> BTreeSet<usize> {
        let names = |nth: usize| match &self.all[nth].1 {
            Change::Names(changes) => changes.as_slice(),
            _ => &[],
        };
        let open = || self.in_flight.iter().copied();
        // It was made, its length has changed, or of a directory what is in it.
        let is_own = |nth: &usize| match &self.all[*nth] {
            (_, Change::Bytes(..)) => false,
            (event, change) => {
                let is_meant = only.is_none_or(|only| *event == only);
                (is_meant && change.is_of(device)) || self.made.get(&device) == Some(nth)
            }
        };
        let is_named = |nth: &usize| names(*nth).iter().any(|change| change.inode == Some(device));
        let waits = match how {
            Fdatasync::Data => false,
            Fdatasync::Length => open().any(|nth| is_own(&nth)),
            Fdatasync::Fsync => true,
        };
        match profile.files.fsync {
            Fsync::Names if waits => {
                let mut carried: BTreeSet<usize> = open().filter(is_named).collect();
                let mut above: Vec<usize> = carried.iter().copied().collect();
                while let Some(nth) = above.pop() {
                    let directories = names(nth).iter().map(|change| change.directory);
                    let made = directories.filter_map(|directory| self.made.get(&directory).copied());
                    above.extend(made.filter(|made| carried.insert(*made)));
                }
                carried
            }
            Fsync::Earlier if waits => {
                let is_last = |nth: &usize| is_own(nth) || (how == Fdatasync::Fsync && is_named(nth));
                let last = open().filter(is_last).max();
                open().filter(|nth| !names(*nth).is_empty() && Some(*nth) <= last).collect()
            }
            Fsync::Inode | Fsync::Names | Fsync::Earlier => BTreeSet::new(),
        }
    }

    /// One more event.
    fn issue(&mut self, point: usize, event: &Event, changes: Vec<Change>) {
        if let Event::Names { changes, label: Some(label) } = event {
            let is_new = ["create", "mkdir", "symlink"].contains(&label.as_str());
            let inode = changes[0].inode.filter(|_| is_new);
            inode.into_iter().for_each(|inode| _ = self.made.insert(inode, self.all.len()));
        }
        let first = self.all.len();
        self.all.extend(changes.into_iter().map(|change| (point, change)));
        self.in_flight.extend(first..self.all.len());
    }
}

/// The trees that are left by what may survive of what is in flight.
fn survivors(done: &Done, trace: &Trace, profile: &Profile, found: &mut dyn FnMut(Vec<Device>)) {
    for subset in 0..1usize << done.in_flight.len() {
        let bit = |nth: usize| done.in_flight.iter().position(|open| *open == nth);
        let survives = |nth: usize| bit(nth).is_none_or(|bit| subset >> bit & 1 == 1);
        if !done.may_survive(profile, survives) {
            continue;
        }
        let (mut devices, mut lens) = (trace.devices.clone(), done.lens.clone());
        for (_, (_, change)) in done.all.iter().enumerate().filter(|(nth, _)| survives(*nth)) {
            change.make(&mut devices, &mut lens);
        }
        devices.iter_mut().zip(lens).for_each(|(device, len)| device.base.resize(len));
        found(devices);
    }
}

/// Everything a crash can leave: after how many events, what that allows, and the tree.
fn crashes(trace: &Trace, profile: &Profile) -> Vec<(usize, Window, Vec<Device>)> {
    let unit = match profile.atomic {
        Atomic::Bytes(unit) => u64::from(unit),
        Atomic::Write => u64::MAX,
    };
    let lens: Vec<Bytes> = trace.devices.iter().map(|device| device.base.len()).collect();
    let mut now = lens.clone();
    let mut done = Done { all: Vec::new(), in_flight: Vec::new(), lens, made: BTreeMap::new() };
    let (mut window, mut found) = (Window { durable: 0, begun: 0 }, Vec::new());
    for point in 0..=trace.events.len() {
        survivors(&done, trace, profile, &mut |devices| found.push((point, window, devices)));
        let Some(event) = trace.events.get(point) else { break };
        match event {
            Event::Begin { op, .. } => window.begun = window.begun.max(op.index() + 1),
            Event::Ack { op, durable: true } => window.durable = window.durable.max(op.index() + 1),
            Event::Names { changes, .. } if profile.files.replace_flush => {
                // Of three changes the first takes the name away from what had it.
                let replacing = changes.last().and_then(|last| last.inode).filter(|_| changes.len() == 3);
                replacing.into_iter().for_each(|file| done.write_out(file));
            }
            _ => {}
        }
        window.begun = window.begun.max(window.durable);
        done.issue(point, event, changes(event, &mut now, unit));
        let how = |device: DeviceId, reach: Reach| match reach {
            Reach::Data if trace.devices[device.index()].is_file() => (device, profile.files.fdatasync),
            Reach::Data | Reach::All => (device, Fdatasync::Fsync),
        };
        match event {
            Event::Flush { device, reach, .. } => done.sync(how(*device, *reach), None, profile),
            Event::Write { device, fua: Some(reach), .. } => {
                // The power may fail while it is under way.
                survivors(&done, trace, profile, &mut |devices| found.push((point + 1, window, devices)));
                done.sync(how(*device, *reach), Some(point), profile);
            }
            _ => {}
        }
    }
    found
}

/// What a life shows and does on a tree, and after how many events it had recovered.
fn serve_on(devices: &[Device]) -> (Tree, Trace, usize) {
    let disk = Disk::recording(devices);
    let mark = || disk.machine().note(Event::Mark { text: String::new() });
    let shown = serve(&disk, mark, |event| disk.machine().note(event));
    let trace = disk.machine().power_off().expect("a recording");
    let recovered = trace.events.iter().position(|event| matches!(event, Event::Mark { .. }));
    (shown, trace, recovered.expect("a mark") + 1)
}

fn brute_force(trace: &Trace, profile: &Profile, lives: u8) -> Judged {
    let mut judged = Judged::new();
    let mut open: Vec<_> = crashes(trace, profile)
        .into_iter()
        .map(|(_, window, devices)| (devices, 1, (None, window)))
        .collect();
    while let Some((devices, life, (past, window))) = open.pop() {
        let (shown, trace, recovered) = serve_on(&devices);
        judged.insert((shown.clone(), past.clone(), window));
        if life < lives {
            open.extend(crashes(&trace, profile).into_iter().map(|(point, own, devices)| {
                let by = if point < recovered { (past.clone(), window) } else { (Some(shown.clone()), own) };
                (devices, life + 1, by)
            }));
        }
    }
    judged
}

/// What some calls on a tree that has a file already leave as a trace.
fn recorded(calls: impl Fn(&Files, &dyn Fn(Event))) -> Trace {
    let disk = Disk::recording(&[Device::directory(".")]);
    let files = Files::of(&disk).expect("a tree");
    files.write("b", b"old").expect("a file");
    disk.machine().rebase();
    calls(&files, &|event| disk.machine().note(event));
    let trace = disk.machine().power_off().expect("a recording");
    trace.validate().expect("a valid trace");
    trace
}

/// A crash between two renames can leave two trees, whichever names their calls change first.
#[test]
fn a_name_that_goes_and_comes_back_is_the_name_that_it_was() {
    let disk = Disk::recording(&[Device::directory(".")]);
    let files = Files::of(&disk).expect("a tree");
    files.write("b", b"old").expect("a file");
    disk.machine().rebase();
    files.rename("b", "a").and_then(|()| files.rename("a", "b")).expect("names");
    let trace = disk.machine().power_off().expect("a recording");
    let posix = Profile::named("posix").expect("a profile");
    assert_eq!(crate::census(&trace, &posix).crash_states.value, 2u8.into());
}

fn profiles() -> impl Strategy<Value = Profile> {
    let posix = Profile::named("posix").expect("a profile");
    let torn = Profile { atomic: Atomic::Bytes(4), ..posix.clone() };
    let in_order = Profile { order: Order::Issued, ..posix.clone() };
    let named = |name| Profile { atomic: Atomic::Bytes(8), ..Profile::named(name).expect("a profile") };
    let names = FileSystem { names: Order::Issued, ..FileSystem::default() };
    let names = Profile { files: names, ..posix.clone() };
    let mut all = vec![posix, torn, in_order, names, named("ext4"), named("xfs"), named("btrfs")];
    all.extend(of_syncs());
    prop::sample::select(all)
}

/// Whatever an `fsync` and an `fdatasync` may promise.
fn of_syncs() -> Vec<Profile> {
    let mut all = Vec::new();
    for fsync in [Fsync::Inode, Fsync::Names, Fsync::Earlier] {
        for fdatasync in [Fdatasync::Data, Fdatasync::Length, Fdatasync::Fsync] {
            let files = FileSystem { names: Order::Issued, fsync, fdatasync, ..FileSystem::default() };
            let posix = Profile::named("posix").expect("a profile");
            all.push(Profile { files, name: format!("{fsync:?}-{fdatasync:?}"), ..posix });
        }
    }
    all
}

/// Explores a trace to its end, and compares what is judged with what brute force meets.
fn compare(trace: &Trace, profile: &Profile, lives: u8, jobs: usize) -> Result<(), TestCaseError> {
    let judged = Arc::new(Mutex::new(Judged::new()));
    let budget = Budget::unlimited();
    let options = Options { profile: profile.clone(), lives, jobs, budget, ..Options::default() };
    let context =
        Context::new(Serve(Arc::clone(&judged)), Naming::default(), Arc::new(trace.clone()), &options);
    let explored = crate::tasks::explored(&Arc::new(context), &options, &AtomicBool::new(false), |_| ());
    let (met, expected) = (judged.lock().expect("no panic").clone(), brute_force(trace, profile, lives));
    prop_assert_eq!(met.difference(&expected).next(), None);
    prop_assert_eq!(expected.difference(&met).next(), None);
    prop_assert!(explored.coverage.complete);
    prop_assert_eq!(&explored.coverage.represented, &explored.coverage.total);
    for life in explored.coverage.later {
        prop_assert_eq!((life.complete, &life.represented, life.begun), (true, &life.total, life.lives));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_tree_of_files_shows_what_brute_force_shows(
        sums in prop::collection::vec(any::<u64>(), 1..7), lives in 1..=2u8, jobs in 1..=2usize, profile in profiles(),
    ) {
        let trace = recorded(|files, note| for (op, sum) in (0..).zip(&sums) {
            note(Event::Begin { op: OpId(op), text: String::new() });
            act(files, *sum);
            note(Event::Ack { op: OpId(op), durable: sum % 5 == 0 });
        });
        let changes: usize = trace.events.iter().map(|event| match event {
            Event::Write { .. } if profile.atomic == Atomic::Bytes(4) => 3,
            Event::Write { .. } => 2,
            Event::Resize { .. } | Event::Names { .. } => 1,
            _ => 0,
        }).sum();
        prop_assume!(changes <= if lives > 1 { 6 } else { 10 });
        compare(&trace, &profile, lives, jobs)?;
    }
}
