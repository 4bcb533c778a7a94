//! Comparison with real servers: each gets the same requests as kubekv, and the answers are compared.

#![cfg(test)]
#![expect(
    unreachable_pub,
    clippy::string_slice,
    reason = "a test crate has no users, and a test that cannot continue fails"
)]

mod differential;
mod raw;
mod records;
mod settings;
