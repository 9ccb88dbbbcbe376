//! The fewest things that together meet every demand, each of which is met by any of several things.

use std::collections::BTreeSet;

/// Up to so many the fewest are found for certain; beyond that, one after the other.
const CERTAIN: usize = 3;

/// The fewest numbers such that every demand holds one of them; the highest ones where there is a choice. `None` if a
/// demand is met by nothing.
pub(super) fn fewest(demands: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    if demands.iter().any(BTreeSet::is_empty) {
        return None;
    }
    let mut open: Vec<&BTreeSet<usize>> = demands.iter().collect();
    open.sort();
    open.dedup();
    let certain = (0..=CERTAIN).find_map(|most| within(&open, most));
    Some(certain.unwrap_or_else(|| greedy(&open)))
}

/// At most so many, if that is possible: whatever is chosen must meet the demand that leaves the least choice.
fn within(open: &[&BTreeSet<usize>], most: usize) -> Option<Vec<usize>> {
    let Some(hardest) = open.iter().min_by_key(|demand| demand.len()) else { return Some(Vec::new()) };
    let left = most.checked_sub(1)?;
    hardest.iter().rev().find_map(|choice| {
        let rest: Vec<_> = open.iter().copied().filter(|demand| !demand.contains(choice)).collect();
        let mut chosen = within(&rest, left)?;
        chosen.push(*choice);
        Some(chosen)
    })
}

fn greedy(open: &[&BTreeSet<usize>]) -> Vec<usize> {
    let (mut open, mut chosen) = (open.to_vec(), Vec::new());
    let all: BTreeSet<usize> = open.iter().flat_map(|demand| demand.iter().copied()).collect();
    while !open.is_empty() {
        let meets = |choice: &usize| open.iter().filter(|demand| demand.contains(choice)).count();
        let best = all.iter().copied().max_by_key(|choice| (meets(choice), *choice));
        let Some(best) = best else { break };
        open.retain(|demand| !demand.contains(&best));
        chosen.push(best);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_demand_is_met_by_as_few_as_possible(
            demands in prop::collection::vec(prop::collection::btree_set(0..7usize, 0..4), 0..6)
        ) {
            let meets = |chosen: &[usize]| demands.iter().all(|demand| chosen.iter().any(|one| demand.contains(one)));
            match fewest(&demands) {
                None => prop_assert!(demands.iter().any(BTreeSet::is_empty)),
                Some(chosen) => {
                    prop_assert!(meets(&chosen));
                    let subsets = (0..1usize << 7).filter(|set| {
                        let set: Vec<usize> = (0..7).filter(|one| set >> one & 1 == 1).collect();
                        meets(&set)
                    });
                    let least = subsets.map(|set| set.count_ones() as usize).min().unwrap_or(0);
                    prop_assert!(chosen.len() == least || least > CERTAIN);
                }
            }
        }
    }
}
