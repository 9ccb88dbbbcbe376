//! Where in its source a program is when it asks for something: the calls that its thread waits in.
//!
//! A thread that waits for the answer to a call has its return addresses on its stack. Whatever there looks like one, since it follows a
//! call instruction in the code of the program, is noted while the program runs. When it has ended, those of them are looked up in the debug
//! information of its files whose instruction calls the function that comes before on the stack: others are left there from earlier calls.
//! Where a function was called through a pointer, whose value nobody knows, what called it is believed only if it was called by what
//! stands on the stack itself.
//! What has no such information has no lines, nor has a program that an interpreter runs.

use addr2line::Loader;
use crashcheck_trace::{Label, Trace};
use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};
use rustc_hash::FxHashMap;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many calls are told, the innermost first.
const CALLS: usize = 4;

/// So many bytes of a stack are looked through, and so many addresses kept.
const DEPTH: usize = 16 << 10;
const ADDRESSES: usize = 24;

/// Files whose calls say nothing of the program: what carries out its calls, and what interprets it.
const FOREIGN: [&str; 14] = [
    "bash",
    "dash",
    "java",
    "ld-linux-x86-64",
    "ld-linux-aarch64",
    "ld-musl-x86_64",
    "libc",
    "libpthread",
    "libpython",
    "node",
    "perl",
    "php",
    "python",
    "ruby",
];

/// An address in a file: its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Address {
    file: Arc<Path>,
    offset: u64,
}

/// A place to which a call returns.
#[derive(Clone, Debug)]
struct Return {
    to: Address,
    /// Where the function begins that was called, if the instruction says it: its place in the same file.
    called: Option<u64>,
}

/// What a thread waits in: where it is, if that is in a file of the program, and what may be its calls, from the innermost outwards.
#[derive(Clone, Debug, Default)]
struct Stack {
    at: Option<Address>,
    returns: Vec<Return>,
}

/// What tells a file from another one that takes its place: where it is on its disk, and when it was written.
type Identity = (u64, u64, i64, i64);

fn identity(file: &Path) -> Option<Identity> {
    let known = fs::metadata(file).ok()?;
    Some((known.dev(), known.ino(), known.mtime(), known.mtime_nsec()))
}

/// The calls that have led to events, as addresses.
#[derive(Default)]
pub(super) struct Stacks {
    files: FxHashMap<String, Arc<Path>>,
    /// What the files were when they were first met.
    met: FxHashMap<Arc<Path>, Option<Identity>>,
    /// With the events of each.
    known: Vec<(Range<usize>, Stack)>,
}

impl Stacks {
    /// These events are what a thread waits for.
    pub(super) fn note(&mut self, thread: u32, events: Range<usize>) {
        if events.is_empty() {
            return;
        }
        if let Some(stack) = self.stack(thread).filter(|stack| !stack.returns.is_empty()) {
            self.known.push((events, stack));
        }
    }

    /// What looks like return addresses on the stack of a thread that waits in a call.
    fn stack(&mut self, thread: u32) -> Option<Stack> {
        let process = PathBuf::from(format!("/proc/{thread}"));
        let call = fs::read_to_string(process.join("syscall")).ok()?;
        // The last two words are the pointers to the stack and to the instruction (proc_pid_syscall(5)).
        let mut words = call.split_whitespace().rev().map(|word| number(word.strip_prefix("0x")?));
        let (instruction, pointer) = (words.next()??, words.next()??);
        let memory = File::open(process.join("mem")).ok()?;
        let texts = texts(&fs::read_to_string(process.join("maps")).ok()?);
        let mut address = |at: u64| {
            let text = texts.iter().find(|text| text.at.contains(&at))?;
            let file = self.files.entry(text.file.clone()).or_insert_with(|| Path::new(&text.file).into());
            self.met.entry(Arc::clone(file)).or_insert_with(|| identity(file));
            Some((
                Address { file: Arc::clone(file), offset: at - text.at.start + text.offset },
                text.at.clone(),
            ))
        };
        let mut bytes = vec![0; DEPTH];
        // The end of a stack may be nearer.
        let read = (0..5).find_map(|halved| memory.read_at(&mut bytes[..DEPTH >> halved], pointer).ok())?;
        let mut stack = Stack { at: address(instruction).map(|(at, _)| at), returns: Vec::new() };
        for word in bytes[..read].as_chunks::<8>().0 {
            let word = u64::from_le_bytes(*word);
            let Some((to, text)) = address(word) else { continue };
            let Some(call) = call_before(&memory, word) else { continue };
            let called = match call {
                Call::Direct(target) if text.contains(&target) => Some(to.offset + target - word),
                Call::Direct(_) | Call::Indirect => None,
            };
            stack.returns.push(Return { to, called });
            if stack.returns.len() == ADDRESSES {
                break;
            }
        }
        Some(stack)
    }

