//! Full lists of the keys under the prefix.

pub(crate) mod compare;
pub(crate) mod load;
