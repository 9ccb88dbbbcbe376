//! What crashcheck's VFS asks of the tree of files is what SQLite's own asks of the kernel: the same steps are recorded in process, and
//! below a program that was not changed, on a folder that is mounted. Only that the SQLite that is built here says fsync where it would
//! say fdatasync if it were built with HAVE_FDATASYNC, as those of distributions are.

use crashcheck::trace::{DeviceId, Event, Label, Trace};
use crashcheck::{Fuse, Reference, record, record_program};
use crashcheck_adapters::sqlite::{Delete, JournalMode, Sqlite, TABLE, Wal};
use rusqlite::Connection;
use std::env;
use std::path::Path;
use std::time::Duration;

/// Where the program works; set in the program alone.
const FOLDER: &str = "SQLITE_CALLS_FOLDER";

/// What the program prints when the table is there, and when it is done.
const MARK: &str = "mark";

fn steps<J: JournalMode>() -> Vec<crashcheck_adapters::table::Step> {
    Sqlite::<J>::workloads().into_iter().flat_map(|workload| workload.ops).collect()
}

/// The program: it does the steps on the kernel's file system, through SQLite's own VFS.
fn work<J: JournalMode>(folder: &Path) {
    let sqlite = Sqlite::<J>::default();
    let open = || {
        let connection = Connection::open(folder.join("db")).unwrap();
        sqlite.prepare(&connection).unwrap();
        connection
    };
    open().execute_batch(TABLE).unwrap();
    println!("\n{MARK}");
    let mut connection = open();
    for step in steps::<J>() {
        sqlite.perform(&mut connection, &step).unwrap();
    }
    println!("{MARK}");
}

/// The calls of a trace that change something, in words; the shared memory of a write-ahead log is a file for the kernel alone.
fn calls(trace: &Trace) -> Vec<String> {
    let name = |device: DeviceId| trace.devices[usize::from(device.0)].name.clone();
    let call = |event: &Event| {
        if let Event::Write { device, at, data, fua, .. } = event {
            Some(format!("write {} to {} at {at}, fua: {fua:?}", data.len(), name(*device)))
        } else if let Event::Resize { device, len } = event {
            Some(format!("length of {} = {len}", name(*device)))
        } else if let Event::Names { changes, label } = event {
            let names: Vec<_> = changes.iter().map(|change| (&change.name, change.inode.is_some())).collect();
            Some(format!("{:?} {names:?}", label.as_ref().map(Label::as_str)))
        } else if let Event::Flush { device, .. } = event {
            Some(format!("flush of {}", name(*device)))
        } else {
            None
        }
    };
    trace.events.iter().filter_map(call).filter(|call| !call.contains("-shm")).collect()
}

/// The events of a trace between its two durable acknowledgements.
fn between_marks(trace: &Trace) -> Trace {
    let mut parts = trace.events.split(|event| matches!(event, Event::Ack { .. }));
    let part = parts.nth(1).expect("two marks").to_vec();
    Trace { events: part, ..trace.clone() }
}

fn are_the_same<J: JournalMode>(test: &str) {
    if let Some(folder) = env::var_os(FOLDER) {
        return work::<J>(Path::new(&folder));
    }
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("data");
    let program = format!(
        "env {FOLDER}={} {} --exact --nocapture {test}",
        folder.display(),
        env::current_exe().unwrap().display()
    );
    let ours = record(&Sqlite::<J>::default(), steps::<J>()).unwrap().trace;
    let limit = Duration::from_secs(60);
    let kernels = record_program(&folder, &program, Some(MARK), limit, Fuse::Always).unwrap();
    assert_eq!(kernels.refused, Vec::<String>::new());
    let (ours, kernels) = (calls(&ours), calls(&between_marks(&kernels.trace)));
    assert!(ours.len() > 100, "{ours:?}");
    let differs = ours.iter().zip(&kernels).position(|(ours, kernels)| ours != kernels);
    assert_eq!(
        differs,
        None,
        "{:#?}\n{:#?}",
        &ours[differs.unwrap_or(0)..],
        &kernels[differs.unwrap_or(0)..]
    );
    assert_eq!(ours.len(), kernels.len());
}

#[test]
fn with_a_rollback_journal() {
    are_the_same::<Delete>("with_a_rollback_journal");
}

#[test]
fn with_a_write_ahead_log() {
    are_the_same::<Wal>("with_a_write_ahead_log");
}
