//! The classic mistakes of programs that keep their data in files, beside programs that do it right: where no other stands beside a
//! mistake, `replace` is what mends it.
//!
//! Every one of them keeps a number. To set it is durable on return, and it is the old or the new one after a crash. They use
//! [`crashcheck::fs`] as they would use [`std::fs`].

use crashcheck::fs::{self, File, FileExt, OpenOptions};
use crashcheck::outcome::{Exploration, Verdict};
use crashcheck::{Ack, Device, Disk, Profile, Result, System, explore};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// A way to keep a number in a directory.
#[derive(Clone, Copy)]
struct Keeper {
    set: fn(&Path, u8) -> io::Result<()>,
    get: fn(&Path) -> io::Result<u8>,
}

impl System for Keeper {
    type Op = u8;
    type Live = fs::Mount;
    type View = u8;

    fn devices(&self) -> Vec<Device> {
        vec![Device::directory(".")]
    }

    fn open(&self, disk: Disk) -> Result<fs::Mount> {
        Ok(fs::mount(&disk)?)
    }

    fn apply(&self, data: &mut fs::Mount, number: &u8) -> Result<Ack> {
        (self.set)(data.path(), *number)?;
        Ok(Ack::Durable)
    }

    fn view(&self, data: &mut fs::Mount) -> Result<u8> {
        Ok((self.get)(data.path())?)
    }

    fn model(&self, view: &mut u8, number: &u8) {
        *view = *number;
    }
}

type Set = fn(&Path, u8) -> io::Result<()>;
type Get = fn(&Path) -> io::Result<u8>;

fn explored(set: Set, get: Get) -> Exploration {
    under(&Profile::named("posix").expect("a profile"), set, get)
}

fn under(profile: &Profile, set: Set, get: Get) -> Exploration {
    let explorer = explore(Keeper { set, get }).profile(profile.clone());
    explorer.workload([3, 4, 5]).run().expect("it works without a crash")
}

/// It survives, and everything was looked at.
fn is_right(set: Set, get: Get) {
    survives(&explored(set, get));
}

fn survives(found: &Exploration) {
    assert_eq!(found.findings.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(found.verdict == Verdict::Survived && found.coverage.complete);
}

/// It does not, and these words are among what is said of it.
fn is_wrong(set: Set, get: Get, words: &str) {
    is_lost(&explored(set, get), words);
}

fn is_lost(found: &Exploration, words: &str) {
    let told: String = found.findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(told.contains(words), "{words}:\n{told}");
}

/// The number in a file; 0 if there is none.
fn in_file(path: &Path) -> io::Result<u8> {
    match fs::read(path) {
        Ok(bytes) => bytes.first().copied().ok_or_else(|| io::Error::other("the file is empty")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn number(data: &Path) -> io::Result<u8> {
    in_file(&data.join("number"))
}

fn write_new(path: &Path, number: u8, sync: bool) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&[number])?;
    if sync { file.sync_all() } else { Ok(()) }
}

fn sync_names(data: &Path) -> io::Result<()> {
    File::open(data)?.sync_all()
}

/// The way that all of them could be mended by.
fn replace(data: &Path, number: u8) -> io::Result<()> {
    write_new(&data.join("new"), number, true)?;
    fs::rename(data.join("new"), data.join("number"))?;
    sync_names(data)
}

#[test]
fn rename_of_a_file_that_is_not_durable() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        write_new(&data.join("new"), number, false)?;
        fs::rename(data.join("new"), data.join("number"))?;
        sync_names(data)
    }
    is_wrong(set, number, "an fsync of the file new before #3 (rename new to number)");
    is_right(replace, number);
}

#[test]
fn rename_without_fsync_of_the_directory() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        write_new(&data.join("new"), number, true)?;
        fs::rename(data.join("new"), data.join("number"))
    }
    is_wrong(set, number, "an fsync of the directory . before #5 (durable acknowledgement of operation 1)");
}

#[test]
fn a_file_is_durable_and_its_name_is_not() {
    /// Every number is a file of its own.
    fn set(data: &Path, number: u8, sync: bool) -> io::Result<()> {
        write_new(&data.join(format!("v{number}")), number, true)?;
        if sync { sync_names(data) } else { Ok(()) }
    }
    fn last(data: &Path) -> io::Result<u8> {
        let numbers = fs::read_dir(data)?.map(|entry| in_file(&entry?.path()));
        numbers.collect::<io::Result<Vec<u8>>>().map(|numbers| numbers.into_iter().max().unwrap_or(0))
    }
    /// An empty file was not written to its end.
    fn last_whole(data: &Path) -> io::Result<u8> {
        let whole = |entry: io::Result<fs::DirEntry>| match fs::read(entry?.path())?.first() {
            Some(number) => Ok(*number),
            None => Ok(0),
        };
        fs::read_dir(data)?.map(whole).try_fold(0, |last, number: io::Result<u8>| Ok(last.max(number?)))
    }
    is_wrong(|data, number| set(data, number, false), last, "an fsync of the directory .");
    is_wrong(|data, number| set(data, number, true), last, "the file is empty");
    is_right(|data, number| set(data, number, true), last_whole);
}

