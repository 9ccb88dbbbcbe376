//! Products of many small numbers, which are crash states counted.

use num_bigint::BigUint;
use num_traits::{One, ToPrimitive};

/// A number of ways: most groups have few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    Few(u64),
    Many(Box<BigUint>),
}

impl Ways {
    /// The number, or the largest one that fits.
    pub(super) fn at_most(&self) -> u64 {
        if let Ways::Few(few) = self { *few } else { u64::MAX }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Ways::Few(0)
    }
}

impl From<BigUint> for Ways {
    fn from(number: BigUint) -> Ways {
        number.to_u64().map_or_else(|| Ways::Many(Box::new(number)), Ways::Few)
    }
}

impl From<&Ways> for BigUint {
    fn from(ways: &Ways) -> BigUint {
        match ways {
            Ways::Few(few) => BigUint::from(*few),
            Ways::Many(many) => BigUint::clone(many),
        }
    }
}

/// A product, kept in a machine word as long as it fits: it is taken for every group of every state.
pub(super) struct Product {
    word: u64,
    /// What did not fit, to be multiplied by that.
    beyond: Option<BigUint>,
}

impl Product {
    pub(super) fn one() -> Product {
        Product { word: 1, beyond: None }
    }

    pub(super) fn times(&mut self, ways: &Ways) {
        match ways {
            Ways::Few(few) => match self.word.checked_mul(*few) {
                Some(word) => self.word = word,
                None => {
                    let word = std::mem::replace(&mut self.word, *few);
                    *self.beyond() *= word;
                }
            },
            Ways::Many(many) => *self.beyond() *= &**many,
        }
    }

    fn beyond(&mut self) -> &mut BigUint {
        self.beyond.get_or_insert_with(BigUint::one)
    }

    /// Takes the place of `value` where what is small is to stay so.
    pub(super) fn ways(self) -> Ways {
        match self.beyond {
            None => Ways::Few(self.word),
            Some(_) => self.value().into(),
        }
    }

    pub(super) fn value(self) -> BigUint {
        match self.beyond {
            None => self.word.into(),
            Some(beyond) => beyond * self.word,
        }
    }

    /// The part of the whole product in which this takes the place of `asked`, one of its factors.
    pub(super) fn instead_of(self, asked: Product, whole: Product) -> BigUint {
        match (self.ways(), asked.ways(), whole.ways()) {
            (Ways::Few(left), Ways::Few(asked), Ways::Few(whole)) => {
                (u128::from(whole / asked) * u128::from(left)).into()
            }
            (left, asked, whole) => BigUint::from(&whole) / BigUint::from(&asked) * BigUint::from(&left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_product_is_the_same_in_words_and_in_big_integers(factors in prop::collection::vec(any::<u128>(), 0..8)) {
            let big = |factor: &u128| BigUint::from(*factor >> (factor % 128));
            let mut product = Product::one();
            factors.iter().for_each(|factor| product.times(&big(factor).into()));
            prop_assert_eq!(product.value(), factors.iter().map(big).product::<BigUint>());
        }

        #[test]
        fn a_factor_is_replaced_in_words_and_in_big_integers(
            factors in prop::collection::vec((1..=u64::MAX, 0..64u32), 1..8), nth in any::<prop::sample::Index>(), left in any::<u64>(),
        ) {
            let factors: Vec<Ways> = factors.into_iter().map(|(factor, less)| Ways::Few((factor >> less).max(1))).collect();
            let product = |factors: &[Ways]| {
                let mut product = Product::one();
                factors.iter().for_each(|factor| product.times(factor));
                product
            };
            let (nth, left) = (nth.index(factors.len()), Ways::Few(left));
            let mut with = factors.clone();
            with[nth] = left.clone();
            let found = product(&[left]).instead_of(product(&factors[nth..=nth]), product(&factors));
            prop_assert_eq!(found, product(&with).value());
        }
    }
}
