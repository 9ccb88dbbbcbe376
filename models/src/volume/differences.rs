//! In what two states of a block device differ, in words.

use super::view::{Sector, View};
use super::{BLOCK, SECTOR};
use crate::fs::Held;
use crashcheck::outcome::Difference;
use std::collections::BTreeSet;

/// In what the recovered state differs from the expected one: runs of sectors to which the same happened.
pub fn differences(expected: &View, recovered: &View) -> Vec<Difference> {
    let sectors: BTreeSet<u64> = expected.keys().chain(recovered.keys()).copied().collect();
    let differ = sectors.into_iter().filter(|sector| expected.get(sector) != recovered.get(sector));
    let mut runs: Vec<(u64, u64, Held, Held)> = Vec::new();
    for sector in differ {
        let (was, is) = (held(expected, sector), held(recovered, sector));
        match runs.last_mut() {
            Some((_, end, before, now)) if (*end, *before, *now) == (sector, was, is) => *end = sector + 1,
            _ => runs.push((sector, sector + 1, was, is)),
        }
    }
    let told = |(first, end, was, is): (u64, u64, Held, Held)| Difference {
        what: place(first, end),
        expected: Some(was.to_string()),
        recovered: Some(is.to_string()),
    };
    runs.into_iter().map(told).collect()
}

fn held(view: &View, sector: u64) -> Held {
    match view.get(&sector) {
        None => Held::Zeros,
        Some(Sector::Filled(fill)) => Held::Filled(*fill),
        Some(Sector::Elsewhere { fill, at }) => {
            Held::Elsewhere(*fill, at.0.wrapping_sub(sector * SECTOR) as i64)
        }
        Some(Sector::Other(_)) => Held::Other,
        Some(Sector::Unreadable) => Held::Unreadable,
    }
}

/// A run of sectors in words: by blocks where it is made of whole ones.
fn place(first: u64, end: u64) -> String {
    let each = BLOCK / SECTOR;
    let run = |what: &str, first: u64, end: u64| match end - first {
        1 => format!("{what} {first}"),
        _ => format!("{what}s {first} to {}", end - 1),
    };
    if first.is_multiple_of(each) && end.is_multiple_of(each) {
        return run("block", first / each, end / each);
    }
    match first / each == (end - 1) / each {
        true => format!("{} of block {}", run("sector", first % each, (end - 1) % each + 1), first / each),
        false => format!("{} of the device", run("sector", first, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Fill;
    use crashcheck::Bytes;

    #[test]
    fn runs_of_sectors_are_told_by_block_where_they_are_whole() {
        let filled =
            |sectors: std::ops::Range<u64>, fill| sectors.map(move |at| (at, Sector::Filled(Fill(fill))));
        let expected: View = filled(0..16, 7).chain(filled(24..32, 1)).collect();
        let mut recovered: View = filled(18..20, 3).chain(filled(24..32, 1)).collect();
        recovered.insert(26, Sector::Elsewhere { fill: Fill(1), at: Bytes(25 * SECTOR) });
        recovered.remove(&31);
        let told = |it: &Difference| {
            format!("{}: {:?} | {:?}", it.what, it.expected.as_deref(), it.recovered.as_deref())
        };
        let told: Vec<String> = differences(&expected, &recovered).iter().map(told).collect();
        assert_eq!(
            told,
            [
                "blocks 0 to 1: Some(\"fill 07\") | Some(\"zeros\")",
                "sectors 2 to 3 of block 2: Some(\"zeros\") | Some(\"fill 03\")",
                "sector 2 of block 3: Some(\"fill 01\") | Some(\"what fill 01 puts 512 bytes further back\")",
                "sector 7 of block 3: Some(\"fill 01\") | Some(\"zeros\")",
            ]
        );
    }
}
