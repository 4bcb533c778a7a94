//! Docker's records: what harms a daemon, and which changes are legal.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::docker_record(bytes));
