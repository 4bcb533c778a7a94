//! Clients of an attack: raw HTTP/1.1 over connections from chosen addresses, with whatever bytes an attack wants.

mod answer;
mod attacker;
mod connection;
pub(crate) mod request;

pub(crate) use answer::Answer;
pub(crate) use attacker::{Stay, crowd};
pub(crate) use connection::Connection;
