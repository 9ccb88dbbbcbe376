//! Bytes that a device lends to whoever reads them.

use crashcheck_trace::Payload;
use rustc_hash::FxBuildHasher;
use std::fmt;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// Bytes that were read from a device, shared with all others who have read the same: a clone costs a pointer, and their
/// hash is taken once.
#[derive(Clone)]
pub struct Lent(Arc<Held>);

struct Held {
    bytes: Stored,
    hash: OnceLock<u64>,
    /// Of the first so many, which somebody has asked for.
    hash_of_first: OnceLock<(usize, u64)>,
}

/// Where the bytes are.
enum Stored {
    /// Here.
    Own(Box<[u8]>),
    /// In the trace.
    Written(Payload),
    /// With somebody else as well.
    Shared(Arc<[u8]>),
}

impl Lent {
    /// A hash of the bytes: equal bytes have equal ones.
    pub fn hash(&self) -> u64 {
        *self.0.hash.get_or_init(|| FxBuildHasher.hash_one(&**self))
    }

    /// A hash of the first so many bytes, which is taken once for the number that is asked for first.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn hash_of_first(&self, len: usize) -> u64 {
        let hash = || FxBuildHasher.hash_one(&self[..len]);
        match *self.0.hash_of_first.get_or_init(|| (len, hash())) {
            (known, hash) if known == len => hash,
            _ => hash(),
        }
    }

    fn new(bytes: Stored) -> Lent {
        Lent(Arc::new(Held { bytes, hash: OnceLock::new(), hash_of_first: OnceLock::new() }))
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0.bytes {
            Stored::Own(bytes) => bytes,
            Stored::Written(payload) => payload.as_slice(),
            Stored::Shared(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Lent {
    fn from(bytes: Vec<u8>) -> Self {
        Lent::new(Stored::Own(bytes.into_boxed_slice()))
    }
}

impl From<Payload> for Lent {
    fn from(payload: Payload) -> Self {
        Lent::new(Stored::Written(payload))
    }
}

impl From<Lent> for Payload {
    fn from(lent: Lent) -> Self {
        match &lent.0.bytes {
            Stored::Own(bytes) => Payload::from(&**bytes),
            Stored::Written(payload) => payload.clone(),
            Stored::Shared(bytes) => Payload::from(Arc::clone(bytes)),
        }
    }
}

impl From<Arc<[u8]>> for Lent {
    fn from(bytes: Arc<[u8]>) -> Self {
        Lent::new(Stored::Shared(bytes))
    }
}

impl From<&[u8]> for Lent {
    fn from(bytes: &[u8]) -> Self {
        Lent::from(bytes.to_vec())
    }
}

impl PartialEq for Lent {
    fn eq(&self, other: &Lent) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for Lent {}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:016x})", crashcheck_outcome::counted(self.len() as u64, "byte"), self.hash())
    }
}
