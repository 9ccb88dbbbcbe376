//! The id of one crash state, in one line that a shell takes without quotes.

use crate::EventId;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Which crash state failed, and how to get there again.
///
/// ```text
/// journal@raid5+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3
/// |       |     |         |     |       |   |   |        the answers: fourteen times 0, then 1, then three times 0
/// |       |     |         |     |       |   |   fingerprint of the trace
/// |       |     |         |     |       |   crash point: the number of the event
/// |       |     |         |     |       epoch
/// |       |     |         |     device profile
/// |       |     |         workload
/// |       |     bug switches
/// system (a name may hold `@`)
/// ```
///
/// The device profile is `mine@1a2b3c4d` if it is one of the user's own: its name, and a hash of what it allows.
///
/// Names consist of letters, digits, `_`, `-`, `@` and `.`. No answers at all are written `-`.
///
/// ```
/// use crashcheck_trace::ReplayId;
/// let id: ReplayId = "journal+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3".parse().unwrap();
/// assert_eq!(id.bugs, ["no-revoke"]);
/// assert_eq!(id.answers.iter().sum::<u16>(), 1);
/// assert_eq!(id.to_string(), "journal+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplayId {
    /// The system.
    pub system: String,
    /// Its bug switches that were on.
    pub bugs: Vec<String>,
    /// The workload; a generated one carries its seed: `generated-42`.
    pub workload: String,
    /// The device profile, one of the user's own with its hash.
    pub profile: String,
    /// The epoch in which the power failed.
    pub epoch: u32,
    /// The last event before the crash.
    pub point: EventId,
    /// [`Trace::fingerprint`](crate::Trace::fingerprint): a replay against another trace is noticed.
    pub trace_hash: u32,
    /// The choices that make the crash state, in the order in which they were asked.
    pub answers: Answers,
}

impl ReplayId {
    /// The name of the device profile, without what tells it from others of that name.
    pub fn profile_name(&self) -> &str {
        self.profile.split_once('@').map_or(&self.profile, |(name, _)| name)
    }
}

/// A list of choices in which long runs of the same answer take little room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Answers {
    /// Answer and how often, never 0; neighbours differ unless their sum exceeds 32 bits.
    runs: Vec<(u16, u32)>,
}

impl Answers {
    /// Appends an answer.
    pub fn push(&mut self, answer: u16) {
        self.push_run(answer, 1);
    }

    fn push_run(&mut self, answer: u16, count: u32) {
        if let Some((last, times)) = self.runs.last_mut().filter(|(last, _)| *last == answer)
            && let Some(sum) = times.checked_add(count)
        {
            (*last, *times) = (answer, sum);
        } else {
            self.runs.push((answer, count));
        }
    }

    /// How many answers there are.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The answers one by one. An id that a person wrote can name billions: take what is needed.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.runs.iter().flat_map(|(answer, count)| std::iter::repeat_n(*answer, *count as usize))
    }
}

impl FromIterator<u16> for Answers {
    fn from_iter<I: IntoIterator<Item = u16>>(answers: I) -> Self {
        let mut all = Answers::default();
        answers.into_iter().for_each(|answer| all.push(answer));
        all
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (index, (answer, count)) in self.runs.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match count {
                1 => write!(f, "{dot}{answer}")?,
                _ => write!(f, "{dot}{answer}x{count}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.system)?;
        self.bugs.iter().try_for_each(|bug| write!(f, "+{bug}"))?;
        write!(f, ":{}/{}/e{}/p{}", self.workload, self.profile, self.epoch, self.point.0)?;
        write!(f, "/{:08x}/{}", self.trace_hash, self.answers)
    }
}

/// Why a line is not a replay id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayIdError {
    /// There are not six parts.
    #[error(
        "a replay id has six parts, SYSTEM:WORKLOAD/PROFILE/eEPOCH/pPOINT/TRACE/ANSWERS, but this has {found}: paste all of it"
    )]
    Parts {
        /// How many there are.
        found: usize,
    },
    /// The first part has no colon.
    #[error("a replay id begins with SYSTEM:WORKLOAD, but `{found}` has no colon")]
    NoWorkload {
        /// The first part.
        found: String,
    },
    /// A name is empty or has characters that it may not have.
    #[error("the {what} is `{found}`: a name has letters, digits, `_`, `-`, `@` and `.`")]
    Name {
        /// Whose.
        what: &'static str,
        /// What is there.
        found: String,
    },
    /// A number is none.
    #[error("the {what} is `{found}`, but should look like `{like}`")]
    Number {
        /// Which.
        what: &'static str,
        /// What is there.
        found: String,
        /// What should be.
        like: &'static str,
    },
}

impl FromStr for ReplayId {
    type Err = ReplayIdError;

    fn from_str(line: &str) -> Result<Self, ReplayIdError> {
        let parts: Vec<&str> = line.trim().split('/').collect();
        let [subject, profile, epoch, point, hash, answers] = parts[..] else {
            return Err(ReplayIdError::Parts { found: parts.len() });
        };
        let (system, workload) = subject
            .split_once(':')
            .ok_or_else(|| ReplayIdError::NoWorkload { found: subject.escape_debug().to_string() })?;
        let mut names = system.split('+');
        let system = name("system", names.next().unwrap_or_default())?;
        let bugs = names.map(|bug| name("bug switch", bug)).collect::<Result<_, _>>()?;
        Ok(ReplayId {
            system,
            bugs,
            workload: name("workload", workload)?,
            profile: name("profile", profile)?,
            epoch: prefixed("epoch", epoch, 'e', "e12")?,
            point: EventId(prefixed("crash point", point, 'p', "p57")?),
            trace_hash: trace_hash(hash)?,
            answers: answers.parse()?,
        })
    }
}

