//! `CreateMode`: the kind of node that a create asks for, by its operation and its flags.

use crate::wire::zookeeper::{OpCode, create_flags};

/// The longest TTL of a node, in milliseconds: ZooKeeper keeps it in 40 bits.
const LONGEST_TTL_MS: i64 = (1 << 40) - 1;

/// The kind of a node that is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CreateMode {
    /// When it ends.
    pub(crate) lifetime: Lifetime,
    /// Whether a sequence number is added to its name: the number of children ever created under its parent, as
    /// [`CreatePath::with_sequence`](super::write_path::CreatePath::with_sequence) prints it.
    pub(crate) is_sequential: bool,
}

/// When a node ends without being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Never.
    Persistent,
    /// With its session.
    Ephemeral,
    /// After its last child.
    Container,
    /// This many milliseconds after its last write, while it has no children: 1 to 2^40 - 1.
    Ttl(i64),
}

/// A create whose flags or TTL belong to no node: `BadArguments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("flags or a TTL that no node has")]
pub(crate) struct InvalidMode;

impl CreateMode {
    /// The mode of a create that is a request of its own; the TTL is that of `CreateTtl` and means nothing to others.
    ///
    /// The operation decides, not the flags, whether a node is a container or has a TTL: `CreateContainer` makes one
    /// whatever its flags, and `Create` with the flags of a container makes a persistent node.
    ///
    /// # Errors
    ///
    /// Where no such node is made; also for an operation that is no create.
    pub(crate) fn of_request(op: OpCode, flags: i32, ttl_ms: i64) -> Result<Self, InvalidMode> {
        if op == OpCode::CreateTtl {
            return Self::with_ttl(flags, ttl_ms);
        }
        let plain = Self::without_ttl(flags)?;
        let lifetime = match (op, plain.lifetime) {
            (OpCode::CreateContainer, _) => Lifetime::Container,
            (_, Lifetime::Container) => Lifetime::Persistent,
            (_, lifetime) => lifetime,
        };
        Ok(Self { lifetime, ..plain })
    }

    /// The mode of a create within a multi, where the flags of a container make one by any operation.
    ///
    /// # Errors
    ///
    /// As for [`of_request`](Self::of_request).
    pub(crate) fn of_multi(op: OpCode, flags: i32, ttl_ms: i64) -> Result<Self, InvalidMode> {
        let mode = Self::of_request(op, flags, ttl_ms)?;
        if op != OpCode::CreateTtl && flags == create_flags::CONTAINER {
            let lifetime = Lifetime::Container;
            return Ok(Self { lifetime, ..mode });
        }
        Ok(mode)
    }

    /// Whether the result within a multi is the path and the `Stat`, rather than the path alone.
    pub(crate) fn shows_stat_in_multi(self, op: OpCode) -> bool {
        op != OpCode::Create || self.lifetime == Lifetime::Container
    }

    fn without_ttl(flags: i32) -> Result<Self, InvalidMode> {
        let (lifetime, is_sequential) = match flags {
            create_flags::PERSISTENT => (Lifetime::Persistent, false),
            create_flags::EPHEMERAL => (Lifetime::Ephemeral, false),
            create_flags::PERSISTENT_SEQUENTIAL => (Lifetime::Persistent, true),
            create_flags::EPHEMERAL_SEQUENTIAL => (Lifetime::Ephemeral, true),
            create_flags::CONTAINER => (Lifetime::Container, false),
            // Those of a TTL are refused as all others: there is no TTL.
            _ => return Err(InvalidMode),
        };
        Ok(Self {
            lifetime,
            is_sequential,
        })
    }

