//! What crashcheck found, for people and for machines: pure functions of data.
