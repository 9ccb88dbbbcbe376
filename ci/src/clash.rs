//! The files that a command line names: what is written goes to a file of its own, and over none that is read. That is seen to
//! before anything runs.

use crate::args::{
    Command, ExploreArgs, InputArgs, OutputArgs, RecordedArgs, ReplayArgs, ReplayFiles, TraceCommand,
};
use crate::config::{self, Config};
use crate::failure::Failure;
use crashcheck::trace::import;
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

/// The name of the standard output among files that reports are written to.
pub(crate) const STDOUT: &str = "-";

/// So many symbolic links are followed one after the other.
const LINKS: usize = 40;

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Reads,
    Writes,
    /// It is a folder, in which there will be a file `NAME.img` for each of several devices.
    Fills,
}

/// A file that an option names.
#[derive(Debug)]
struct Named {
    option: &'static str,
    path: PathBuf,
    used: Use,
}

/// Which file a path leads to, whatever it is called.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Stdout,
    /// One that is there: the numbers of its file system and its own.
    File(u64, u64),
    /// One that is not: the folder that is there, and the way from it.
    New(u64, u64, PathBuf),
}

/// Makes sure that a command writes no file twice, and none that it reads.
///
/// # Errors
/// If it would; names both options.
pub(crate) fn check(command: &Command, config_file: Option<&Path>, config: &Config) -> Result<(), Failure> {
    let mut named = named(command, config);
    let config_file = config_file.unwrap_or(Path::new(config::FILE));
    if config_file.is_file() {
        named.push(Named { option: "--config", path: config_file.to_owned(), used: Use::Reads });
    }
    let places: Vec<Option<Place>> = named.iter().map(|named| place(&named.path, named.used)).collect();
    for (nth, (one, at)) in named.iter().zip(&places).enumerate() {
        for (other, there) in named.iter().zip(&places).take(nth) {
            if let (Some(at), Some(there)) = (at, there)
                && (one.used, other.used) != (Use::Reads, Use::Reads)
                && (at == there || holds(other, there, one) || holds(one, at, other))
            {
                return Err(Failure::usage(clash(one, other, *at == Place::Stdout)));
            }
        }
    }
    Ok(())
}

fn clash(one: &Named, other: &Named, stdout: bool) -> String {
    let said = |named: &Named| format!("{} {}", named.option, named.path.display());
    match (one.used, other.used) {
        _ if stdout => format!(
            "{} and {} both go to the standard output: name a file for one of them",
            other.option, one.option
        ),
        (Use::Reads, _) => format!("{} would be written over {}: name another file", said(other), said(one)),
        (_, Use::Reads) => format!("{} would be written over {}: name another file", said(one), said(other)),
        _ => format!("{} and {} name the same file: name another for one of them", said(other), said(one)),
    }
}

/// Whether one of the files that will be in a folder may be this one.
fn holds(folder: &Named, at: &Place, file: &Named) -> bool {
    let is_image = file.path.extension().is_some_and(|ending| ending == "img");
    let parent =
        file.path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let inside = || parent.and_then(|parent| place(parent, Use::Fills)).is_some_and(|parent| parent == *at);
    folder.used == Use::Fills && file.used == Use::Writes && is_image && inside()
}

/// Everything that a command names.
fn named(command: &Command, config: &Config) -> Vec<Named> {
    let mut list = List(Vec::new());
    match command {
        Command::Explore(args) => explore(args, config, &mut list),
        Command::Program(args) => {
            list.profiles(&args.search.profiles);
            list.outputs(&args.output, config);
            list.add("--trace", Use::Writes, Some(&args.trace_file(config.out())));
        }
        Command::Advise(args) => {
            list.profiles(&args.search.profiles);
            list.recorded(&args.recorded);
        }
        Command::Record(args) => {
            list.add("--strace-log", Use::Reads, args.strace_log.as_ref());
            list.add("--output", Use::Writes, Some(&args.output));
        }
        Command::Replay(args) => replay(args, &mut list),
        Command::Report(args) => {
            list.add("the data", Use::Reads, Some(&args.file));
            let beside = args.file.with_extension("html");
            let none = args.html.is_none() && args.markdown.is_none() && args.junit.is_none();
            list.add("the page beside it,", Use::Writes, none.then_some(&beside));
            list.add("--html", Use::Writes, args.html.as_ref());
            list.add("--markdown", Use::Writes, args.markdown.as_ref());
            list.add("--junit", Use::Writes, args.junit.as_ref());
        }
        Command::Trace(
            TraceCommand::Import { file, output, input } | TraceCommand::Export { file, output, input, .. },
        ) => {
            list.trace("the trace", file, input);
            list.add("--output", Use::Writes, Some(output));
        }
        Command::Trace(TraceCommand::Show { .. } | TraceCommand::Stats { .. })
        | Command::List(_)
        | Command::Completions { .. }
        | Command::Man(_) => {}
    }
    list.0
}

