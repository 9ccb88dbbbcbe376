//! What recovery shows and what a life did, whatever an instance makes of them: the walk, its bookkeeping and its findings are
//! compiled once for all instances.

use rustc_hash::FxBuildHasher;
use std::any::Any;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// What recovery shows. Comparing and hashing it is cheap where it differs.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    value: Arc<dyn Value>,
    hash: u64,
}

/// What a life did after its recovery, as the model saw it, for its [`Instance`](super::Instance) to judge by.
#[derive(Clone)]
pub(crate) struct Past(Arc<dyn Any + Send + Sync>);

trait Value: Any + Debug + Send + Sync {
    fn equals(&self, other: &dyn Value) -> bool;
}

impl<T: Any + Debug + Eq + Send + Sync> Value for T {
    fn equals(&self, other: &dyn Value) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<T>().is_some_and(|other| other == self)
    }
}

impl Shown {
    pub(crate) fn new<T: Debug + Eq + Hash + Send + Sync + 'static>(value: T) -> Shown {
        let hash = FxBuildHasher.hash_one(&value);
        Shown { value: Arc::new(value), hash }
    }

    /// The value, for whoever made it.
    pub(crate) fn get<T: 'static>(&self) -> &T {
        let value: &dyn Any = &*self.value;
        value.downcast_ref().expect("an instance is given what it has shown itself")
    }
}

impl Past {
    pub(crate) fn new<T: Send + Sync + 'static>(value: T) -> Past {
        Past(Arc::new(value))
    }

    /// The value, for whoever made it.
    pub(crate) fn get<T: 'static>(&self) -> &T {
        self.0.downcast_ref().expect("an instance is given the past that it made itself")
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Shown) -> bool {
        self.hash == other.hash
            && (Arc::ptr_eq(&self.value, &other.value) || self.value.equals(&*other.value))
    }
}

impl Eq for Shown {}

impl Hash for Shown {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}
