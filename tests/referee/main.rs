//! Referees: real servers that are asked the same.

#![cfg(test)]
#![expect(
    unreachable_pub,
    clippy::string_slice,
    reason = "nobody is outside, and a test that cannot go on fails"
)]

mod differential;
mod raw;
mod settings;
