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
    beyond: BigUint,
}

impl Product {
    pub(super) fn one() -> Product {
        Product { word: 1, beyond: BigUint::one() }
    }

    pub(super) fn times(&mut self, ways: &Ways) {
        match ways {
            Ways::Few(few) => match self.word.checked_mul(*few) {
                Some(word) => self.word = word,
                None => self.beyond *= std::mem::replace(&mut self.word, *few),
            },
            Ways::Many(many) => self.beyond *= &**many,
        }
    }

    /// Takes the place of `value` where what is small is to stay so.
    pub(super) fn ways(self) -> Ways {
        if self.beyond.is_one() { Ways::Few(self.word) } else { self.value().into() }
    }

    pub(super) fn value(self) -> BigUint {
        self.beyond * self.word
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
    }
}
