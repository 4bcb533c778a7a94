//! Hostile clients beside a well-behaved one: a short form of each attack, which counts and does not time. The program
//! beside it (program.rs) measures.

#![cfg(test)]

mod attacks;
mod client;
mod fill;
mod keeper;
mod short;
mod stage;
mod tally;
