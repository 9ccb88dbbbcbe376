//! Products over time: factors that hold over a run of epochs, multiplied for one epoch or summed over all of them.
//!
//! A tree of halves of the time. A factor is kept at the few nodes that together are its epochs, so that the product of
//! an epoch is that of the nodes from its leaf to the top, and what many epochs have in common is multiplied once.

use super::ways::{Product, Ways};
use num_bigint::BigUint;
use std::ops::Range;

/// Things that hold over runs of epochs.
pub(super) struct OverTime {
    epochs: usize,
    /// By node, and then in the order of their numbers: what holds at it.
    held: Vec<u32>,
    /// Where those of each node begin in `held`; one longer than there are nodes.
    starts: Vec<u32>,
}

impl OverTime {
    /// The n-th of the runs is that of the thing with the number n.
    pub(super) fn new(epochs: usize, runs: impl Iterator<Item = Range<u32>> + Clone) -> OverTime {
        let mut starts = vec![0u32; 2 * epochs + 1];
        for run in runs.clone() {
            nodes(epochs, &run, |node| starts[node + 1] += 1);
        }
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let mut next = starts.clone();
        let mut held = vec![0; starts[2 * epochs] as usize];
        for (nth, run) in (0..).zip(runs) {
            nodes(epochs, &run, |node| {
                held[next[node] as usize] = nth;
                next[node] += 1;
            });
        }
        OverTime { epochs, held, starts }
    }

    fn at(&self, node: usize) -> &[u32] {
        &self.held[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// What holds in an epoch.
    pub(super) fn in_epoch(&self, epoch: u32) -> impl Iterator<Item = u32> + '_ {
        let leaf = self.epochs + epoch as usize;
        std::iter::successors(Some(leaf), |node| (*node > 1).then_some(node / 2))
            .flat_map(|node| self.at(node).iter().copied())
    }

    /// The product at every node of what holds there.
    pub(super) fn products<'a>(&self, factor: impl Fn(u32) -> &'a Ways) -> Products {
        let product = |node| {
            let mut product = Product::one();
            self.at(node).iter().for_each(|nth| product.times(factor(*nth)));
            product.ways()
        };
        Products { epochs: self.epochs, nodes: (0..2 * self.epochs).map(product).collect() }
    }
}

/// Calls `visit` with the nodes that together are a run of epochs.
fn nodes(epochs: usize, run: &Range<u32>, mut visit: impl FnMut(usize)) {
    let (mut from, mut upto) = (epochs + run.start as usize, epochs + run.end as usize);
    while from < upto {
        if from % 2 == 1 {
            visit(from);
            from += 1;
        }
        if upto % 2 == 1 {
            upto -= 1;
            visit(upto);
        }
        (from, upto) = (from / 2, upto / 2);
    }
}

/// A product for every epoch.
pub(super) struct Products {
    epochs: usize,
    nodes: Vec<Ways>,
}

impl Products {
    pub(super) fn of(&self, epoch: u32) -> Product {
        let mut product = Product::one();
        let mut node = self.epochs + epoch as usize;
        while node > 0 {
            product.times(&self.nodes[node]);
            node /= 2;
        }
        product
    }

    /// The sum over all epochs.
    pub(super) fn sum(&self) -> BigUint {
        self.sum_below(1)
    }

    fn sum_below(&self, node: usize) -> BigUint {
        let sum = if node >= self.epochs {
            BigUint::from(1u8)
        } else {
            self.sum_below(2 * node) + self.sum_below(2 * node + 1)
        };
        match &self.nodes[node] {
            Ways::Few(few) => sum * *few,
            Ways::Many(many) => sum * &**many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_are_those_of_the_factors_that_hold_and_the_sum_is_theirs(
            epochs in 1u32..40,
            factors in prop::collection::vec((0u32..40, 0u32..40, any::<u64>()), 0..30),
        ) {
            let factors: Vec<(Range<u32>, Ways)> = factors
                .into_iter()
                .map(|(from, len, factor)| (from.min(epochs)..(from + len).min(epochs), Ways::Few(factor)))
                .collect();
            let over_time = OverTime::new(epochs as usize, factors.iter().map(|(run, _)| run.clone()));
            let products = over_time.products(|nth| &factors[nth as usize].1);
            let mut sum = BigUint::from(0u8);
            for epoch in 0..epochs {
                let held = factors.iter().filter(|(run, _)| run.contains(&epoch));
                let product: BigUint = held.clone().map(|(_, factor)| BigUint::from(factor)).product();
                prop_assert_eq!(products.of(epoch).value(), product.clone());
                prop_assert_eq!(over_time.in_epoch(epoch).count(), held.count());
                sum += product;
            }
            prop_assert_eq!(products.sum(), sum);
        }
    }
}
