//! Where a block of the array lies, and which units of a row check each other (RD-01, RD-02, RD-05 to RD-08).
//!
//! A *row* is one unit of 4 KiB from the same place of every member. The units of a row are tied by *equations*: the
//! XOR of the units of an equation is zero. A mirror is an equation of two, RAID-4 and 5 have one equation over the
//! whole row, RAID-2 has one for each check bit of its Hamming code. Reading around a lost member, resynchronising,
//! rebuilding and scrubbing are the same for all levels, in terms of equations.

use super::format::UNIT;
use std::ops::Range;

/// How the array lays out and protects data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// RAID-0: chunks round robin, no redundancy.
    Striped,
    /// RAID-1: chunks round robin over pairs of members that hold the same.
    Mirrored,
    /// RAID-2: the bits of every block round robin over the data members, and the check bits of a Hamming code.
    Hamming,
    /// RAID-3: the bytes of every block round robin over the data members, and their parity.
    Bytes,
    /// RAID-4: chunks round robin, and their parity on the last member.
    FixedParity,
    /// RAID-5, left-symmetric: the parity moves one member to the left with every stripe.
    RotatedParity,
}

impl Level {
    /// Every level, in the order of their numbers.
    pub const ALL: [Level; 6] = [
        Level::Striped,
        Level::Mirrored,
        Level::Hamming,
        Level::Bytes,
        Level::FixedParity,
        Level::RotatedParity,
    ];

    /// Its number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The level with this number.
    pub fn of(number: u8) -> Option<Level> {
        Level::ALL.get(usize::from(number)).copied()
    }

    /// Whether every block is spread over all data members.
    pub fn spreads_blocks(self) -> bool {
        matches!(self, Level::Hamming | Level::Bytes)
    }

    /// How many members may be lost for certain.
    pub fn tolerates(self) -> usize {
        match self {
            Level::Striped => 0,
            Level::Hamming => 2,
            _ => 1,
        }
    }
}

/// The place of a member in the array. Which device fills it changes when a spare takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(pub u8);

impl Role {
    /// As an index into a table of members.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A row: one unit from the same place of every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub u64);

/// A stripe: as many rows as a chunk has blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stripe(pub u64);

/// Where a block lies: column by column of its row. Of a block that is not spread there is one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its row.
    pub row: Row,
    /// Its column; the first of them if it is spread.
    pub column: usize,
    /// The bytes of the unit, or of each unit if it is spread.
    pub range: Range<usize>,
}

/// The units of a row whose XOR is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// The unit that is computed from the others: parity, a copy, a check of the Hamming code.
    pub check: Role,
    /// The others.
    pub data: Vec<Role>,
}

impl Equation {
    /// All units of the equation.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.data.iter().copied().chain([self.check])
    }
}

/// The shape of an array: all that the mapping depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// The level.
    pub level: Level,
    /// Members that hold data or checks; spares do not count.
    pub members: u8,
    /// Blocks of a chunk.
    pub chunk: u32,
    /// Rows, a multiple of the chunk.
    pub rows: u64,
}

impl Geometry {
    /// Whether an array can have this shape.
    pub fn is_sane(&self) -> bool {
        let members = match self.level {
            Level::Striped => self.members >= 1,
            Level::Mirrored => self.members >= 2 && self.members.is_multiple_of(2),
            Level::Hamming | Level::Bytes => {
                let spread = self.columns();
                spread.is_power_of_two() && spread <= 8 && self.members > 2
            }
            Level::FixedParity | Level::RotatedParity => self.members >= 3,
        };
        let chunk =
            (1..1 << 16).contains(&self.chunk) && self.rows.is_multiple_of(u64::from(self.chunk.max(1)));
        members && usize::from(self.members) <= super::format::MEMBERS_MAX && chunk && self.rows <= 1 << 40
    }

    /// Members that hold data in a row.
    pub fn columns(&self) -> usize {
        let members = usize::from(self.members);
        match self.level {
            Level::Striped => members,
            Level::Mirrored => members / 2,
            Level::Hamming => members.saturating_sub(hamming_checks(members)),
            Level::Bytes | Level::FixedParity | Level::RotatedParity => members.saturating_sub(1),
        }
    }

    /// Blocks that the array exports: N·B, N·B/2 or (N−1)·B (RD-08).
    pub fn blocks(&self) -> u64 {
        self.rows * self.columns() as u64
    }

    /// The rows that an array needs for so many blocks.
    #[must_use]
    pub fn with_room_for(self, blocks: u64) -> Geometry {
        let rows = blocks.div_ceil(self.columns() as u64).max(1);
        Geometry { rows: rows.next_multiple_of(u64::from(self.chunk)), ..self }
    }

    /// Stripes of the array.
    pub fn stripes(&self) -> u64 {
        self.rows / u64::from(self.chunk)
    }

    /// The stripe of a row.
    pub fn stripe(&self, row: Row) -> Stripe {
        Stripe(row.0 / u64::from(self.chunk))
    }

