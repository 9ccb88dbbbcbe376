//! An I/O log of fio made of arbitrary bytes is read or refused, and nothing else.

#![no_main]

use crashcheck_trace::import::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| crashcheck_trace_fuzz::import(Format::FioIolog, data));
