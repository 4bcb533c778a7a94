//! Face name: the protocol a client speaks.

/// The protocol a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaceName {
    /// Consul's HTTP API.
    Consul,
    /// etcd's API, version 2.
    Etcd2,
    /// ZooKeeper's protocol.
    ZooKeeper,
}

impl FaceName {
    /// Every face, in the order of listings.
    pub const ALL: [Self; 3] = [Self::Consul, Self::Etcd2, Self::ZooKeeper];

    /// The name in metrics, in logs, and of the option that says where the face listens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Etcd2 => "etcd",
            Self::ZooKeeper => "zookeeper",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The face after this one. A new face does not compile until it has a place here.
    fn after(face: FaceName) -> Option<FaceName> {
        match face {
            FaceName::Consul => Some(FaceName::Etcd2),
            FaceName::Etcd2 => Some(FaceName::ZooKeeper),
            FaceName::ZooKeeper => None,
        }
    }

    #[test]
    fn all_has_every_face() {
        let every: Vec<_> =
            std::iter::successors(Some(FaceName::Consul), |face| after(*face)).collect();
        assert_eq!(every, FaceName::ALL);
    }
}
