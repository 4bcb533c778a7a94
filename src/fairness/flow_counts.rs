//! Flow counts: how much of something each flow holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use parking_lot::Mutex;

use crate::model::Flow;

/// Locks, so that requests of different flows seldom wait for one another.
const SHARDS: usize = 16;

type Shard = Mutex<HashMap<Flow, usize>>;

/// How much of something each flow holds. A flow that holds nothing takes no memory.
#[derive(Debug, Default)]
pub(super) struct FlowCounts {
    shards: [Shard; SHARDS],
}

impl FlowCounts {
    /// Adds an amount to what a flow holds, if `admit` agrees to it; it gets what the flow holds so far. Two additions of
    /// one flow never happen side by side.
    pub(super) fn add<E>(
        &self,
        flow: Flow,
        amount: usize,
        admit: impl FnOnce(usize) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.shard(flow).lock().entry(flow) {
            Entry::Occupied(mut held) => {
                admit(*held.get())?;
                *held.get_mut() += amount;
            }
            Entry::Vacant(none) => {
                admit(0)?;
                none.insert(amount);
            }
        }
        Ok(())
    }

    /// Takes an amount from what a flow holds.
    pub(super) fn subtract(&self, flow: Flow, amount: usize) {
        if let Entry::Occupied(mut held) = self.shard(flow).lock().entry(flow) {
            if *held.get() <= amount {
                held.remove();
            } else {
                *held.get_mut() -= amount;
            }
        }
    }

    /// The last bytes of addresses differ most. That a client can choose its shard does no harm: maps hash with a secret.
    fn shard(&self, flow: Flow) -> &Shard {
        let folded = match flow {
            Flow::Exempt => 0,
            Flow::Address(IpAddr::V4(address)) => folded(address.octets()),
            Flow::Address(IpAddr::V6(address)) => folded(address.octets()),
            Flow::Identity(identity) => folded(identity.number().to_be_bytes()),
        };
        self.shards
            .get(usize::from(folded) % SHARDS)
            .unwrap_or(&self.shards[0])
    }
}

fn folded(bytes: impl IntoIterator<Item = u8>) -> u8 {
    bytes.into_iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_that_holds_nothing_takes_no_memory() {
        let counts = FlowCounts::default();
        for host in 0..200 {
            let flow = Flow::of_address(IpAddr::from([10, 0, 0, host]));
            let admitted = counts.add(flow, 2, |held| if held == 0 { Ok(()) } else { Err(held) });
            assert_eq!(admitted, Ok(()));
            assert_eq!(counts.add(flow, 2, Err), Err(2));
            counts.subtract(flow, 1);
            counts.subtract(flow, 1);
        }
        assert!(counts.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
