//! The encoding of entries as keys and values of etcd.

pub(crate) mod entry;
pub(crate) mod layout;
pub(crate) mod leader;
pub(crate) mod numbering;
pub(crate) mod records;
pub(crate) mod revision;