#[test]
fn an_fsync_that_fails_and_is_tried_again() {
    /// The second call finds nothing to write, and says that all is well.
    fn set(data: &Path, number: u8) -> io::Result<()> {
        let mut new = File::create(data.join("new"))?;
        new.write_all(&[number])?;
        new.sync_all().or_else(|_| new.sync_all())?;
        fs::rename(data.join("new"), data.join("number"))?;
        sync_names(data)
    }
    let profile = || crashcheck::Profile::named("fsync-error").expect("a profile");
    let found = |set| explore(Keeper { set, get: number }).profile(profile()).workload([3, 4]).run();
    let again = found(set).expect("it works without a crash");
    let told: String = again.findings.iter().map(ToString::to_string).collect();
    assert!(told.contains("fsync of the file new failed"), "{told}");
    assert!(found(replace).expect("it works without a crash").findings.is_empty());
}

#[test]
fn truncate_then_write() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        write_new(&data.join("number"), number, true)?;
        sync_names(data)
    }
    is_wrong(set, number, "the file is empty");
}

#[test]
fn two_files_in_turn() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        for name in ["one", "two"] {
            write_new(&data.join("new"), number, true)?;
            fs::rename(data.join("new"), data.join(name))?;
        }
        sync_names(data)
    }
    fn both(data: &Path) -> io::Result<u8> {
        match (in_file(&data.join("one"))?, in_file(&data.join("two"))?) {
            (one, two) if one == two => Ok(one),
            (one, two) => Err(io::Error::other(format!("one says {one}, two says {two}"))),
        }
    }
    is_wrong(set, both, "two says");
}

#[test]
fn a_lock_file_is_left() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        File::create_new(data.join("lock"))?;
        replace(data, number)?;
        fs::remove_file(data.join("lock"))
    }
    fn locked(data: &Path) -> io::Result<u8> {
        match fs::exists(data.join("lock"))? {
            true => Err(io::Error::other("another process is at work")),
            false => number(data),
        }
    }
    fn unlocked(data: &Path) -> io::Result<u8> {
        match fs::remove_file(data.join("lock")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => number(data),
        }
    }
    is_wrong(set, locked, "another process is at work");
    is_right(set, unlocked);
}

#[test]
fn the_manifest_before_what_it_names() {
    fn set(data: &Path, number: u8, sync: bool) -> io::Result<()> {
        write_new(&data.join(format!("table{number}")), number, sync)?;
        if sync {
            sync_names(data)?;
        }
        replace(data, number)?;
        File::open(data.join(format!("table{number}")))?.sync_all()
    }
    fn by_manifest(data: &Path) -> io::Result<u8> {
        match number(data)? {
            0 => Ok(0),
            number => {
                let table = fs::read(data.join(format!("table{number}")))?;
                table.first().copied().ok_or_else(|| io::Error::other("the table is empty"))
            }
        }
    }
    is_wrong(|data, number| set(data, number, false), by_manifest, "the table is empty");
    is_right(|data, number| set(data, number, true), by_manifest);
}

#[test]
fn a_name_is_taken_away_before_it_is_given_again() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        write_new(&data.join("new"), number, true)?;
        match fs::remove_file(data.join("number")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::hard_link(data.join("new"), data.join("number"))?;
        fs::remove_file(data.join("new"))?;
        sync_names(data)
    }
    is_wrong(set, number, "unlink number");
}

#[test]
fn the_old_file_is_gone_before_the_new_name_is_durable() {
    /// The current number is the only file.
    fn set(data: &Path, number: u8, sync: bool) -> io::Result<()> {
        write_new(&data.join(number.to_string()), number, true)?;
        if sync {
            sync_names(data)?;
        }
        for entry in fs::read_dir(data)? {
            let name = entry?.file_name();
            if name != number.to_string().as_str() {
                fs::remove_file(data.join(name))?;
            }
        }
        sync_names(data)
    }
    fn only(data: &Path) -> io::Result<u8> {
        let numbers =
            fs::read_dir(data)?.map(|entry| Ok(fs::read(entry?.path())?.first().copied().unwrap_or(0)));
        numbers.collect::<io::Result<Vec<u8>>>().map(|numbers| numbers.into_iter().max().unwrap_or(0))
    }
    is_wrong(|data, number| set(data, number, false), only, "an fsync of the directory .");
    is_right(|data, number| set(data, number, true), only);
}

