//! Policies: the text, and what it allows.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::policy(bytes));
