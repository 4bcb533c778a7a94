//! The stores: one body of tests for each of them, and what only the embedded one must do on real files.

#![cfg(test)]

mod common;
mod damage;
mod figures;
mod kill;
mod lease;
mod many;
mod offline;
mod place;
mod reopen;
mod room;
mod size;
mod suite;