fn explore(args: &ExploreArgs, config: &Config, list: &mut List) {
    list.profiles(&args.search.profiles);
    list.recorded(&args.recorded);
    if args.dry_run {
        return;
    }
    list.outputs(&args.output, config);
}

fn replay(args: &ReplayArgs, list: &mut List) {
    let ReplayFiles { image, dir, recovered, save_trace, html } = &args.files;
    list.profiles(args.profile.as_slice());
    list.recorded(&args.recorded);
    list.add("--image", Use::Writes, image.as_ref());
    list.add("--dir", Use::Fills, dir.as_ref());
    list.add("--recovered", Use::Fills, recovered.as_ref());
    list.add("--save-trace", Use::Writes, save_trace.as_ref());
    list.add("--html", Use::Writes, html.as_ref());
}

struct List(Vec<Named>);

impl List {
    fn add(&mut self, option: &'static str, used: Use, path: Option<&PathBuf>) {
        self.0.extend(path.map(|path| Named { option, path: path.clone(), used }));
    }

    fn profiles(&mut self, profiles: &[String]) {
        for profile in profiles.iter().filter(|profile| config::is_profile_file(Path::new(profile))) {
            self.add("--profile", Use::Reads, Some(&PathBuf::from(profile)));
        }
    }

    fn outputs(&mut self, args: &OutputArgs, config: &Config) {
        let out = args.out.clone().unwrap_or_else(|| config.out());
        self.add("--out", Use::Writes, Some(&out.join("report.json")));
        self.add("--out", Use::Writes, Some(&out.join("report.html")));
        self.add("--json", Use::Writes, args.json.as_ref());
        self.add("--junit", Use::Writes, args.junit.as_ref());
        self.add("--html", Use::Writes, args.html.as_ref());
        self.add("--markdown", Use::Writes, args.markdown.as_ref());
    }

    fn recorded(&mut self, args: &RecordedArgs) {
        if let Some(trace) = &args.trace {
            self.trace("--trace", trace, &args.input);
        }
    }

    fn trace(&mut self, option: &'static str, file: &Path, input: &InputArgs) {
        import::files_of(file).iter().for_each(|file| self.add(option, Use::Reads, Some(file)));
        self.add("--base", Use::Reads, input.base.as_ref());
    }
}

/// Where a path leads to. `None` where nothing can be lost: what a terminal or a pipe was given is not written over.
fn place(path: &Path, used: Use) -> Option<Place> {
    if path == Path::new(STDOUT) && used == Use::Writes {
        return Some(Place::Stdout);
    }
    let path = followed(path.to_owned());
    let endless = |kind: FileType| kind.is_char_device() || kind.is_fifo() || kind.is_socket();
    if let Ok(metadata) = fs::metadata(&path) {
        return (!endless(metadata.file_type())).then(|| Place::File(metadata.dev(), metadata.ino()));
    }
    let path = plain(&std::path::absolute(path).ok()?);
    let mut above = path.ancestors();
    let (folder, metadata) = above.find_map(|above| Some((above, fs::metadata(above).ok()?)))?;
    let rest = path.strip_prefix(folder).ok()?;
    Some(Place::New(metadata.dev(), metadata.ino(), rest.to_owned()))
}

/// The end of a chain of symbolic links: what is written to one makes the file that it points to.
fn followed(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut parts: Vec<OsString> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = parts.pop(),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                parts.push(part.as_os_str().to_owned());
            }
        }
    }
    parts.iter().collect()
}
