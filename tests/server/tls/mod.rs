//! TLS of a server: handshakes and their bounds, what clients prove, and files that change.

mod authority;
mod bounds;
mod certificates;
mod client;
mod harness;
mod http2;
mod hung_up;
mod identities;
mod plaintext;
mod policy;
mod policy_under_load;
mod reload;
mod revocation;
mod whole_gateway;
mod zookeeper;
