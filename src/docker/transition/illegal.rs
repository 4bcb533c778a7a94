//! `IllegalChange`: why a change of a record, good before and after, is none that libnetwork makes.

/// Why a change of a record, good before and after, is none that libnetwork makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalChange {
    /// libnetwork writes a record that is there by `AtomicPut` alone.
    #[error("it is written without a comparison")]
    Unconditional,
    /// libnetwork deletes one record after another.
    #[error("everything beneath a directory is deleted at once")]
    TreeDeleted,
    /// libnetwork writes each record by itself; of several, each could excuse the other.
    #[error("several records change at once")]
    Several,
    /// Consul lists keys with and without a slash at the end, and daemons would see two records of one id.
    #[error("the record is there, and its key spelled with or without a slash at the end")]
    OtherSpelling,
    /// `atomicIncDecEpCnt` changes a count by one, and writes it unchanged where a container was renamed.
    #[error("an endpoint count changes by more than one, or does not begin at 0")]
    CountJumps,
    /// `network.delete` deletes the count of a network that it has marked; without one all daemons panic.
    #[error("the endpoint count of a network that is in use is deleted")]
    CountInUse,
    /// `bitseq.set` changes one bit, and the number of free ones by one.
    #[error("more than one bit changes, or the count of free ones does not follow")]
    BitsJump,
    /// `bitseq.NewHandle` begins with free bits, as many as the pool has addresses.
    #[error("a bitmap does not begin with all bits free, or changes its length")]
    BitsBegin,
    /// An address or a VXLAN id is given back after the record that has it is gone.
    #[error("an address or a VXLAN id that is in use is given back")]
    BitInUse,
    /// `bitseq.Destroy` deletes the bitmap of a pool that is in the address space no more.
    #[error("a bitmap that is in use is deleted")]
    BitsInUse,
    /// `updatePoolDBOnAdd` and `updatePoolDBOnRemoval` change one pool, and the one it is a part of.
    #[error("more than one pool changes, or one by more than a use")]
    PoolsJump,
    /// `addrSpace.contains`: pools do not overlap.
    #[error("a pool overlaps another one")]
    PoolOverlaps,
    /// `ReleasePool` is called for networks that are marked as removed.
    #[error("a pool that a network uses is removed")]
    PoolInUse,
    /// `obtainVxlanID` sets an id where there is none, and takes it from the bitmap before.
    #[error("a VXLAN id changes, or is not allotted")]
    VniNotAllotted,
    /// Two networks of one id are one network on the wire.
    #[error("a VXLAN id belongs to another network")]
    VniTaken,
    /// The driver writes subnets once.
    #[error("the subnets or options of an overlay network change")]
    OverlayChanges,
    /// `releaseVxlanID` is called for networks that are marked as removed.
    #[error("the overlay driver's record of a network that is in use is deleted")]
    OverlayInUse,
    /// `createEndpoint` sets the host that has the container.
    #[error("an endpoint changes its host")]
    LocatorChanges,
    /// `assignAddress` takes an address from a pool of the network before the endpoint is written.
    #[error("the address of an endpoint is of no pool of its network, or not allotted")]
    AddressNotAllotted,
    /// The allocator gives an address once. Its bit could not be given back while two have it.
    #[error("the address of an endpoint belongs to another one, or to a gateway")]
    AddressTaken,
    /// Hosts write their own endpoints and nodes.
    #[error("an endpoint or node of another host is written")]
    OtherHost,
    /// `docker network disconnect --force` is for endpoints of hosts that are gone.
    #[error("an endpoint or node of another host that is up is deleted")]
    OtherHostInUse,
    /// Daemons identify networks by name.
    #[error("a network of this name is there")]
    NameTaken,
    /// Daemons remove what is marked when they start.
    #[error("a network is marked as removed by a client that may not delete it")]
    MarkedByOther,
    /// `network.delete` marks and deletes networks without endpoints.
    #[error("a network that has endpoints is removed")]
    NetworkInUse,
    /// Address spaces are emptied, not deleted.
    #[error("an address space that has pools is deleted")]
    PoolsInUse,
    /// libnetwork deletes what is to go; nodes alone have a TTL or a session.
    #[error("a record or a directory of records would end by itself, or with a session")]
    Fleeting,
    /// libkv leaves everything to everybody.
    #[error("an access list of a record or of a directory of records changes")]
    AccessListed,
}

impl IllegalChange {
    /// Its name, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::TreeDeleted => "tree_deleted",
            Self::Several => "several",
            Self::OtherSpelling => "other_spelling",
            Self::CountJumps => "count_jumps",
            Self::CountInUse => "count_in_use",
            Self::BitsJump => "bits_jump",
            Self::BitsBegin => "bits_begin",
            Self::BitInUse => "bit_in_use",
            Self::BitsInUse => "bits_in_use",
            Self::PoolsJump => "pools_jump",
            Self::PoolOverlaps => "pool_overlaps",
            Self::PoolInUse => "pool_in_use",
            Self::VniNotAllotted => "vni_not_allotted",
            Self::VniTaken => "vni_taken",
            Self::OverlayChanges => "overlay_changes",
            Self::OverlayInUse => "overlay_in_use",
            Self::LocatorChanges => "locator_changes",
            Self::AddressNotAllotted => "address_not_allotted",
            Self::AddressTaken => "address_taken",
            Self::OtherHost => "other_host",
            Self::OtherHostInUse => "other_host_in_use",
            Self::NameTaken => "name_taken",
            Self::MarkedByOther => "marked_by_other",
            Self::NetworkInUse => "network_in_use",
            Self::PoolsInUse => "pools_in_use",
            Self::Fleeting => "fleeting",
            Self::AccessListed => "access_list",
        }
    }
}