    /// Writes the calls into the labels of the events.
    pub(super) fn write_calls(self, trace: &mut Trace) {
        let mut sources = Sources { met: self.met, ..Sources::default() };
        for (events, stack) in self.known {
            let calls = sources.calls(&stack);
            for event in trace.events[events].iter_mut().filter(|_| !calls.is_empty()) {
                if let Some(label) = event.label_mut() {
                    let what = label.take().unwrap_or_else(|| Label::from("write"));
                    *label = Some(what.with_calls(&calls));
                }
            }
        }
    }
}

/// Where a file with code is in memory.
struct Text {
    at: Range<u64>,
    offset: u64,
    file: String,
}

fn number(hexadecimal: &str) -> Option<u64> {
    u64::from_str_radix(hexadecimal, 16).ok()
}

/// The code in memory that may be a program's own, as `/proc/PID/maps` says it (proc_pid_maps(5)).
fn texts(maps: &str) -> Vec<Text> {
    let text = |line: &str| {
        let mut words = line.split_whitespace();
        let (at, rights, offset) = (words.next()?, words.next()?, words.next()?);
        // A path may have spaces, and nothing before it has a slash.
        let file = line.find(" /").map(|at| &line[at + 1..]).filter(|_| rights.contains('x'))?;
        let name = file.rsplit('/').next()?;
        // With a version behind it: `python3.11`, `libc.so.6`.
        let is_version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || ".-so".contains(c));
        let is_foreign = FOREIGN.iter().any(|foreign| name.strip_prefix(foreign).is_some_and(is_version));
        let (start, end) = at.split_once('-')?;
        let at = number(start)?..number(end)?;
        (!is_foreign).then(|| Some(Text { at, offset: number(offset)?, file: file.to_owned() }))?
    };
    maps.lines().filter_map(text).collect()
}

/// A call instruction.
enum Call {
    /// It says what it calls.
    Direct(u64),
    /// That is in a register or in memory.
    Indirect,
}

/// The call instruction before an address, if there is one.
#[cfg(target_arch = "x86_64")]
fn call_before(memory: &File, address: u64) -> Option<Call> {
    let mut before = [0; 7];
    memory.read_exact_at(&mut before, address.checked_sub(7)?).ok()?;
    if before[2] == 0xE8 {
        let distance = i32::from_le_bytes([before[3], before[4], before[5], before[6]]);
        return Some(Call::Direct(address.wrapping_add_signed(distance.into())));
    }
    // Of a call through a register or a place in memory, two to seven bytes long, the second byte says /2.
    let through = |len: usize| before[7 - len] == 0xFF && before[8 - len] & 0x38 == 0x10;
    [2, 3, 4, 6, 7].into_iter().any(through).then_some(Call::Indirect)
}

/// The call instruction before an address, if there is one.
#[cfg(target_arch = "aarch64")]
fn call_before(memory: &File, address: u64) -> Option<Call> {
    let mut before = [0; 4];
    memory.read_exact_at(&mut before, address.checked_sub(4)?).ok()?;
    let instruction = u32::from_le_bytes(before);
    if instruction >> 26 == 0b10_0101 {
        // Of 26 bits with a sign, in words from the instruction on.
        let distance = i64::from((instruction << 6) as i32 >> 6) * 4 - 4;
        return Some(Call::Direct(address.wrapping_add_signed(distance)));
    }
    (instruction & 0xFFFF_FC1F == 0xD63F_0000).then_some(Call::Indirect)
}

/// The call instruction before an address; on this processor nobody knows.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn call_before(_: &File, _: u64) -> Option<Call> {
    None
}

/// The debug information of files, and what was looked up in it.
#[derive(Default)]
struct Sources {
    met: FxHashMap<Arc<Path>, Option<Identity>>,
    files: FxHashMap<Arc<Path>, Option<Source>>,
    known: FxHashMap<Address, Vec<String>>,
}

struct Source {
    lines: Loader,
    /// By place in the file, where its parts are when it runs.
    parts: Vec<(Range<u64>, u64)>,
    /// Where its functions are then, in order.
    functions: Vec<Range<u64>>,
}

impl Source {
    fn of(file: &Path) -> Option<Source> {
        let bytes = fs::read(file).ok()?;
        let parsed = object::File::parse(&*bytes).ok()?;
        let part = |segment: object::Segment<'_, '_>| {
            let (start, len) = segment.file_range();
            (start..start + len, segment.address())
        };
        let function = |symbol: object::Symbol<'_, '_>| {
            let is_one = symbol.kind() == SymbolKind::Text && symbol.size() > 0;
            is_one.then(|| symbol.address()..symbol.address() + symbol.size())
        };
        let mut functions: Vec<Range<u64>> = parsed.symbols().filter_map(function).collect();
        functions.sort_unstable_by_key(|function| function.start);
        let parts = parsed.segments().map(part).collect();
        Some(Source { lines: Loader::new(file).ok()?, parts, functions })
    }

    /// Where a place in the file is when it runs.
    fn address(&self, offset: u64) -> Option<u64> {
        let (part, address) = self.parts.iter().find(|(part, _)| part.contains(&offset))?;
        Some(offset - part.start + address)
    }

