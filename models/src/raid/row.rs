//! Writing into a row: which checks change, and what has to be read for them (RD-10 to RD-14).
//!
//! A check is computed from all data of its equation (*additive*) or from what changes (*subtractive*):
//! `P_new = P_old ⊕ D_old ⊕ D_new`. With k of D units changed the first reads D − k units and the second k + 1, and the
//! one with fewer reads is taken. A row that is written whole reads nothing. A mirror is an equation of one unit of data,
//! so that its copy is written without a read.

use super::array::Array;
use super::bugs::Bug;
use super::format::{Policy, UNIT};
use super::geometry::{Equation, Level, Role, Row};
use super::parity;
use crashcheck::{DiskError, Label};
use std::ops::Range;

/// New bytes for a unit of data.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) role: Role,
    pub(super) at: usize,
    pub(super) bytes: Vec<u8>,
    /// What they are, for the label.
    pub(super) what: String,
}

impl Change {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.bytes.len()
    }
}

/// How a check is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From all data of the equation.
    Additive,
    /// From what changes, and what the check was.
    Subtractive,
}

/// The method that reads less, for `changed` of `data` units, `whole` of which are written whole: D − k reads or k + 1.
/// The second is taken if they are equal (RD-14).
pub fn cheaper(data: usize, whole: usize, changed: usize) -> Method {
    if data - whole < changed + 1 { Method::Additive } else { Method::Subtractive }
}

impl Array {
    /// Writes into a row, in the way the array is kept consistent.
    pub(super) fn write_row(
        &mut self,
        row: Row,
        changes: &[Change],
        fua: bool,
        label: Option<&Label>,
    ) -> Result<(), DiskError> {
        if self.superblock.policy == Policy::Bitmap {
            self.catch_up(row)?;
            self.mark(row)?;
        }
        let pieces = self.pieces(row, changes)?;
        if self.superblock.policy == Policy::Journal && !self.bugs.has(Bug::NoJournal) {
            self.append(row, &pieces)?;
        }
        for piece in &pieces {
            let Some(device) = self.device(piece.role).filter(|_| self.has(piece.role, row)) else {
                continue;
            };
            let text = match label {
                Some(label) => format!("{} ({})", piece.what, label.as_str()),
                None => piece.what.clone(),
            };
            self.write_unit(device, row, piece.at, &piece.bytes, (fua, &text))?;
        }
        if self.bugs.has(Bug::BitmapClearedEarly) {
            self.bitmap.settle();
        }
        self.require(row)
    }

    /// Everything that goes into the row: the data, and the checks over it.
    fn pieces(&mut self, row: Row, changes: &[Change]) -> Result<Vec<Change>, DiskError> {
        let mut pieces = changes.to_vec();
        for equation in self.geometry().equations(row) {
            let of_equation = |change: &&Change| equation.data.contains(&change.role);
            let changed: Vec<&Change> = changes.iter().filter(of_equation).collect();
            if changed.is_empty() || !self.has(equation.check, row) {
                continue;
            }
            if let Some(check) = self.check_of(row, &equation, &changed)? {
                pieces.push(check);
            }
        }
        Ok(pieces)
    }

    /// The new check of an equation; `None` if it stays as it is (RD-11).
    fn check_of(
        &mut self,
        row: Row,
        equation: &Equation,
        changed: &[&Change],
    ) -> Result<Option<Change>, DiskError> {
        let start = changed.iter().map(|change| change.at).min().unwrap_or(0);
        let end = changed.iter().map(|change| change.range().end).max().unwrap_or(UNIT);
        let hull = start..end;
        let bytes = match self.method(row, equation, changed, &hull) {
            Method::Additive => self.additive(row, equation, changed, &hull)?,
            Method::Subtractive => {
                let delta = self.delta(row, changed, &hull)?;
                if delta.iter().all(|byte| *byte == 0) {
                    return Ok(None);
                }
                let mut check = self.fetch(equation.check, row, hull)?;
                parity::xor(&mut check, &delta);
                check
            }
        };
        let what = match self.geometry().level {
            Level::Mirrored => changed[0].what.replace("data", "copy"),
            Level::Hamming => format!("check {}", equation.check.0),
            _ => "parity".to_owned(),
        };
        Ok(Some(Change { role: equation.check, at: start, bytes, what }))
    }

    /// The cheaper method; one that would need a member that is not there only if the other does too.
    fn method(&self, row: Row, equation: &Equation, changed: &[&Change], hull: &Range<usize>) -> Method {
        let whole =
            |role: &Role| changed.iter().any(|change| change.role == *role && change.range() == *hull);
        let touched = |role: &Role| changed.iter().any(|change| change.role == *role);
        let additive = equation.data.iter().filter(|role| !whole(role)).all(|role| self.has(*role, row));
        let subtractive = equation.data.iter().filter(|role| touched(role)).all(|role| self.has(*role, row));
        match (additive, subtractive) {
            (true, false) => Method::Additive,
            (false, true) => Method::Subtractive,
            _ => {
                let whole = equation.data.iter().filter(|role| whole(role)).count();
                let touched = equation.data.iter().filter(|role| touched(role)).count();
                cheaper(equation.data.len(), whole, touched)
            }
        }
    }

    fn additive(
        &mut self,
        row: Row,
        equation: &Equation,
        changed: &[&Change],
        hull: &Range<usize>,
    ) -> Result<Vec<u8>, DiskError> {
        let mut sum = vec![0; hull.len()];
        for role in &equation.data {
            let mine: Vec<_> = changed.iter().filter(|change| change.role == *role).collect();
            let mut unit = match mine.iter().any(|change| change.range() == *hull) {
                true => vec![0; hull.len()],
                false => self.fetch(*role, row, hull.clone())?,
            };
            for change in mine {
                let start = change.at - hull.start;
                unit[start..start + change.bytes.len()].copy_from_slice(&change.bytes);
            }
            parity::xor(&mut sum, &unit);
        }
        Ok(sum)
    }

    /// What changes: old XOR new.
    fn delta(&mut self, row: Row, changed: &[&Change], hull: &Range<usize>) -> Result<Vec<u8>, DiskError> {
        let mut delta = vec![0; hull.len()];
        for change in changed {
            let old = self.old_data(change.role, row, change.range())?;
            let part = &mut delta[change.at - hull.start..][..change.bytes.len()];
            parity::xor(part, &old);
            parity::xor(part, &change.bytes);
        }
        Ok(delta)
    }

    fn old_data(&mut self, role: Role, row: Row, range: Range<usize>) -> Result<Vec<u8>, DiskError> {
        if !self.bugs.has(Bug::StaleOldData) {
            return self.fetch(role, row, range);
        }
        if !self.stale.contains_key(&(role, row)) {
            let unit = self.fetch(role, row, 0..UNIT)?;
            self.stale.insert((role, row), unit);
        }
        Ok(self.stale[&(role, row)][range].to_vec())
    }

    /// Fails if members were lost that a row cannot do without.
    fn require(&self, row: Row) -> Result<(), DiskError> {
        let roles = (0..self.geometry().members).map(Role);
        let lost: Vec<Role> = roles.filter(|role| !self.has(*role, row)).collect();
        if lost.is_empty() || self.geometry().survives(&lost) {
            return Ok(());
        }
        let names: Vec<_> = lost.iter().map(|role| role.0.to_string()).collect();
        let what = format!("row {} cannot be written: members {} are lost", row.0, names.join(" and "));
        Err(DiskError::Failed { what })
    }
}
