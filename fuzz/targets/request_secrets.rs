//! Secrets of requests, before anybody is asked whose they are.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::request_secrets(bytes));
