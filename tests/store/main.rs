//! Tests of the stores: one suite that every store passes, and tests of the embedded store on real files.

#![cfg(test)]

mod bulk;
mod common;
mod damage;
mod data_dir;
mod directories;
mod figures;
mod free_space;
mod kill;
mod lease;
mod lost_answers;
mod offline;
mod renewal;
mod reopen;
mod size;
mod suite;
mod wide_deletes;
