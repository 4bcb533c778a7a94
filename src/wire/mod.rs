//! Wire formats of protocols that kubekv speaks on both sides: a face as the server, `transfer` as a client. Pure encoding
//! and decoding, without I/O.

pub mod zookeeper;
