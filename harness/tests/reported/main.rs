//! Faults that were reported of real storage software, each as a protocol small enough to be read in one go: what was
//! reported is found and explained rightly, and nothing is found where it is repaired.

mod backfill;
mod common;
mod confirm_page;
mod interrupted_erase;
mod meta_with_data;
mod recovery_seal;
mod stale_tail;
mod torn_page;
mod torn_tail;
mod two_logs;
mod zeroed_first;
