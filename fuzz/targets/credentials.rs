//! Files of credentials, and changes of them.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::credentials(bytes));
