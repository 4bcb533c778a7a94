//! Requests of HTTP, as the faces of Consul and etcd and the admin port read them.

#![no_main]

use kubekv::fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::http(bytes));
