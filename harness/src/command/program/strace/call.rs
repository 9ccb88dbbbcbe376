//! A line that strace writes, and a call with its arguments.
//!
//! ```text
//! 17 openat(AT_FDCWD</home/u>, "\x61", O_WRONLY|O_CREAT, 0666) = 3</home/u/a>
//! 17 write(3</home/u/a>, "\x6f\x6e\x65", 3 <unfinished ...>
//! 18 +++ exited with 0 +++
//! 17 <... write resumed>)              = 3
//! ```

use std::path::PathBuf;

/// What a line says of a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// A call, from its beginning to its end.
    Call(&'a str),
    /// The beginning of a call.
    Begun(&'a str),
    /// Its end.
    Resumed(&'a str),
    /// The process is no more.
    Gone,
    /// Nothing of a call.
    Other,
}

/// The process of a line, and what is said of it. `None` if no process has a number there.
pub(super) fn said(line: &str) -> Option<(u32, Said<'_>)> {
    let (process, rest) = line.split_once(|c: char| c.is_ascii_whitespace())?;
    let process = process.parse().ok()?;
    // A time of day, or one since something else.
    let is_time =
        |word: &str| word.contains(['.', ':']) && word.bytes().all(|c| b"0123456789.:+".contains(&c));
    let rest = rest.trim_start();
    let rest =
        rest.split_once(' ').filter(|(word, _)| is_time(word)).map_or(rest, |(_, rest)| rest.trim_start());
    let said = if rest.starts_with("<... ???") {
        Said::Other
    } else if let Some(rest) = rest.strip_prefix("<... ") {
        Said::Resumed(rest.split_once(" resumed>")?.1)
    } else if rest.starts_with("+++ exited") || rest.starts_with("+++ killed") {
        Said::Gone
    } else if !rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        Said::Other
    } else if let Some(begun) = rest.trim_end().strip_suffix("<unfinished ...>") {
        Said::Begun(begun)
    } else {
        Said::Call(rest)
    };
    Some((process, said))
}

/// The name of a call, without what tells a system of 32 bits from one of 64.
pub(super) fn name(text: &str) -> &str {
    let name = text.split_once('(').map_or(text, |(name, _)| name);
    name.strip_suffix("64").unwrap_or(name)
}

/// A call that has returned.
#[derive(Debug)]
pub(super) struct Call {
    /// The name, as [`name`] says it.
    pub(super) name: String,
    arguments: Vec<String>,
    /// What it returned, unless that is not known: the process has ended.
    pub(super) result: Option<i64>,
    /// Whether strace has refused it.
    pub(super) is_injected: bool,
}

/// Why a text that should be there is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoText {
    /// It is cut.
    Cut,
    /// It is an address, or something else.
    None,
}

