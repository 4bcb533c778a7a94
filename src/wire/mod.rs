//! Formats that a protocol has for its bytes, for whoever speaks it: a face as the server, `transfer` as a client.
//! Nothing here waits, and nothing knows what the bytes are for.

pub mod zookeeper;
