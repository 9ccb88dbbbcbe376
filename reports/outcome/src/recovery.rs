//! What recovery did in the state of a finding, and where the bytes come from that are wrong after it.

use super::told::counted;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a recovery did on the devices, up to its end or to the next crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The life that it begins: 2 is the one after the first crash.
    pub life: u8,
    /// Whether it is the second of that life, without a crash between.
    pub again: bool,
    /// Whether the power failed before it had come to its end.
    pub cut: bool,
    /// What it read, in order, each place once; not what it had written itself.
    pub reads: Vec<Reading>,
    /// What it wrote, in order.
    pub writes: Vec<Writing>,
    /// So much more it read or wrote.
    pub more: u64,
}

/// A place that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// How much, and where.
    pub place: String,
    /// Whether the crash had left open what it holds.
    pub open: bool,
    /// Where what it holds comes from, in the order of position.
    pub holds: Vec<Origin>,
    /// Newer writes to it that were lost.
    pub lost: Vec<Origin>,
}

/// Something that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writing {
    /// What, how much, and where.
    pub what: String,
    /// Where what it was written over comes from.
    pub over: Vec<Origin>,
    /// A write of the workload that wrote the same bytes somewhere else: their contents match, which does not say that they
    /// were copied from there.
    pub same_as: Option<Origin>,
    /// Whether it left other bytes than there were; absent if that is not known.
    pub changes: Option<bool>,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The life that wrote them: 1 is the recorded workload.
    pub life: u8,
    /// The event of that life; absent if none did.
    pub event: Option<u32>,
    /// What it is, in the words of the system.
    pub what: String,
}

/// Where bytes come from that are not as they are in a state that passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What they are told beside, in words: a state next to this one that passes, or what the first of two recoveries has left.
    pub beside: String,
    /// The places that were looked at and differ.
    pub places: Vec<WrongPlace>,
    /// So many more places differ.
    pub more: u64,
}

/// A place that does not hold what it holds in a state that passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongPlace {
    /// How much, and where.
    pub place: String,
    /// Where the first byte comes from that differs.
    pub holds: Origin,
    /// See [`Writing::same_as`].
    pub same_as: Option<Origin>,
    /// Where that byte comes from in the state that passes.
    pub instead: Origin,
    /// The first byte that differs, counted from the beginning of the place.
    pub from: u64,
    /// So many bytes differ.
    pub bytes: u64,
    /// Bytes from there on: in hexadecimal, and as text.
    pub is: String,
    /// The same in the state that passes.
    pub should_be: String,
}

/// So many reads and writes of a recovery are told in lines.
const LINES: usize = 3;

impl Recovery {
    /// It in lines, each with its name: how much it did, what it read that decided, and what it changed.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let open = || self.reads.iter().filter(|read| read.open || !read.lost.is_empty());
        let mut lines = vec![("recovery", self.to_string())];
        lines.extend(open().take(LINES).map(|read| ("it read", read.to_string())));
        let mut changes: Vec<_> = self.writes.iter().filter(|write| write.changes != Some(false)).collect();
        // What was written before tells more than what has been there from the beginning.
        changes.sort_by_key(|write| write.over.iter().all(|origin| origin.event.is_none()));
        lines.extend(changes.iter().take(LINES).map(|write| ("it wrote", write.to_string())));
        if changes.len() > LINES {
            lines.push(("it wrote", format!("and {} more", changes.len() - LINES)));
        }
        lines
    }
}

impl Provenance {
    /// It in lines, each with its name.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("beside", self.beside.clone())];
        let more = self.more + self.places.len().saturating_sub(1) as u64;
        for place in self.places.iter().take(1) {
            let more = match more {
                0 => String::new(),
                1 => "; 1 more place differs".to_owned(),
                more => format!("; {more} more places differ"),
            };
            lines.push(("differs", format!("{place}{more}")));
            lines.push(("is", place.is.clone()));
            lines.push(("would be", place.should_be.clone()));
        }
        lines
    }
}

impl WrongPlace {
    /// Whether what it holds is of the same kind as what it should hold, by their names without numbers.
    pub fn is_alike(&self) -> bool {
        let kind = |origin: &Origin| origin.what.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        kind(self.same_as.as_ref().unwrap_or(&self.holds)) == kind(&self.instead)
    }

    /// Where what it holds comes from, in words.
    pub fn source(&self) -> String {
        match &self.same_as {
            Some(same) => format!("{} (the same bytes as {same} wrote)", self.holds),
            None => self.holds.to_string(),
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.reads.iter().filter(|read| read.open).count();
        let changing = self.writes.iter().filter(|write| write.changes != Some(false)).count();
        match (self.again, self.life) {
            (true, _) => write!(f, "the second one ")?,
            (false, 2) => {}
            (false, life) => write!(f, "in life {life} it ")?,
        }
        let places = if self.reads.len() == 1 { "place" } else { "places" };
        write!(f, "read {} {places}", self.reads.len())?;
        match open {
            0 => write!(f, ", none of which the crash had left open")?,
            1 => write!(f, ", 1 of which the crash had left open")?,
            open => write!(f, ", {open} of which the crash had left open")?,
        }
        match (self.writes.len(), changing) {
            (0, _) => write!(f, ", and wrote nothing")?,
            (writes, 0) => {
                write!(f, ", and made {} that changed nothing", counted(writes as u64, "write"))?;
            }
            (1, _) => write!(f, ", and made 1 write")?,
            (writes, _) if writes == changing => write!(f, ", and made {writes} writes")?,
            (writes, _) => write!(f, ", and made {writes} writes, {changing} of which changed something")?,
        }
        if self.more > 0 {
            write!(f, "; {} more {} not listed", self.more, if self.more == 1 { "is" } else { "are" })?;
        }
        if self.cut { write!(f, "; then the power failed again") } else { Ok(()) }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, list(&self.holds))?;
        if self.lost.is_empty() { Ok(()) } else { write!(f, "; lost: {}", list(&self.lost)) }
    }
}

impl fmt::Display for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.over.is_empty() {
            write!(f, ", over {}", list(&self.over))?;
        }
        match &self.same_as {
            Some(same) => write!(f, ": the same bytes as {same} wrote"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.event, self.life) {
            (None, _) => f.write_str(&self.what),
            (Some(event), 1) => write!(f, "#{event} ({})", self.what),
            (Some(event), life) => write!(f, "#{event} of life {life} ({})", self.what),
        }
    }
}

impl fmt::Display for WrongPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WrongPlace { place, instead, from, bytes, .. } = self;
        write!(
            f,
            "{place}, {} from byte {from} on: from {}, and would be from {instead}",
            counted(*bytes, "byte"),
            self.source()
        )
    }
}

/// So many places where bytes come from are named together.
const ORIGINS: usize = 3;

fn list(origins: &[Origin]) -> String {
    let named: Vec<String> = origins.iter().take(ORIGINS).map(Origin::to_string).collect();
    match origins.len().saturating_sub(ORIGINS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
