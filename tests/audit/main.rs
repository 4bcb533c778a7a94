//! The audit log of a gateway in a process of its own: a line of each kind by each face, none with a value or a secret, and
//! what is refused while it cannot be written; and what a policy does to it.

#![cfg(test)]

mod failing;
mod gateway;
mod lines;
mod logins;
mod policy;
mod rotation;
