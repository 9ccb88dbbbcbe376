//! Calls that someone thought of, for what file systems promise of names, lengths and data.

use super::*;

/// Calls that come to an end.
type Calls<'a> = &'a dyn Fn(&Files);

/// Calls after which it matters what an fsync has carried, and what a rename has waited for.
const CALLS: [Calls<'static>; 16] = [
    &|files| {
        rename(files, "b", "c");
        append(files, "c");
        make(files, "d");
        sync(files, "c");
    },
    &|files| {
        make(files, "d");
        append(files, "b");
        files.hard_link("b", "c").expect("a name");
        make(files, "e");
        sync(files, "b");
    },
    &|files| {
        ["d", "d/e", "f"].into_iter().for_each(|path| make(files, path));
        files.create("d/e/a").and_then(|file| file.sync_all()).expect("a file");
    },
    &|files| {
        files.write("a", b"new").expect("a file");
        rename(files, "a", "b");
        append(files, "b");
    },
    &|files| {
        make(files, "d");
        append(files, "b");
        sync(files, "b");
        make(files, "e");
        sync(files, "b");
    },
    &|files| {
        files.write("a", b"new").expect("a file");
        sync(files, "a");
        let file = OpenOptions::new().write(true).open(files, "a");
        file.and_then(|file| file.write_at(b"X", 0)).expect("a file");
        rename(files, "a", "b");
    },
    &|files| {
        make(files, "d");
        files.sync_dir("/").expect("a directory");
        rename(files, "d", "e");
        files.create("e/a").and_then(|file| file.sync_all()).expect("a file");
    },
    &|files| {
        ["d", "e"].into_iter().for_each(|path| make(files, path));
        files.create("d/a").expect("a file");
        rename(files, "d", "e");
    },
    &|files| {
        files.remove_file("b").expect("a name");
        make(files, "d");
        files.sync_dir("d").expect("a directory");
        make(files, "d/e");
        files.sync_dir("/").expect("a directory");
    },
    &|files| {
        make(files, "d");
        rename(files, "b", "c");
        make(files, "e");
        sync(files, "c");
    },
    &|files| {
        rename(files, "b", "c");
        make(files, "d");
        sync_data(files, "c");
        append(files, "c");
        sync_data(files, "c");
    },
    &|files| {
        append(files, "b");
        make(files, "d");
        rename(files, "b", "c");
        sync_data(files, "c");
    },
    &|files| {
        ["d", "e"].into_iter().for_each(|path| make(files, path));
        files.create("d/a").and_then(|file| file.sync_data()).expect("a file");
        files.hard_link("d/a", "c").expect("a name");
        sync_data(files, "d/a");
    },
    &|files| {
        through(files, "b", Reach::Data, b"more").expect("a file");
        files.hard_link("b", "c").expect("a name");
        sync_data(files, "b");
    },
    &|files| {
        rename(files, "b", "c");
        through(files, "c", Reach::Data, b"n").expect("a file");
        through(files, "c", Reach::All, b"o").expect("a file");
    },
    &|files| {
        make(files, "d");
        files.open("d").and_then(|directory| directory.sync_data()).expect("a directory");
        make(files, "d/e");
        files.open("d").and_then(|directory| directory.sync_data()).expect("a directory");
    },
];

fn make(files: &Files, path: &str) {
    files.create_dir(path).expect("a name");
}

fn rename(files: &Files, from: &str, to: &str) {
    files.rename(from, to).expect("a name");
}

fn append(files: &Files, path: &str) {
    let file = OpenOptions::new().append(true).open(files, path);
    file.and_then(|file| file.write_at(b"more", 0)).expect("a file");
}

fn sync(files: &Files, path: &str) {
    files.open(path).and_then(|file| file.sync_all()).expect("a file");
}

fn sync_data(files: &Files, path: &str) {
    files.open(path).and_then(|file| file.sync_data()).expect("a file");
}

#[test]
fn what_a_file_system_promises_of_names_is_what_brute_force_says() {
    for (nth, calls) in CALLS.iter().enumerate() {
        let named = ["posix", "ext4", "xfs", "btrfs"].map(|name| Profile::named(name).expect("a profile"));
        for profile in named.into_iter().chain(of_syncs()) {
            let name = &profile.name;
            let trace = recorded(|files, note| {
                calls(files);
                // So that a crash after all of it is judged apart.
                note(Event::Begin { op: OpId(0), text: String::new() });
            });
            let done = (1..=2).try_for_each(|lives| compare(&trace, &profile, lives, 1));
            assert!(done.is_ok(), "calls {nth} under {name}: {done:?}");
        }
    }
}
