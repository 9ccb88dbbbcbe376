//! How many different images atoms can leave that overlap in part.
//!
//! Newest first, an atom hidden by newer survivors makes no difference; any other does, provided that no two writes
//! have the same content. Of what newer survivors cover only that matters which an older atom wrote too. So atoms that
//! overlap their neighbours, or one that lies over all others, have few states to go through, however many they are.

use super::Fate;
use crate::media::member::Member;
use crate::media::steps;
use num_bigint::BigUint;
use num_traits::One;
use rustc_hash::FxHashMap;

/// Beyond this many steps the exact number of images is given up for a bound, unless there are many atoms.
const STEPS: usize = 1 << 16;
/// A group may take so many steps for each of its atoms, however many these are.
const STEPS_BY_ATOM: usize = 4;
/// What is kept of all steps together, in words.
const WORDS: usize = 1 << 26;

/// Which places are covered, a bit each.
type Covered = Vec<u64>;

/// The number of different images, given what is known of the atoms: `None` if that takes too long to count.
pub(super) fn images(members: &[Member], garbles: bool, fate: impl Fn(usize) -> Fate) -> Option<BigUint> {
    let places = members.iter().filter_map(|member| member.places.last()).max().map_or(0, |last| last + 1);
    let oldest = oldest(members, places);
    let mut ways: FxHashMap<Covered, BigUint> = FxHashMap::default();
    ways.insert(vec![0; (places as usize).div_ceil(64)], BigUint::one());
    let (mut steps, mut words) = (0, 0);
    for (index, member) in members.iter().enumerate().rev() {
        let done: Vec<u32> =
            member.places.iter().copied().filter(|place| oldest[*place as usize] == index as u32).collect();
        let mut next = FxHashMap::default();
        for (covered, ways) in ways {
            step(member, fate(index), garbles, covered, ways, |mut covered, ways| {
                done.iter().for_each(|place| covered[*place as usize / 64] &= !(1 << (place % 64)));
                *next.entry(covered).or_insert_with(BigUint::default) += ways;
            });
        }
        ways = next;
        steps::take(ways.len());
        steps += ways.len();
        words += ways.len() * (places as usize).div_ceil(64);
        if steps > STEPS.max(STEPS_BY_ATOM * members.len()) || words > WORDS.max(STEPS) {
            return None;
        }
    }
    Some(ways.into_values().sum())
}

/// By place: the oldest atom that wrote it.
fn oldest(members: &[Member], places: u32) -> Vec<u32> {
    let mut oldest = vec![u32::MAX; places as usize];
    for (index, member) in members.iter().enumerate().rev() {
        member.places.iter().for_each(|place| oldest[*place as usize] = index as u32);
    }
    oldest
}

/// Goes on to an older atom: what is covered if it is lost, and if it survives.
fn step(
    member: &Member,
    fate: Fate,
    garbles: bool,
    covered: Covered,
    ways: BigUint,
    mut go_on: impl FnMut(Covered, BigUint),
) {
    let is_hidden = member.places.iter().all(|place| covered[*place as usize / 64] >> (place % 64) & 1 == 1);
    let survives = !is_hidden && fate != Fate::Lost;
    if survives {
        let mut more = covered.clone();
        member.places.iter().for_each(|place| more[*place as usize / 64] |= 1 << (place % 64));
        let of_it = if fate == Fate::Open && garbles { 2u8 } else { 1 };
        go_on(more, &ways * of_it);
    }
    if is_hidden || matches!(fate, Fate::Open | Fate::Lost) {
        go_on(covered, ways);
    }
}
