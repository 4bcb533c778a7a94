//! Access lists: who may do what with a node, the identities that a connection proves, and what is shown of a list.

mod digest;
mod expand;
mod identities;
mod permit;
mod shown;

pub(crate) use expand::expand;
pub(crate) use identities::ConnectionIdentities;
pub(crate) use permit::permits;
pub(crate) use shown::shown;
