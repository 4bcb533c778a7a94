//! Directories: how many children each node of the tree has, ever had, and when one last came or went.
//!
//! Counted as commits are applied, so that reading them costs a look-up however many children there are. A node is there
//! while one of its two keys is or while anything is beneath it (see [`super::tree`]); its counts go with it.

mod child_tally;
mod count;
mod load;

pub(crate) use child_tally::ChildTally;
pub use count::{Directory, NodeFate};
pub(crate) use count::{
    DirectoryTable, NodeEffect, ORDINAL, came, follow, is_made_anew, never_came, node_of, parent,
    stays_without, went,
};
pub(crate) use load::{Directories, SetDirectory, load};

#[cfg(test)]
mod tests;
