//! The operations of a load, and their mix.

use std::str::FromStr;

/// An operation that a load consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reads a key.
    Get,
    /// Reads the metadata of a key: ZooKeeper alone.
    Stat,
    /// Reads all keys with a prefix.
    List,
    /// Writes a key.
    Put,
    /// Writes a key that has not changed since it was read. The first read is not measured.
    Cas,
    /// Writes a key that did not exist.
    Create,
    /// Deletes a key. Its creation is not measured.
    Delete,
    /// Creates an ephemeral node with a sequence number and deletes it: ZooKeeper alone.
    Ephemeral,
    /// Takes a lock, waiting for its holder.
    Lock,
    /// Gives the lock back: measured after each [`Operation::Lock`], never chosen.
    Unlock,
}

impl Operation {
    /// All operations that a mix may name.
    pub const CHOICES: [Self; 9] = [
        Self::Get,
        Self::Stat,
        Self::List,
        Self::Put,
        Self::Cas,
        Self::Create,
        Self::Delete,
        Self::Ephemeral,
        Self::Lock,
    ];

    /// The name in commands and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Put => "put",
            Self::Cas => "cas",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Ephemeral => "ephemeral",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }

    /// Whether it needs keys that exist.
    pub fn needs_entries(self) -> bool {
        match self {
            Self::Get | Self::Stat | Self::List | Self::Cas => true,
            Self::Put
            | Self::Create
            | Self::Delete
            | Self::Ephemeral
            | Self::Lock
            | Self::Unlock => false,
        }
    }

    /// Whether only ZooKeeper's protocol has it.
    pub fn is_only_zookeepers(self) -> bool {
        match self {
            Self::Stat | Self::Ephemeral => true,
            Self::Get
            | Self::List
            | Self::Put
            | Self::Cas
            | Self::Create
            | Self::Delete
            | Self::Lock
            | Self::Unlock => false,
        }
    }
}

/// Operations, each with the share of requests that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationMix {
    weights: Vec<(Operation, u32)>,
    total: u32,
}

/// A text that is no mix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "want OPERATION=WEIGHT[,...] of get, stat, list, put, cas, create, delete, ephemeral and lock, each once"
)]
pub struct InvalidMix;

impl OperationMix {
    /// One operation alone.
    pub fn only(operation: Operation) -> Self {
        Self {
            weights: vec![(operation, 1)],
            total: 1,
        }
    }

    /// The operations, without their weights.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        self.weights.iter().map(|(operation, _weight)| *operation)
    }

    /// The next operation.
    pub fn choose(&self, random: &mut fastrand::Rng) -> Operation {
        let mut at = match self.total {
            0 | 1 => 0,
            total => random.u32(..total),
        };
        for (operation, weight) in &self.weights {
            match at.checked_sub(*weight) {
                None => return *operation,
                Some(rest) => at = rest,
            }
        }
        Operation::Get
    }
}

impl FromStr for OperationMix {
    type Err = InvalidMix;

    fn from_str(text: &str) -> Result<Self, InvalidMix> {
        let mut weights: Vec<(Operation, u32)> = Vec::new();
        let mut total = 0_u32;
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').ok_or(InvalidMix)?;
            let named = |operation: &Operation| operation.name() == name.trim();
            let operation = Operation::CHOICES
                .into_iter()
                .find(named)
                .ok_or(InvalidMix)?;
            let weight: u32 = weight.trim().parse().map_err(|_| InvalidMix)?;
            if weight == 0 || weights.iter().any(|(other, _)| *other == operation) {
                return Err(InvalidMix);
            }
            total = total.checked_add(weight).ok_or(InvalidMix)?;
            weights.push((operation, weight));
        }
        Ok(Self { weights, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_as_often_as_their_weights_say() {
        let mix: OperationMix = "list=99,put=1".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let puts = (0..10_000)
            .filter(|_| mix.choose(&mut random) == Operation::Put)
            .count();
        assert!((60..140).contains(&puts), "{puts}");
        let only = OperationMix::only(Operation::Cas);
        assert_eq!(only.choose(&mut random), Operation::Cas);
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for wrong in ["", "get", "get=0", "get=1,get=2", "unlock=1", "get=-1"] {
            assert_eq!(wrong.parse::<OperationMix>(), Err(InvalidMix), "{wrong}");
        }
    }
}
