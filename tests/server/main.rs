//! Server of connections, under HTTP and under a protocol of frames: exchanges, limits, timeouts, metrics, drain; and a whole
//! gateway by `run`.

#![cfg(test)]

mod bodies;
mod bounds;
mod clients;
mod credentials;
mod docker_guard;
mod drain;
mod exchange;
mod frames;
mod gateway;
mod harness;
mod hung_up;
mod malformed;
mod tls;
mod web_pages;
