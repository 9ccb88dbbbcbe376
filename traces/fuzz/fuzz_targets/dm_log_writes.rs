//! A dm-log-writes log made of arbitrary bytes is read or refused, and nothing else.

#![no_main]

use crashcheck_trace::import::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| crashcheck_trace_fuzz::import(Format::DmLogWrites, data));
