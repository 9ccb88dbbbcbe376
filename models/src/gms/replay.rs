//! Hit ratios.
