//! Scrubbing: reading everything, so that faults are found while there is redundancy to repair them (DI-08, RD-18).
//!
//! A unit that cannot be read is computed from the others and written again. Where the units of an equation do not add up
//! to zero, something was silently damaged. The Hamming code of RAID-2 tells which unit it was; parity and mirrors do
//! not, and their checks are computed anew, whatever was wrong.

use super::array::Array;
use super::format::UNIT;
use super::geometry::{Equation, Level, Role, Row, hamming_position};
use super::maintain::STEP;
use super::parity;
use crashcheck::DiskError;
use std::collections::BTreeMap;

/// What a scrub has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Equations that were looked at.
    pub equations: u64,
    /// Those of them that did not add up to zero.
    pub mismatches: u64,
    /// Units that the code told to be wrong, and that were put right.
    pub located: u64,
}

impl Array {
    /// Looks at every row once, and repairs what it can.
    ///
    /// # Errors
    /// If a member fails that the array cannot do without.
    pub fn scrub(&mut self) -> Result<Scrubbed, DiskError> {
        let mut found = Scrubbed::default();
        for row in 0..self.geometry().rows {
            self.scrub_row(Row(row), true, &mut found)?;
        }
        Ok(found)
    }

    /// Looks at every row once, and changes nothing but units that could not be read.
    ///
    /// # Errors
    /// As [`scrub`](Array::scrub).
    pub fn verify(&mut self) -> Result<Scrubbed, DiskError> {
        let mut found = Scrubbed::default();
        for row in 0..self.geometry().rows {
            self.scrub_row(Row(row), false, &mut found)?;
        }
        Ok(found)
    }

    /// Scrubs some rows, and remembers where to go on.
    pub(super) fn scrub_step(&mut self) -> Result<Scrubbed, DiskError> {
        let mut found = Scrubbed::default();
        let rows = self.geometry().rows;
        for row in (self.scrubbed.0..rows).take(STEP as usize) {
            self.scrub_row(Row(row), true, &mut found)?;
        }
        let next = self.scrubbed.0 + STEP;
        self.scrubbed = Row(if next < rows { next } else { 0 });
        Ok(found)
    }

    fn scrub_row(&mut self, row: Row, repair: bool, found: &mut Scrubbed) -> Result<(), DiskError> {
        let equations = self.geometry().equations(row);
        let whole = |equation: &Equation| equation.roles().all(|role| self.has(role, row));
        if self.doubtful.contains(&row) || !equations.iter().all(whole) {
            return Ok(());
        }
        let mut units = BTreeMap::new();
        for role in equations.iter().flat_map(|equation| equation.roles().collect::<Vec<_>>()) {
            units.insert(role, self.fetch(role, row, 0..UNIT)?);
        }
        let residue = |equation: &Equation| parity::xor_all(equation.roles().map(|role| &*units[&role]));
        let residues: Vec<_> = equations.iter().map(residue).collect();
        let is_wrong = |residue: &&Vec<u8>| residue.iter().any(|byte| *byte != 0);
        let mismatches = residues.iter().filter(is_wrong).count() as u64;
        found.equations += equations.len() as u64;
        found.mismatches += mismatches;
        if mismatches == 0 || !repair {
            return Ok(());
        }
        if self.geometry().level == Level::Hamming {
            let errors = self.locate(&residues);
            found.located += errors.len() as u64;
            return self.put_right(row, &mut units, errors);
        }
        let wrong = equations.iter().zip(residues).filter(|(_, residue)| is_wrong(&residue));
        let errors = wrong.map(|(equation, residue)| (equation.check, residue)).collect();
        self.put_right(row, &mut units, errors)
    }

    /// Which units of a row of RAID-2 are wrong, and in which bits: the equations that fail spell the position.
    fn locate(&self, residues: &[Vec<u8>]) -> BTreeMap<Role, Vec<u8>> {
        let columns = self.geometry().columns();
        let mut errors = BTreeMap::<Role, Vec<u8>>::new();
        for bit in 0..UNIT * 8 {
            let fails = |residue: &Vec<u8>| usize::from(residue[bit / 8] >> (bit % 8) & 1);
            let position = residues.iter().enumerate().fold(0, |sum, (nth, r)| sum | fails(r) << nth);
            let of_data = (0..columns).find(|column| hamming_position(*column) == position);
            let place = match position {
                0 => None,
                check if check.is_power_of_two() => Some(columns + check.trailing_zeros() as usize),
                _ => of_data,
            };
            if let Some(place) = place {
                let error = errors.entry(Role(place as u8)).or_insert_with(|| vec![0; UNIT]);
                error[bit / 8] |= 1 << (bit % 8);
            }
        }
        errors
    }

    fn put_right(
        &mut self,
        row: Row,
        units: &mut BTreeMap<Role, Vec<u8>>,
        errors: BTreeMap<Role, Vec<u8>>,
    ) -> Result<(), DiskError> {
        for (role, error) in errors {
            let Some(unit) = units.get_mut(&role) else { continue };
            parity::xor(unit, &error);
            if let Some(device) = self.device(role) {
                self.write_unit(device, row, 0, unit, (false, "scrubbed"))?;
            }
        }
        Ok(())
    }
}
