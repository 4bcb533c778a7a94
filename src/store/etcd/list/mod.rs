//! Reads of etcd: single keys, and full lists page by page.

pub(crate) mod compare;
pub(crate) mod load;
pub(crate) mod pages;
