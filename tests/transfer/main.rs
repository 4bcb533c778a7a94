//! Entries moved between servers and stores, as `kubekv import` and `kubekv export` do it.

#![cfg(test)]

mod dumps;
mod entries;
mod servers;
mod stores;
mod znodes;
mod zookeepers;
