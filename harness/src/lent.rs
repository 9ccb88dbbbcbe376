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
}

/// Where the bytes are.
enum Stored {
    /// Here.
    Own(Box<[u8]>),
    /// In the trace.
    Written(Payload),
}

impl Lent {
    /// A hash of the bytes: equal bytes have equal ones.
    pub fn hash(&self) -> u64 {
        *self.0.hash.get_or_init(|| FxBuildHasher.hash_one(&**self))
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0.bytes {
            Stored::Own(bytes) => bytes,
            Stored::Written(payload) => payload.as_slice(),
        }
    }
}

impl From<Vec<u8>> for Lent {
    fn from(bytes: Vec<u8>) -> Self {
        Lent(Arc::new(Held { bytes: Stored::Own(bytes.into_boxed_slice()), hash: OnceLock::new() }))
    }
}

impl From<Payload> for Lent {
    fn from(payload: Payload) -> Self {
        Lent(Arc::new(Held { bytes: Stored::Written(payload), hash: OnceLock::new() }))
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
