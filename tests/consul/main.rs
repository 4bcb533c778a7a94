//! The Consul face, as seen by its clients.

#![cfg(test)]
#![expect(unreachable_pub, reason = "a test crate has no users")]

mod bad_input;
mod blocking;
mod cli;
mod client;
mod client_requirements;
mod fairness;
mod gateway;
mod real;
mod recorded;
mod side;
mod table;
