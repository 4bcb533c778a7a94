//! The stores: one body of tests for each of them, and what only the embedded one must do on real files.

#[cfg(test)]
mod common;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod reopen;
#[cfg(test)]
mod suite;