    /// The function that a place in the file is in.
    fn function(&self, offset: u64) -> Option<Range<u64>> {
        let address = self.address(offset)?;
        let after = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions.get(after.checked_sub(1)?)?;
        function.contains(&address).then(|| function.clone())
    }

    /// The lines of the call before a return address, those that were inlined first.
    fn lines(&self, offset: u64) -> Vec<String> {
        let Some(mut frames) =
            self.address(offset).and_then(|address| self.lines.find_frames(address - 1).ok())
        else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let at = frame.location.and_then(|location| Some((location.file?, location.line?)));
            lines.extend(at.and_then(|(file, line)| told(file, line)));
        }
        lines
    }
}

impl Sources {
    /// The lines of the calls that a thread waits in.
    fn calls(&mut self, stack: &Stack) -> Vec<String> {
        let mut calls: Vec<String> = Vec::new();
        let (mut before, mut returns) = (stack.at.clone(), &stack.returns[..]);
        while let Some(next) = self.caller(before.as_ref(), returns) {
            let to = &returns[next].to;
            for line in self.lines(to) {
                if calls.last() != Some(&line) && calls.len() < CALLS {
                    calls.push(line);
                }
            }
            (before, returns) = (Some(to.clone()), &returns[next + 1..]);
        }
        calls
    }

    /// Which of these returns is that of a call which has led to where the thread was next.
    fn caller(&mut self, before: Option<&Address>, returns: &[Return]) -> Option<usize> {
        let mut called = |nth: usize, before: Option<&Address>| {
            let Return { to, called } = &returns[nth];
            called.is_some_and(|called| self.may_have_called(to, called, before))
        };
        let direct = (0..returns.len()).find(|nth| called(*nth, before));
        direct.or_else(|| {
            let mut through = (0..returns.len()).filter(|nth| returns[*nth].called.is_none());
            through.find(|nth| (nth + 1..returns.len()).any(|above| called(above, Some(&returns[*nth].to))))
        })
    }

    /// Whether a call of this function has led to where the thread was next. Into another file calls go by a stub, which is no function.
    fn may_have_called(&mut self, to: &Address, called: u64, before: Option<&Address>) -> bool {
        let Some(source) = self.source(&to.file) else { return false };
        let function = source.function(called);
        match before.filter(|before| before.file == to.file) {
            Some(before) => function.is_some() && function == source.function(before.offset),
            None => function.is_none(),
        }
    }

    fn source(&mut self, file: &Arc<Path>) -> Option<&Source> {
        // Another file may have taken its place by now.
        let is_same = || self.met.get(file).is_some_and(|met| met.is_some() && *met == identity(file));
        self.files.entry(Arc::clone(file)).or_insert_with(|| is_same().then(|| Source::of(file))?).as_ref()
    }

    fn lines(&mut self, address: &Address) -> Vec<String> {
        if let Some(known) = self.known.get(address) {
            return known.clone();
        }
        let lines = self.source(&address.file).map(|source| source.lines(address.offset)).unwrap_or_default();
        self.known.insert(address.clone(), lines.clone());
        lines
    }
}

/// A line of a source as it is told: below the current folder, or with the folder that it is in. `None` for what comes with Rust.
fn told(file: &str, line: u32) -> Option<String> {
    if file.starts_with("/rustc/") || file.contains("/library/std/") {
        return None;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let path = Path::new(file);
    let below = path.strip_prefix(&here).unwrap_or_else(|_| {
        let parts: Vec<_> = path.components().collect();
        let folder = parts.len().checked_sub(3).map(|above| parts[..=above].iter().collect::<PathBuf>());
        folder.map_or(path, |folder| path.strip_prefix(folder).unwrap_or(path))
    });
    Some(format!("{}:{line}", below.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_the_program_alone_is_looked_at() {
        let maps = "\
55d0c0000000-55d0c0001000 r--p 00000000 fe:00 12 /home/u/store
55d0c0001000-55d0c0005000 r-xp 00001000 fe:00 12 /home/u/store
7f00a0000000-7f00a0100000 r-xp 00028000 fe:00 13 /usr/lib/x86_64-linux-gnu/libc.so.6
7f00b0000000-7f00b0001000 r-xp 00000000 00:00 0 [vdso]
7f00c0000000-7f00c0001000 rw-p 00000000 00:00 0
";
        let texts = texts(maps);
        assert_eq!(texts.len(), 1);
        assert_eq!((texts[0].at.start, texts[0].offset), (0x55d0_c000_1000, 0x1000));
        assert_eq!(texts[0].file, "/home/u/store");
    }

    #[test]
    fn a_line_is_told_with_its_folder() {
        assert_eq!(told("/rustc/0a/library/std/src/fs.rs", 9), None);
        assert_eq!(told("/build/db/src/wal.c", 113).as_deref(), Some("src/wal.c:113"));
        assert_eq!(told("wal.c", 7).as_deref(), Some("wal.c:7"));
    }
}
