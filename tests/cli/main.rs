//! The `kubekv` command, run as users and scripts run it.

#![cfg(test)]

mod certs;
mod crowd;
mod docs;
mod imports;
mod keys;
mod lines;
mod logs;
mod policy;
mod serve;
mod store;
mod token;
