//! What arrays compute, serve and survive.

mod bench;
mod check;
mod explored;
mod faults;
mod formats;
mod mapping;
mod performance;
mod serving;
