//! The stores: one body of tests for each of them, and what only the embedded one must do on real files.

#![cfg(test)]

mod bulk;
mod common;
mod damage;
mod data_dir;
mod figures;
mod free_space;
mod kill;
mod lease;
mod offline;
mod reopen;
mod size;
mod suite;