    /// The rows of a stripe.
    pub fn rows_of(&self, stripe: Stripe) -> impl Iterator<Item = Row> + use<> {
        let chunk = u64::from(self.chunk);
        (stripe.0 * chunk..(stripe.0 + 1) * chunk).map(Row)
    }

    /// Where a block lies.
    pub fn place(&self, block: u64) -> Place {
        let (columns, chunk) = (self.columns() as u64, u64::from(self.chunk));
        if self.level.spreads_blocks() {
            let part = UNIT / self.columns();
            let start = (block % columns) as usize * part;
            return Place { row: Row(block / columns), column: 0, range: start..start + part };
        }
        let row = block / (chunk * columns) * chunk + block % chunk;
        Place { row: Row(row), column: (block / chunk % columns) as usize, range: 0..UNIT }
    }

    /// The block that lies there: the inverse of [`place`](Geometry::place).
    pub fn block(&self, row: Row, column: usize) -> u64 {
        let (columns, chunk) = (self.columns() as u64, u64::from(self.chunk));
        (row.0 / chunk * columns + column as u64) * chunk + row.0 % chunk
    }

    /// The blocks of a row, in order of their columns.
    pub fn blocks_of(&self, row: Row) -> impl Iterator<Item = u64> + use<> {
        let (geometry, columns) = (*self, self.columns());
        let spread = geometry.level.spreads_blocks();
        (0..columns).map(move |column| match spread {
            true => row.0 * columns as u64 + column as u64,
            false => geometry.block(row, column),
        })
    }

    /// The member that holds the parity of a row, if the level has one.
    pub fn parity(&self, row: Row) -> Option<Role> {
        let last = self.members - 1;
        match self.level {
            Level::Bytes | Level::FixedParity => Some(Role(last)),
            Level::RotatedParity => {
                let turn = self.stripe(row).0 % u64::from(self.members);
                Some(Role(last - turn as u8))
            }
            Level::Striped | Level::Mirrored | Level::Hamming => None,
        }
    }

    /// The member that holds a column of a row.
    pub fn role(&self, row: Row, column: usize) -> Role {
        let column = column as u8;
        match self.level {
            Level::Mirrored => Role(2 * column),
            Level::RotatedParity => {
                let parity = self.parity(row).map_or(0, |role| role.0);
                Role(((u16::from(parity) + 1 + u16::from(column)) % u16::from(self.members)) as u8)
            }
            _ => Role(column),
        }
    }

    /// The column that a member holds in a row, unless it holds a check.
    pub fn column(&self, row: Row, role: Role) -> Option<usize> {
        (0..self.columns()).find(|column| self.role(row, *column) == role)
    }

    /// The equations of a row.
    pub fn equations(&self, row: Row) -> Vec<Equation> {
        let columns = self.columns();
        match self.level {
            Level::Striped => Vec::new(),
            Level::Mirrored => {
                let pair = |column: usize| {
                    let data = self.role(row, column);
                    Equation { check: Role(data.0 + 1), data: vec![data] }
                };
                (0..columns).map(pair).collect()
            }
            Level::Hamming => {
                let checks = usize::from(self.members) - columns;
                let equation = |check: usize| {
                    let covered = |column: &usize| hamming_position(*column) >> check & 1 == 1;
                    let data = (0..columns).filter(covered).map(|column| Role(column as u8)).collect();
                    Equation { check: Role((columns + check) as u8), data }
                };
                (0..checks).map(equation).collect()
            }
            Level::Bytes | Level::FixedParity | Level::RotatedParity => {
                let data = (0..columns).map(|column| self.role(row, column)).collect();
                vec![Equation { check: self.parity(row).expect("a level with parity"), data }]
            }
        }
    }

    /// Whether a unit can be had while the members `lost` are not there: whether the array survives their loss.
    pub fn survives(&self, lost: &[Role]) -> bool {
        let period = u64::from(self.members) * u64::from(self.chunk);
        (0..self.rows.min(period)).step_by(self.chunk as usize).map(Row).all(|row| {
            let equations = self.equations(row);
            let mut missing = lost.to_vec();
            // One equation with a single unknown after the other.
            while let Some(solved) = equations.iter().find_map(|equation| {
                let mut unknown = equation.roles().filter(|role| missing.contains(role));
                unknown.next().filter(|_| unknown.next().is_none())
            }) {
                missing.retain(|role| *role != solved);
            }
            !missing.iter().any(|role| self.column(row, *role).is_some())
        })
    }
}

/// Check bits of a Hamming code of so many bits in all: the fewest r with 2^r ≥ m + r + 1, m the bits of data (RD-05).
pub fn hamming_checks(bits: usize) -> usize {
    (1..).find(|checks| 1usize << checks > bits).unwrap_or(1)
}

/// The position of a bit of data in the code word: those that are powers of two belong to the checks.
pub fn hamming_position(column: usize) -> usize {
    (1usize..).filter(|position| !position.is_power_of_two()).nth(column).unwrap_or(0)
}
