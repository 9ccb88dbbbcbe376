//! Programs that strace records, where nothing is mounted: it comes to what FUSE sees. Needs strace beside what `program.rs` needs.

mod common;

use common::Place;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The folder of the programs with classic mistakes.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/programs")
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Makes a program ready in a place, and returns the command line that runs it there.
fn ready(place: &Place, source: &Path) -> Option<Vec<String>> {
    let line = match source.extension().and_then(OsStr::to_str)? {
        "c" => vec![compiled(place, "cc", &["-O1", "-pthread"], source)],
        "rs" => vec![compiled(place, "rustc", &["--edition", "2024"], source)],
        "sh" => vec!["sh".to_owned(), source.to_string_lossy().into_owned()],
        "py" => {
            let python = succeed(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]));
            let source = source.to_string_lossy().into_owned();
            vec![python.trim().to_owned(), "-I".to_owned(), "-S".to_owned(), source]
        }
        _ => return None,
    };
    Some(line)
}

fn compiled(place: &Place, compiler: &str, args: &[&str], source: &Path) -> String {
    succeed(Command::new(compiler).args(args).arg("-o").arg(place.path("compiled")).arg(source));
    "./compiled".to_owned()
}

fn script(place: &Place, name: &str, text: &str) {
    place.write(name, text);
    fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).expect("it can be run");
}

/// Records a command, and returns the trace and what was said.
fn recorded(place: &Place, fuse: &str, line: &[&str]) -> (Vec<u8>, String) {
    let args = ["record", "--files", "data", "--ack", "^ok", "--fuse", fuse, "-o", "x.crash", "--"];
    let ran = place.run(&[&args[..], line].concat());
    assert_eq!(ran.code, Some(0), "{fuse} {line:?}: {}{}", ran.out, ran.err);
    assert!(!place.path("data").exists(), "the folder is as it was");
    let trace = fs::read(place.path("x.crash")).expect("a trace");
    (trace, format!("{}{}", ran.out, ran.err))
}

/// The trace in words.
fn shown(place: &Place, trace: &[u8]) -> String {
    place.write("shown.crash", trace);
    place.run(&["trace", "show", "shown.crash"]).out
}

/// What FUSE and strace see of a command is the same to the byte.
fn assert_alike(place: &Place, line: &[&str]) -> String {
    let (mounted, said) = recorded(place, "always", line);
    let (followed, told) = recorded(place, "never", line);
    assert_eq!(shown(place, &followed), shown(place, &mounted), "{line:?}");
    assert!(followed == mounted, "{line:?}: owners or contents differ");
    assert_eq!(said, told, "{line:?}");
    shown(place, &followed)
}

#[test]
fn programs_with_mistakes_are_recorded_alike_by_fuse_and_by_strace() {
    let mut alike = 0;
    for entry in fs::read_dir(folder()).expect("a folder") {
        let source = entry.expect("an entry").path();
        let is_mapped = source.file_stem() == Some(OsStr::new("mmap_unsynced"));
        let place = Place::new();
        let Some(line) = ready(&place, &source) else { continue };
        for twin in ["broken", "mended"] {
            let line: Vec<&str> = line.iter().map(String::as_str).chain([twin]).collect();
            if is_mapped {
                let (_, said) = recorded(&place, "never", &line);
                assert!(
                    said.contains("not seen by strace: value; the verdict says nothing of that"),
                    "{said}"
                );
            } else {
                assert_alike(&place, &line);
                alike += 1;
            }
        }
    }
    assert_eq!(alike, 22);
}