    fn with_ttl(flags: i32, ttl_ms: i64) -> Result<Self, InvalidMode> {
        let is_sequential = match flags {
            create_flags::WITH_TTL => false,
            create_flags::SEQUENTIAL_WITH_TTL => true,
            _ => return Err(InvalidMode),
        };
        if !(1..=LONGEST_TTL_MS).contains(&ttl_ms) {
            return Err(InvalidMode);
        }
        Ok(Self {
            lifetime: Lifetime::Ttl(ttl_ms),
            is_sequential,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TTL: i64 = -1;

    type Mode = Result<CreateMode, InvalidMode>;

    /// A mode, as the outcome that a test compares.
    fn mode(lifetime: Lifetime, is_sequential: bool) -> Mode {
        let mode = CreateMode {
            lifetime,
            is_sequential,
        };
        Some(mode).ok_or(InvalidMode)
    }

    #[test]
    fn flags_of_a_plain_create_are_those_of_nodes_without_a_ttl() {
        for op in [OpCode::Create, OpCode::Create2] {
            let of = |flags| CreateMode::of_request(op, flags, NO_TTL);
            assert_eq!(of(0), mode(Lifetime::Persistent, false));
            assert_eq!(of(1), mode(Lifetime::Ephemeral, false));
            assert_eq!(of(2), mode(Lifetime::Persistent, true));
            assert_eq!(of(3), mode(Lifetime::Ephemeral, true));
            // As 3.8.0 makes it: no check deletes it.
            assert_eq!(of(4), mode(Lifetime::Persistent, false));
            for flags in [5, 6, 7, -1, i32::MIN, i32::MAX] {
                assert_eq!(of(flags), Err(InvalidMode), "{flags}");
            }
        }
    }

    #[test]
    fn a_container_is_made_by_its_operation() {
        let of = |flags| CreateMode::of_request(OpCode::CreateContainer, flags, NO_TTL);
        for flags in [0, 1, 4] {
            assert_eq!(of(flags), mode(Lifetime::Container, false), "{flags}");
        }
        for flags in [2, 3] {
            assert_eq!(of(flags), mode(Lifetime::Container, true), "{flags}");
        }
        for flags in [5, 6, 7, -1] {
            assert_eq!(of(flags), Err(InvalidMode), "{flags}");
        }
    }

    #[test]
    fn a_ttl_is_positive_and_has_forty_bits() {
        let of = |flags, ttl| CreateMode::of_request(OpCode::CreateTtl, flags, ttl);
        for ttl in [1, 5000, LONGEST_TTL_MS] {
            assert_eq!(of(5, ttl), mode(Lifetime::Ttl(ttl), false));
            assert_eq!(of(6, ttl), mode(Lifetime::Ttl(ttl), true));
        }
        for ttl in [0, -1, 1 << 40, i64::MIN, i64::MAX] {
            assert_eq!(of(5, ttl), Err(InvalidMode), "{ttl}");
        }
        for flags in [-1, 0, 1, 2, 3, 4, 7, 8] {
            for ttl in [-1, 0, 5000] {
                assert_eq!(of(flags, ttl), Err(InvalidMode), "{flags} {ttl}");
                let within = CreateMode::of_multi(OpCode::CreateTtl, flags, ttl);
                assert_eq!(within, Err(InvalidMode), "{flags} {ttl}");
            }
        }
    }

    #[test]
    fn flags_of_a_container_make_one_within_a_multi() {
        for op in [OpCode::Create, OpCode::Create2, OpCode::CreateContainer] {
            let container = CreateMode::of_multi(op, 4, NO_TTL);
            assert_eq!(container, mode(Lifetime::Container, false));
            assert!(container.unwrap().shows_stat_in_multi(op));
            assert_eq!(CreateMode::of_multi(op, 5, NO_TTL), Err(InvalidMode));
        }
        let plain = CreateMode::of_multi(OpCode::Create, 3, NO_TTL).unwrap();
        assert_eq!(Ok(plain), mode(Lifetime::Ephemeral, true));
        assert!(!plain.shows_stat_in_multi(OpCode::Create));
        assert!(plain.shows_stat_in_multi(OpCode::Create2));
    }
}
