//! Hit ratios over long traces, against exact global LRU.

use super::*;
use crate::gms::replay::{Replayed, references, replay};

/// How far the hit ratio may be from that of exact global LRU.
const EPSILON: f64 = 0.05;

fn cluster() -> Geometry {
    let bounds = Bounds { replacements: 24, duration: Age(400) };
    Geometry { nodes: 4, frames: 24, file_pages: 80, swap_pages: 0, bounds, unreported: 4, daemon_period: 8 }
}

fn replayed(shares: &[u64], count: usize, seed: u64) -> Replayed {
    let geometry = cluster();
    let trace = references(&geometry, shares, count, seed);
    let replayed = replay(geometry, Bugs::NONE, &trace).expect("every page can be read");
    println!(
        "{shares:?} seed {seed}: {:.3} of {:.3}, {replayed:?}",
        replayed.hit_ratio(),
        replayed.lru_hit_ratio()
    );
    replayed
}

/// GM-13; GM-09: no epoch replaces more than M pages, but for those on their way.
#[test]
fn gm_13_the_hit_ratio_is_near_that_of_global_lru() {
    let geometry = cluster();
    for (shares, seed) in [([6, 4, 0, 0], 1), ([10, 0, 0, 0], 2), ([4, 3, 2, 1], 3)] {
        let replayed = replayed(&shares, 4000, seed);
        let difference = replayed.lru_hit_ratio() - replayed.hit_ratio();
        assert!(difference.abs() < EPSILON, "{difference:.3}");
        assert!(replayed.epochs > 10);
        let on_their_way = u32::from(geometry.nodes);
        assert!(replayed.most_replaced <= geometry.bounds.replacements as u32 + on_their_way);
    }
}

/// GM-08: a node that does nothing becomes a memory server.
#[test]
fn gm_08_an_idle_node_keeps_pages_for_the_busy_ones() {
    let [early, late] = [60, 2000].map(|count| replayed(&[6, 4, 0, 0], count, 4).global_frames);
    assert!(early[2] + early[3] < late[2] + late[3], "{early:?} {late:?}");
    assert!(late[2..].iter().all(|frames| *frames >= 22), "{late:?}");
    assert!(late[..2].iter().all(|frames| *frames <= 2), "{late:?}");
}
