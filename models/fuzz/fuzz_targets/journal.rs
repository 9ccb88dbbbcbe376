//! The journal under workloads made from arbitrary bytes.

#![no_main]

use crashcheck_models::journal::{Journal, Ordered};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| crashcheck_models_fuzz::check::<Journal<Ordered>>(data));
