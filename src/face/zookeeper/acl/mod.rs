//! Access lists: who may do what with a node, the identities that a connection proves, and what is shown of a list.

mod digest;
mod expand;
mod identities;
mod ip_range;
mod item;
mod permissions;
mod permit;
mod shown;

pub(crate) use expand::expand;
pub(crate) use identities::ConnectionIdentities;
pub(crate) use item::AclItem;
pub(crate) use permissions::Permissions;
pub(crate) use permit::permits;
pub(crate) use shown::shown;