impl Call {
    /// The call that a text is. `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Call> {
        let open = text.find('(')?;
        let (arguments, end) = arguments(&text[open + 1..])?;
        let (_, returned) = text[open + 1 + end..].split_once("= ")?;
        let word = returned.split([' ', '<']).next().unwrap_or_default();
        let is_injected = returned.ends_with("(INJECTED)");
        Some(Call { name: name(text).to_owned(), arguments, result: integer(word), is_injected })
    }

    fn argument(&self, nth: usize) -> &str {
        self.arguments.get(nth).map_or("", String::as_str)
    }

    /// A number.
    pub(super) fn number(&self, nth: usize) -> Option<i64> {
        let argument = self.argument(nth);
        integer(argument.split('<').next().unwrap_or_default())
    }

    /// A descriptor; `None` for the current folder.
    pub(super) fn descriptor(&self, nth: usize) -> Option<i32> {
        self.number(nth).and_then(|number| i32::try_from(number).ok()).filter(|number| *number >= 0)
    }

    /// Which file a descriptor is of, as strace saw it.
    pub(super) fn file(&self, nth: usize) -> Option<PathBuf> {
        let (_, told) = self.argument(nth).split_once('<')?;
        let told = told.strip_suffix("(deleted)").unwrap_or(told).strip_suffix('>')?;
        Some(PathBuf::from(String::from_utf8_lossy(&unescaped(told)).into_owned()))
    }

    /// The words that an argument is made of, flags for one.
    pub(super) fn words(&self, nth: usize) -> impl Iterator<Item = &str> {
        self.argument(nth).split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
    }

    /// Whether a flag is among them.
    pub(super) fn has(&self, nth: usize, flag: &str) -> bool {
        self.words(nth).any(|word| word == flag)
    }

    /// The same of any argument.
    pub(super) fn has_anywhere(&self, flag: &str) -> bool {
        (0..self.arguments.len()).any(|nth| self.has(nth, flag))
    }

    /// What stands behind `key=` in a structure.
    pub(super) fn field(&self, nth: usize, key: &str) -> Option<i64> {
        let (_, rest) = self.argument(nth).split_once(&format!("{key}="))?;
        integer(rest.split([',', '}', ' ']).next()?)
    }

    /// The first number of a list, which stands for what an address points to.
    pub(super) fn pointed(&self, nth: usize) -> Option<i64> {
        integer(self.argument(nth).strip_prefix('[')?.split(']').next()?)
    }

    /// The bytes of a string.
    pub(super) fn bytes(&self, nth: usize) -> Result<Vec<u8>, NoText> {
        string(self.argument(nth)).map(|(bytes, _)| bytes)
    }

    /// The bytes of a list of buffers, one behind the other.
    pub(super) fn buffers(&self, nth: usize) -> Result<Vec<u8>, NoText> {
        let mut rest = self.argument(nth);
        let mut all = Vec::new();
        while let Some((_, behind)) = rest.split_once("iov_base=") {
            let (bytes, len) = string(behind)?;
            all.extend(bytes);
            rest = &behind[len..];
        }
        // A list that is too long is cut as well.
        if rest.contains("...") { Err(NoText::Cut) } else { Ok(all) }
    }
}

/// A number in any notation of C.
fn integer(word: &str) -> Option<i64> {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()? as i64,
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        None => digits.parse::<u64>().ok()? as i64,
    };
    Some(sign * number)
}

