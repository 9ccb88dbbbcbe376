//! The checks that systems are held to, by the codes that findings print: `JN-24`, `M4`.

use crashcheck_outcome as outcome;

/// What a system must do according to a book or a paper, or a mistake that these warn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its code: `JN-24`.
    pub code: &'static str,
    /// What it demands, in a sentence.
    pub says: &'static str,
    /// Where that comes from: `OSTEP, chapter 42`.
    pub source: &'static str,
}

/// The checks of one kind of system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Systems whose names begin so: `raid`, of which there is `raid5`.
    pub of: &'static str,
    /// What they are about, in a few words.
    pub about: &'static str,
    /// The checks, in order.
    pub table: &'static [Check],
}

impl Check {
    /// The family of a code, as it begins: `JN` of `JN-24`, `M` of `M4`.
    pub fn family(&self) -> &'static str {
        let end = self.code.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(self.code.len());
        &self.code[..end]
    }
}

/// A code as findings tell it, with what the tables say of it. A code that is in none of them stands alone.
pub(crate) fn told(tables: &[Checks], code: &str) -> outcome::Check {
    let known = tables.iter().flat_map(|checks| checks.table).find(|check| check.code == code);
    outcome::Check {
        code: code.to_owned(),
        says: known.map(|check| check.says.to_owned()),
        source: known.map(|check| check.source.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &[Checks] = &[Checks {
        of: "log",
        about: "a log",
        table: &[
            Check { code: "X-01", says: "A record is whole or not there.", source: "nowhere" },
            Check { code: "Y1", says: "It is a mistake to trust a length.", source: "nowhere" },
        ],
    }];

    #[test]
    fn a_code_is_told_with_its_sentence_if_there_is_one() {
        let (known, unknown) = (told(TABLES, "Y1"), told(TABLES, "Y2"));
        assert_eq!(known.to_string(), "Y1: It is a mistake to trust a length. (nowhere)");
        assert_eq!(unknown.to_string(), "Y2");
    }

    #[test]
    fn a_family_is_how_codes_begin() {
        let families: Vec<&str> = TABLES[0].table.iter().map(Check::family).collect();
        assert_eq!(families, ["X", "Y"]);
    }
}
