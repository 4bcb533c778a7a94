//! `Interrupted`: why a watch or a subscription yields nothing more.

/// Why a watch yields nothing more. Another one must be begun in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The watcher was too slow: commits from this main revision on, the first that it did not take, were not kept for it.
    /// It may resume there.
    #[error("too slow: changes from index {0} on were dropped")]
    Lagged(u64),
    /// The caller may see other keys in these ranges than before. Commits that were not taken yet are lost.
    #[error("the rights of the client have changed")]
    RightsChanged,
}
