//! TLS of a server: handshakes and their bounds, what clients prove, and files that change.

mod authority;
mod bounds;
mod certificates;
mod client;
mod harness;
mod hung_up;
mod identities;
mod plaintext;
mod policy;
mod reload;
mod revocation;
mod whole_gateway;
