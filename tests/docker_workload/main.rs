//! The requests of real Docker hosts, recorded step by step: profiles of the stored recordings, and live ones against them.

#![cfg(test)]

mod broken_watch;
mod document;
mod journey;
mod live;
mod messages;
mod profiles;
mod proxy;
mod servers;
mod simulated;