/// Descriptors are copied, inherited and shared; paths begin at several places.
const EVERYTHING: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(call) do { if ((call) < 0) { perror(#call); exit(1); } } while (0)

static void *in_thread(void *fd) {
    MUST(write(*(int *)fd, "thread", 6));
    MUST(close(*(int *)fd));
    return NULL;
}

int main(void) {
    char bytes[8];
    int data, file, copy, other, outside = open(".", O_RDONLY | O_DIRECTORY);
    umask(027);
    MUST(outside);
    MUST(mkdirat(outside, "data/sub", 0777));
    MUST(data = openat(outside, "data", O_RDONLY | O_DIRECTORY));
    MUST(file = openat(data, "a", O_RDWR | O_CREAT | O_EXCL, 0666));
    MUST(write(file, "one", 3));
    MUST(copy = dup(file));
    MUST(write(copy, "two", 3));
    pid_t child = fork();
    if (child == 0) {
        MUST(chdir("data/sub"));
        MUST(write(file, "child", 5));
        MUST(other = open("../b", O_WRONLY | O_CREAT | O_APPEND, 0600));
        MUST(write(other, "b", 1));
        MUST(rename("../b", "b"));
        MUST(symlink("../a", "link"));
        MUST(write(1, "ok child\n", 9));
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0));
    MUST(write(file, "parent", 6));
    MUST(lseek(file, 1, SEEK_SET));
    MUST(read(copy, bytes, 2));
    struct iovec parts[2] = {{"<", 1}, {"\0>", 2}};
    MUST(writev(file, parts, 2));
    MUST(pwrite(file, "!", 1, 30));
    MUST(pwritev(copy, parts, 2, 40));
    MUST(other = open("data/sub/link", O_WRONLY | O_APPEND | O_DSYNC));
    MUST(pwrite(other, "end", 3, 0));
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, &other);
    pthread_join(thread, NULL);
    if (write(other, "closed", 6) >= 0) return 1;
    MUST(fsync(file));
    MUST(fchdir(data));
    MUST(link("a", "sub/c"));
    MUST(renameat2(data, "a", data, "sub/b", RENAME_EXCHANGE));
    MUST(unlink("sub/c"));
    MUST(rename("sub", "moved"));
    MUST(chdir("moved"));
    MUST(other = open("../a", O_WRONLY | O_TRUNC));
    MUST(fallocate(other, 0, 0, 100));
    MUST(fallocate(other, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 20));
    MUST(ftruncate(other, 50));
    MUST(truncate("../a", 60));
    MUST(chmod("../a", 0640));
    MUST(dup2(1, 9));
    MUST(dup2(other, 1));
    MUST(write(1, "not printed\n", 12));
    MUST(fdatasync(1));
    MUST(write(9, "ok parent\n", 10));
    MUST(unlinkat(AT_FDCWD, "link", 0));
    MUST(fchdir(outside));
    MUST(mkdir("data/empty", 0700));
    MUST(rmdir("data/empty"));
    return 0;
}
"#;

#[test]
fn descriptors_processes_threads_and_paths_are_followed() {
    let place = Place::new();
    place.write("everything.c", EVERYTHING);
    let line = ready(&place, &place.path("everything.c")).expect("a program");
    let shown = assert_alike(&place, &[&line[0]]);
    for call in ["exchange", "symlink", "link", "unlink", "rmdir", "fua", "device 2 at 43 + 3"] {
        assert!(shown.contains(call), "{call}: {shown}");
    }
}

#[test]
fn copies_are_seen_and_a_file_without_a_name_as_well() {
    let place = Place::new();
    place.write("template", "from elsewhere\n");
    script(&place, "copy.sh", "#!/bin/sh\ncp template data/a\ncat data/a > data/b\nsync data/a\necho ok\n");
    assert_alike(&place, &["./copy.sh"]);
    let copy = "import os, shutil\nshutil.copyfile('template', 'data/a')\nprint('ok')\n";
    place.write("copy.py", copy);
    assert_alike(&place, &["python3", "-I", "-S", "copy.py"]);
    let nameless = "import os\n\
        fd = os.open('data', os.O_TMPFILE | os.O_RDWR)\n\
        os.write(fd, b'content')\n\
        os.fsync(fd)\n\
        os.link(f'/proc/self/fd/{fd}', 'data/a', src_dir_fd=fd)\n\
        os.sync()\n\
        print('ok')\n";
    place.write("nameless.py", nameless);
    let (trace, _) = recorded(&place, "never", &["python3", "-I", "-S", "nameless.py"]);
    let shown = shown(&place, &trace);
    for told in [
        "write  device 1 at 0 + 7",
        "flush  device 1",
        "names  a in device 0 is device 1  link",
        "flush  device 0",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
}

#[test]
fn a_way_to_write_that_strace_does_not_show_is_refused_and_told_of() {
    let place = Place::new();
    let uring = "import ctypes\n\
        libc = ctypes.CDLL(None)\n\
        assert libc.syscall(425, 1, ctypes.byref(ctypes.create_string_buffer(120))) == -1\n\
        open('data/a', 'w').write('x')\n\
        print('ok')\n";
    place.write("uring.py", uring);
    let (_, said) = recorded(&place, "never", &["python3", "-I", "-S", "uring.py"]);
    assert!(said.contains("the program could not use io_uring, which strace does not show"), "{said}");
    place.write(
        "log",
        "17 io_uring_setup(8, {flags=0}) = 3\n\
         17 open(\"data/a\", O_WRONLY|O_CREAT, 0600) = 4\n\
         17 write(1, \"ok\\n\", 3) = 3\n",
    );
    let ran = place.run(&LOGGED);
    assert!(
        ran.code == Some(0) && ran.err.contains("writes by io_uring is not seen by strace"),
        "{}",
        ran.err
    );
}

/// A file is replaced.
const REPLACE: &str = "#!/bin/sh\ncd data\necho one > new\nsync new\nmv new current\nsync .\necho ok\n";

/// A log as a user makes it.
fn log(place: &Place, options: &[&str], line: &[&str]) {
    fs::create_dir(place.path("data")).expect("a folder");
    let mut strace = Command::new("strace");
    strace.args(options).args(["-o", "log"]).args(line).current_dir(place.path(""));
    succeed(&mut strace);
    fs::remove_dir_all(place.path("data")).expect("a folder");
}

const LOGGED: [&str; 9] =
    ["record", "--files", "data", "--ack", "^ok", "--strace-log", "log", "-o", "x.crash"];

#[test]
fn a_log_that_a_user_made_is_taken() {
    let place = Place::new();
    script(&place, "replace.sh", REPLACE);
    let (mounted, _) = recorded(&place, "always", &["./replace.sh"]);
    for options in [
        &["-f", "-y", "-xx", "-s", "67108864"][..],
        &["-f", "-s", "100"],
        &["-f", "-tt", "-T", "-v", "-s", "99"],
    ] {
        log(&place, options, &["./replace.sh"]);
        let ran = place.run(&LOGGED);
        assert_eq!(ran.code, Some(0), "{options:?}: {}", ran.err);
        let trace = fs::read(place.path("x.crash")).expect("a trace");
        assert_eq!(shown(&place, &trace), shown(&place, &mounted), "{options:?}");
    }
}

#[test]
fn a_log_that_does_not_say_enough_is_refused_with_its_line_and_what_helps() {
    let place = Place::new();
    script(&place, "long.sh", "#!/bin/sh\necho a line that is longer than others > data/a\necho ok\n");
    script(&place, "moved.sh", "#!/bin/sh\necho one > elsewhere\nmv elsewhere data/a\necho ok\n");
    script(&place, "child.sh", "#!/bin/sh\n(echo one > data/a)\necho ok\n");
    let refused = |told: &str| {
        let ran = place.run(&LOGGED);
        assert_eq!(ran.code, Some(2), "{told}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(told) && !ran.err.contains("panic"), "{told}: {}", ran.err);
        ran.err
    };
    log(&place, &["-f", "-s", "10"], &["./long.sh"]);
    let said = refused("write: its contents are cut: strace must be given -s 67108864");
    let line: usize = said
        .split_once("line ")
        .and_then(|(_, rest)| rest.split_once(' '))
        .expect("a line")
        .0
        .parse()
        .expect("a number");
    let text = fs::read_to_string(place.path("log")).expect("a log");
    assert!(text.lines().nth(line - 1).expect("a line").contains("write("), "{said}");
    log(&place, &["-f", "-s", "100"], &["./moved.sh"]);
    refused("comes into the folder from elsewhere");
    log(&place, &["-s", "100"], &["./child.sh"]);
    refused("does not begin with the number of a process: strace must be given -f and -o");
    place.write("log", "17 openat(AT_FDCWD, \"data/a\", O_RDWR) = 3\n");
    refused(
        "line 1 of the log of strace: openat: a name is used that nothing made: the folder must be empty at first",
    );
    place.write("log", "17 close(3) = 0\n18 close(3) = 0\n");
    refused("line 2 of the log of strace: process 18 comes from nowhere");
    place.write("log", "17 close(3\n");
    refused("line 1 of the log of strace: close is no call that has returned");
    place.write("log", [0xff, 0x00, b'\n', 0x17]);
    refused("line 1 of the log of strace");
    place.write("log", "");
    refused("has changed nothing in data");
    fs::remove_file(place.path("log")).expect("a file");
    refused("the log of strace cannot be read");
}

/// A folder of programs without those that are left out, for PATH.
fn programs(place: &Place, without: &[&str]) -> PathBuf {
    let bin = place.path(&format!("without-{}", without.join("-")));
    fs::create_dir(&bin).expect("a folder");
    for folder in ["/usr/bin", "/bin", "/usr/sbin", "/sbin"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !without.iter().any(|left_out| *left_out == name) {
                // It may be there already.
                let _ = symlink(entry.path(), bin.join(name));
            }
        }
    }
    bin
}

#[test]
fn where_fuse_is_missing_strace_records_and_where_both_are_it_is_said_what_to_do() {
    let place = Place::new();
    script(&place, "replace.sh", REPLACE);
    let without_fuse = |path: &Path, fuse: &str| {
        let line = format!(
            "mount --bind /dev/null /dev/fuse && PATH={} exec {} record --files data --fuse {fuse} -o x.crash -- ./replace.sh",
            path.display(),
            env!("CARGO_BIN_EXE_crashcheck")
        );
        let mut command = Command::new("unshare");
        let output = command.args(["--mount", "sh", "-c", &line]).current_dir(place.path("")).output();
        let output = output.expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (all, none) = (programs(&place, &[]), programs(&place, &["strace"]));
    let (code, said) = without_fuse(&all, "auto");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("cannot mount a file system on") && said.contains("strace records instead"),
        "{said}"
    );
    let (code, said) = without_fuse(&all, "always");
    assert!(code == Some(2) && said.contains("this needs /dev/fuse"), "{said}");
    let (code, said) = without_fuse(&none, "auto");
    assert!(code == Some(2) && said.contains("this needs /dev/fuse"), "{said}");
    assert!(
        said.contains("nor can strace record: cannot run strace") && said.contains("SYS_PTRACE"),
        "{said}"
    );
    let (code, said) = without_fuse(&none, "never");
    assert!(code == Some(2) && said.contains("strace cannot record: cannot run strace"), "{said}");
    assert!(!place.path("data").exists());
}

#[test]
fn what_strace_does_not_show_is_noticed_and_the_folder_is_left_as_it_was() {
    let place = Place::new();
    let path = programs(&place, &["unshare"]);
    script(
        &place,
        "wait.sh",
        "#!/bin/sh\necho own > data/own\nuntil [ -e data/foreign ]; do sleep 0.01; done\necho ok\n",
    );
    fs::create_dir(place.path("data")).expect("a folder");
    let args = ["record", "--files", "data", "--fuse", "never", "-o", "x.crash", "--", "./wait.sh"];
    let mut command = place.command(&args);
    let child =
        command.env("PATH", &path).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    while !place.path("data/own").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    place.write("data/foreign", "");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("strace has not shown all that happened to the folder: foreign is there"),
        "{said}"
    );
    assert_eq!(fs::read_dir(place.path("data")).expect("a folder").count(), 0);
    place.write("data/full", "");
    let ran = place.run(&args);
    assert!(ran.code == Some(2) && ran.err.contains("data is not empty"), "{}", ran.err);
    assert!(place.path("data/full").exists());
}

#[test]
fn whoever_is_killed_leaves_nothing() {
    let place = Place::new();
    script(&place, "wait.sh", "#!/bin/sh\necho own > data/own\nsleep 1000\n");
    for nth in 0..6 {
        let args = ["record", "--files", "data", "--fuse", "never", "-o", "x.crash", "--", "./wait.sh"];
        let mut command = place.command(&args);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(60 * nth));
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let is_ours = |process: &PathBuf| {
            fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(place.path("")))
        };
        let left = || {
            fs::read_dir("/proc")
                .expect("processes")
                .flatten()
                .filter(|process| is_ours(&process.path()))
                .count()
        };
        let mut patience = 100;
        while left() > 0 && patience > 0 {
            std::thread::sleep(Duration::from_millis(20));
            patience -= 1;
        }
        assert_eq!(left(), 0, "killed after {} ms", 60 * nth);
        assert_eq!(fs::read_dir(place.path("data")).map_or(0, Iterator::count), 0);
    }
}
