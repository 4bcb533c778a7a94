//! The Consul face, as its clients see it.

#![cfg(test)]
#![expect(unreachable_pub, reason = "nobody is outside")]

mod bad_input;
mod blocking;
mod cli;
mod client;
mod client_requirements;
mod gateway;
mod real;
mod recorded;
mod side;
mod table;
