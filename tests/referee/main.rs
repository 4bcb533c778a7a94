//! Referees: real servers that get the same requests as kubekv.

#![cfg(test)]
#![expect(
    unreachable_pub,
    clippy::string_slice,
    reason = "nobody is outside, and a test that cannot go on fails"
)]

mod differential;
mod raw;
mod settings;
