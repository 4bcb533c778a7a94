//! Clients of an attack: raw HTTP/1.1 over connections from chosen addresses, with whatever bytes an attack wants.

mod answer;
mod attacker;
pub(crate) mod certificates;
mod connection;
pub(crate) mod request;
mod target;

pub(crate) use answer::Answer;
pub(crate) use attacker::{Stay, crowd};
pub(crate) use certificates::Who;
pub(crate) use connection::Connection;
pub(crate) use target::Target;
