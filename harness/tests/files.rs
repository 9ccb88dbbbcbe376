//! Stores that keep their data in files, some of which forget what makes it durable.

use crashcheck::files::Files;
use crashcheck::{Ack, Budget, Device, Disk, Profile, Result, System, explore};

/// One value in a file, replaced by writing another file and renaming it.
#[derive(Clone, Copy)]
struct Replace {
    syncs_file: bool,
    syncs_directory: bool,
}

const RIGHT: Replace = Replace { syncs_file: true, syncs_directory: true };

impl System for Replace {
    type Op = u8;
    type Live = Files;
    type View = Vec<u8>;

    fn devices(&self) -> Vec<Device> {
        vec![Device::directory(".")]
    }

    fn open(&self, disk: Disk) -> Result<Files> {
        Ok(Files::of(&disk)?)
    }

    fn apply(&self, files: &mut Files, value: &u8) -> Result<Ack> {
        let new = files.create("value.new")?;
        new.write_at(&[*value; 3], 0)?;
        if self.syncs_file {
            new.sync_all()?;
        }
        files.rename("value.new", "value")?;
        if self.syncs_directory {
            files.sync_dir("/")?;
        }
        Ok(Ack::Durable)
    }

    fn view(&self, files: &mut Files) -> Result<Vec<u8>> {
        let file = match files.open("value") {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        // As programs do: until nothing more comes.
        let (mut bytes, mut part) = (Vec::new(), [0; 2]);
        loop {
            match file.read_at(&mut part, bytes.len() as u64)? {
                0 => return Ok(bytes),
                read => bytes.extend_from_slice(&part[..read]),
            }
        }
    }

    fn model(&self, view: &mut Vec<u8>, value: &u8) {
        *view = vec![*value; 3];
    }
}

/// What a check says of a system that does not survive.
fn told<S: System + Clone + 'static>(system: S, workload: Vec<S::Op>) -> String {
    let run = explore(system).workload(workload).run();
    let exploration = run.expect("an exploration");
    exploration.findings.iter().map(|finding| format!("{finding}\n")).collect()
}

/// Whatever a device may do, a tree of files is explored.
#[test]
fn every_profile_serves_trees_of_files() {
    for profile in Profile::built_in() {
        let (name, is_kind) = (profile.name.clone(), profile.faults.is_none() && profile.is_honest());
        let run = explore(RIGHT).profile(profile).workload([1, 2]).run().expect("it works without a crash");
        assert!(!is_kind || run.findings.is_empty(), "{name}: {:?}", run.findings);
        assert!(run.findings.iter().all(|finding| !finding.to_string().contains("panicked")), "{name}");
    }
}

#[test]
fn a_file_that_is_replaced_in_the_right_order_survives() {
    explore(RIGHT).workload([1, 2, 3]).check();
}

/// Each life makes files, so that one is not the same inode in all states.
#[test]
fn files_that_lives_have_made_are_found_by_the_next_ones() {
    let budget = Budget { later: Some(2000), ..Budget::unlimited() };
    let run =
        explore(RIGHT).lives(4).budget(budget).workload([1, 2]).run().expect("it works without a crash");
    assert!(run.findings.is_empty(), "{:?}", run.findings);
    assert!(run.coverage.later.iter().all(|life| life.recoveries > 0), "{:?}", run.coverage);
}

#[test]
fn a_file_that_is_renamed_before_it_is_durable_is_found_empty() {
    let told = told(Replace { syncs_file: false, ..RIGHT }, vec![1, 2]);
    assert!(told.contains("fsync of the file value.new"));
}

#[test]
fn a_name_that_is_not_made_durable_is_lost() {
    let told = told(Replace { syncs_directory: false, ..RIGHT }, vec![1, 2]);
    assert!(told.contains("fsync of the directory ."));
}
