//! Whole connections to the faces, on an empty keyspace in memory.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::connection(bytes));
