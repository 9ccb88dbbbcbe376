//! What cleaning costs.