/// A record of a log: the number, and what it must say of it.
const RECORD: usize = 4096;

fn record(number: u8) -> Vec<u8> {
    let mut record = vec![number; RECORD];
    record[RECORD - 1] = !number;
    record
}

/// Appends to a log.
fn append(data: &Path, number: u8, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).open(data.join("log"))?;
    sync_names(data)?;
    (&file).write_all(&record(number))?;
    sync(&file)
}

/// The same through a descriptor with these flags.
fn append_through(data: &Path, number: u8, flags: i32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).custom_flags(flags).open(data.join("log"))?;
    sync_names(data)?;
    file.write_all(&record(number))
}

/// What is not whole is cut off, so that nothing is written behind it.
fn checked(data: &Path) -> io::Result<u8> {
    let log = match fs::read(data.join("log")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        log => log?,
    };
    let whole = log.chunks_exact(RECORD).take_while(|part| *part == record(part[0])).count();
    if log.len() > whole * RECORD {
        let file = OpenOptions::new().write(true).open(data.join("log"))?;
        file.set_len((whole * RECORD) as u64)?;
        file.sync_all()?;
    }
    Ok(whole.checked_sub(1).map_or(0, |last| log[last * RECORD]))
}

#[test]
fn a_log_whose_length_is_believed() {
    fn set(data: &Path, number: u8) -> io::Result<()> {
        append(data, number, File::sync_data)
    }
    fn believed(data: &Path) -> io::Result<u8> {
        match fs::read(data.join("log")) {
            Ok(log) => Ok(log.chunks_exact(RECORD).next_back().map_or(0, |record| record[0])),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
    is_wrong(set, believed, "the new length survived");
    is_right(set, checked);
}

#[test]
fn an_fdatasync_that_leaves_the_length_behind() {
    fn data(data: &Path, number: u8) -> io::Result<()> {
        append(data, number, File::sync_data)
    }
    fn all(data: &Path, number: u8) -> io::Result<()> {
        append(data, number, File::sync_all)
    }
    fn dsync(data: &Path, number: u8) -> io::Result<()> {
        append_through(data, number, 0o10000)
    }
    fn sync(data: &Path, number: u8) -> io::Result<()> {
        append_through(data, number, 0o4_010_000)
    }
    let leaves = "name = \"leaves\"\nabout = \"A fault.\"\natomic = 4096\n[files]\nfdatasync = \"data\"\n";
    let leaves = Profile::from_toml(leaves).expect("a profile");
    is_right(data, checked);
    let lost = under(&leaves, data, checked);
    is_lost(&lost, "an fsync of the file log instead of #4 (fdatasync of the file log), which is not enough");
    survives(&under(&leaves, all, checked));
    // `O_DSYNC`, and `O_SYNC`.
    is_right(dsync, checked);
    is_lost(
        &under(&leaves, dsync, checked),
        "operation 1 was acknowledged as durable, but recovery shows the state after 0",
    );
    survives(&under(&leaves, sync, checked));
}

#[test]
fn a_name_that_comes_with_the_file() {
    /// The name is durable when the file is that has it.
    fn set(data: &Path, number: u8, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
        write_new(&data.join("new"), number, true)?;
        fs::rename(data.join("new"), data.join("number"))?;
        sync(&File::open(data.join("number"))?)
    }
    fn all(data: &Path, number: u8) -> io::Result<()> {
        set(data, number, File::sync_all)
    }
    fn data(data: &Path, number: u8) -> io::Result<()> {
        set(data, number, File::sync_data)
    }
    is_wrong(all, number, "an fsync of the directory .");
    for name in ["ext4", "xfs", "btrfs"] {
        let profile = Profile::named(name).expect("a profile");
        survives(&under(&profile, all, number));
        let found = under(&profile, data, number);
        match name {
            "ext4" => is_lost(&found, "an fsync of the directory ."),
            _ => survives(&found),
        }
    }
}

#[test]
fn a_checksum_over_bytes_of_another_time() {
    /// A page with the number, and one with a checksum of it, both in place.
    fn set(data: &Path, number: u8) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(data.join("pages"))?;
        sync_names(data)?;
        file.write_all_at(&record(number), 0)?;
        file.write_all_at(&[!number], RECORD as u64)?;
        file.sync_all()
    }
    fn summed(data: &Path) -> io::Result<u8> {
        let pages = match fs::read(data.join("pages")) {
            Ok(pages) if !pages.is_empty() => pages,
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => return Ok(0),
        };
        match pages.get(RECORD) {
            Some(sum) if *sum == !pages[0] => Ok(pages[0]),
            _ => Err(io::Error::other("the checksum is wrong")),
        }
    }
    is_wrong(set, summed, "the checksum is wrong");
}
