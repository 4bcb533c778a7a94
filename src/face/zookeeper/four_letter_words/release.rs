//! `Release`: the version that four-letter words report.

use std::fmt;

/// What a server says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// The version of ZooKeeper that it is compatible with, such as `3.9.4`; kazoo decides by it.
    pub(crate) version: String,
    /// When it was built, as `01/02/2006 15:04 UTC`: the one form that go-zookeeper reads.
    pub(crate) built: String,
}

/// `3.9.4, built on 01/02/2006 15:04 UTC`.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, built on {}", self.version, self.built)
    }
}
