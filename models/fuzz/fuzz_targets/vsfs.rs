//! vsfs under workloads made from arbitrary bytes.

#![no_main]

use crashcheck_models::vsfs::Vsfs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| crashcheck_models_fuzz::check::<Vsfs>(data));