/// The arguments of a call up to its closing bracket, and where that is.
fn arguments(text: &str) -> Option<(Vec<String>, usize)> {
    let (bytes, mut at, mut begin, mut depth) = (text.as_bytes(), 0, 0, 0);
    let mut found = Vec::new();
    let mut take = |begin: usize, end: usize| {
        let argument = text[begin..end].trim();
        if !argument.is_empty() {
            found.push(argument.to_owned());
        }
    };
    loop {
        match bytes.get(at)? {
            b'"' => at += quoted(&bytes[at..])?,
            b'<' if at > begin && (bytes[at - 1].is_ascii_alphanumeric()) => at += told(&bytes[at..])?,
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                take(begin, at);
                return Some((found, at));
            }
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                take(begin, at);
                begin = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
}

/// How far the closing quote of a string is from the opening one.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while *text.get(at)? != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

/// How far the end is of what is told of a descriptor: a name may have such signs as well.
fn told(text: &[u8]) -> Option<usize> {
    let is_end = |at: &usize| {
        text[*at] == b'>'
            && text.get(at + 1).is_none_or(|next| b",)}]( ".contains(next))
            && text[at - 1] != b'-'
    };
    (1..text.len()).find(is_end)
}

/// The bytes of a text that begins with a string, and how long that is in the text.
fn string(text: &str) -> Result<(Vec<u8>, usize), NoText> {
    let end = text.starts_with('"').then(|| quoted(text.as_bytes())).flatten().ok_or(NoText::None)?;
    if text[end + 1..].starts_with("...") {
        return Err(NoText::Cut);
    }
    Ok((unescaped(&text[1..end]), end + 1))
}

/// What a text stands for in which bytes are written as in C.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let [escaped, behind @ ..] = rest else {
            bytes.push(*first);
            continue;
        };
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        rest = behind;
        let mut digits = |radix: u32, most: usize, from: &[u8]| {
            let digit = |byte: &u8| char::from(*byte).to_digit(radix);
            let digits: Vec<u32> = from.iter().take(most).map_while(digit).collect();
            bytes.push(digits.iter().fold(0, |number, digit| number * radix + digit) as u8);
            digits.len()
        };
        match escaped {
            b'x' => rest = &behind[digits(16, 2, behind)..],
            b'0'..=b'7' => {
                let from: Vec<u8> = [&[*escaped], behind].concat().into_iter().take(3).collect();
                rest = &behind[digits(8, 3, &from) - 1..];
            }
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'v' => bytes.push(0x0b),
            b'f' => bytes.push(0x0c),
            other => bytes.push(*other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let lines = [
            ("17 close(3) = 0", Some((17, Said::Call("close(3) = 0")))),
            ("17  12:00:01.250 close(3) = 0", Some((17, Said::Call("close(3) = 0")))),
            ("17 write(1, \"a\", 1 <unfinished ...>", Some((17, Said::Begun("write(1, \"a\", 1 ")))),
            ("17 <... write resumed>)   = 1", Some((17, Said::Resumed(")   = 1")))),
            ("17 +++ exited with 0 +++", Some((17, Said::Gone))),
            ("17 --- SIGCHLD {si_signo=SIGCHLD} ---", Some((17, Said::Other))),
            ("close(3) = 0", None),
            ("", None),
        ];
        for (line, expected) in lines {
            assert_eq!(said(line), expected, "{line}");
        }
    }

    #[test]
    fn arguments_are_what_the_kernel_was_given() {
        let open =
            Call::parse("openat(AT_FDCWD</a, b>, \"\\x61\\x2c\", O_WRONLY|O_CREAT, 0666) = 3</a, b/a>")
                .expect("a call");
        assert_eq!((open.name.as_str(), open.result), ("openat", Some(3)));
        assert_eq!((open.descriptor(0), open.file(0)), (None, Some("/a, b".into())));
        assert_eq!(open.bytes(1), Ok(b"a,".to_vec()));
        assert!(open.has(2, "O_CREAT") && !open.has(2, "O_CREA") && !open.has(2, "O_TRUNC"));
        assert_eq!(open.number(3), Some(0o666));
        let write = Call::parse(r#"write(1</tmp/\x23>(deleted), "a", 1) = 1"#).expect("a call");
        assert_eq!((write.descriptor(0), write.file(0)), (Some(1), Some("/tmp/#".into())));
        let write = Call::parse(r#"pwrite64(4<\x2f\x61>, "a\n\"\0\1770\\", 7, 512) = 7"#).expect("a call");
        assert_eq!((write.name.as_str(), write.descriptor(0)), ("pwrite", Some(4)));
        assert_eq!(write.file(0), Some("/a".into()));
        assert_eq!(write.bytes(1), Ok(b"a\n\"\0\x7f0\\".to_vec()));
        let open =
            Call::parse("openat2(5, \"a\", {flags=O_RDWR, mode=0600, resolve=0}, 24) = 6").expect("a call");
        assert_eq!((open.field(2, "mode"), open.has(2, "O_RDWR")), (Some(0o600), true));
        let raw = Call::parse("read(0xb, 0x55782044e5a0, 0x2000) = 0x67").expect("a call");
        assert_eq!((raw.descriptor(0), raw.result), (Some(11), Some(0x67)));
        let gone = Call::parse("exit_group(2) = ?").expect("a call");
        assert_eq!(gone.result, None);
        let failed = Call::parse("close(3) = -1 EBADF (Bad file descriptor)").expect("a call");
        assert_eq!(failed.result, Some(-1));
        assert!(Call::parse("close(3").is_none() && Call::parse("write(1, \"a").is_none());
    }

    #[test]
    fn buffers_are_put_together_and_what_is_cut_is_known() {
        let call = |text: &str| Call::parse(text).expect("a call");
        let two = call(r#"writev(1, [{iov_base="a]", iov_len=2}, {iov_base="b", iov_len=1}], 2) = 3"#);
        assert_eq!(two.buffers(1), Ok(b"a]b".to_vec()));
        let cut = call(r#"writev(1, [{iov_base="a"..., iov_len=2}], 1) = 2"#);
        assert_eq!(cut.buffers(1), Err(NoText::Cut));
        assert_eq!(call(r#"write(1, "a"..., 33) = 33"#).bytes(1), Err(NoText::Cut));
        assert_eq!(call("write(0x1, 0x7ffd, 0x3) = 0x3").bytes(1), Err(NoText::None));
        let list = call(r#"writev(1, [{iov_base="a", iov_len=1}, ...], 2) = 2"#);
        assert_eq!(list.buffers(1), Err(NoText::Cut));
        let copied = call("copy_file_range(3, [7] => [8], 4, NULL, 1, 0) = 1");
        assert_eq!((copied.pointed(1), copied.pointed(3)), (Some(7), None));
    }
}
