//! HTTP server: exchanges on a connection, bounds, time-outs, counting, drain; and a whole gateway by `run`.

#![cfg(test)]

mod bounds;
mod drain;
mod exchange;
mod gateway;
mod harness;