impl FromStr for Answers {
    type Err = ReplayIdError;

    fn from_str(text: &str) -> Result<Self, ReplayIdError> {
        let mut answers = Answers::default();
        if text == "-" {
            return Ok(answers);
        }
        let fail = || number_error("list of answers", text, "0x14.1.0x3");
        for run in text.split('.') {
            let (answer, count) = run.split_once('x').unwrap_or((run, "1"));
            let answer = decimal(answer).ok_or_else(fail)?;
            let count = decimal(count).filter(|count| *count > 0).ok_or_else(fail)?;
            answers.push_run(answer, count);
        }
        Ok(answers)
    }
}

fn name(what: &'static str, found: &str) -> Result<String, ReplayIdError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-@.".contains(c);
    if !found.is_empty() && found.chars().all(allowed) {
        return Ok(found.to_owned());
    }
    Err(ReplayIdError::Name { what, found: found.escape_debug().to_string() })
}

fn prefixed(what: &'static str, found: &str, prefix: char, like: &'static str) -> Result<u32, ReplayIdError> {
    let number = found.strip_prefix(prefix).and_then(decimal);
    number.ok_or_else(|| number_error(what, found, like))
}

fn trace_hash(found: &str) -> Result<u32, ReplayIdError> {
    let digits = found.len() == 8 && found.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = u32::from_str_radix(found, 16).ok().filter(|_| digits);
    hash.ok_or_else(|| number_error("trace fingerprint", found, "3fa9c10b"))
}

/// Digits only: `parse` alone would take a plus sign.
fn decimal<T: FromStr>(digits: &str) -> Option<T> {
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn number_error(what: &'static str, found: &str, like: &'static str) -> ReplayIdError {
    ReplayIdError::Number { what, found: found.escape_debug().to_string(), like }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "journal@raid5+no-revoke:reuse/reorder/e12/p57/3fa9c10b/0x14.1.0x3";

    prop_compose! {
        fn any_id()(
            system in "[A-Za-z0-9_@.-]{1,12}", bugs in prop::collection::vec("[a-z0-9-]{1,8}", 0..4),
            workload in "[A-Za-z0-9_.-]{1,12}", profile in "[a-z0-9-]{1,8}", epoch: u32, point: u32,
            trace_hash: u32, answers in prop::collection::vec(prop_oneof![Just(0u16), any::<u16>()], 0..60),
        ) -> ReplayId {
            let answers = answers.into_iter().collect();
            ReplayId { system, bugs, workload, profile, epoch, point: EventId(point), trace_hash, answers }
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back(id in any_id()) {
            prop_assert_eq!(id.to_string().parse::<ReplayId>(), Ok(id));
        }

        #[test]
        fn no_shell_needs_quotes(id in any_id()) {
            prop_assert!(id.to_string().chars().all(|c| c.is_ascii_alphanumeric() || "_@:+./-".contains(c)));
        }

        #[test]
        fn answers_come_back_one_by_one(answers in prop::collection::vec(0..3u16, 0..50)) {
            let packed: Answers = answers.iter().copied().collect();
            prop_assert_eq!(packed.len(), answers.len() as u64);
            prop_assert!(packed.iter().eq(answers));
        }

        #[test]
        fn a_line_that_was_damaged_never_panics(at in 0..LINE.len(), c: char, line in ".{0,60}") {
            let mut damaged = LINE.to_owned();
            damaged.replace_range(at..=at, &c.to_string());
            let _ = damaged.parse::<ReplayId>();
            let _ = line.parse::<ReplayId>();
        }
    }

    #[test]
    fn each_mistake_is_named() {
        let cases = [
            (&LINE[..30], "six parts"),
            ("journal/reorder/e12/p57/3fa9c10b/1", "no colon"),
            ("a+:b/c/e1/p1/00000000/-", "bug switch is ``"),
            ("a:b b/c/e1/p1/00000000/-", "workload is `b b`"),
            ("a:b/c/12/p1/00000000/-", "epoch is `12`"),
            ("a:b/c/e1/p+1/00000000/-", "crash point is `p+1`"),
            ("a:b/c/e1/p1/0000/-", "fingerprint is `0000`"),
            ("a:b/c/e1/p1/00000000/0x0", "answers is `0x0`"),
            ("a:b/c/e1/p1/00000000/", "answers is ``"),
            ("a:b/c/e1/p1/00000000/65536", "answers is `65536`"),
        ];
        for (line, expected) in cases {
            let error = line.parse::<ReplayId>().expect_err(line).to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn billions_of_answers_take_no_room() {
        let id: ReplayId = "a:b/c/e1/p1/00000000/0x4294967295.0x4294967295".parse().expect("an id");
        assert_eq!(id.answers.len(), 2 * u64::from(u32::MAX));
        assert_eq!(id.answers.iter().take(3).collect::<Vec<_>>(), [0, 0, 0]);
    }
}
