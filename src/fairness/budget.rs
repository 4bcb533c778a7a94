//! Byte budgets: memory that requests take, counted for all flows together and for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::budget_name::BudgetName;
use super::flow_counts::FlowCounts;
use super::metrics::FairnessMetrics;
use super::overloaded::Overloaded;
use crate::model::Flow;

/// The part of a budget that is kept for flows which hold little: one of so many.
const NEWCOMERS: usize = 8;

/// What a flow may hold of that part: one of so many parts of the whole budget.
const LITTLE: usize = 1024;

/// Memory of one kind, in bytes, that all flows share.
///
/// A flow may hold at most half of it, and no more than it leaves free
/// (the dynamic thresholds of Choudhury and Hahne, 1998). An eighth is kept for flows that hold less than a 1024th: what is
/// taken cannot be taken back, so a newcomer must find some whatever the others hold.
///
/// A reservation costs tens of nanoseconds. Fewer than 16 KiB need none. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    name: BudgetName,
    limit: usize,
    used: AtomicUsize,
    flows: FlowCounts,
    metrics: FairnessMetrics,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(name: BudgetName, limit: usize, metrics: FairnessMetrics) -> Self {
        Self(Arc::new(Account {
            name,
            limit,
            used: AtomicUsize::new(0),
            flows: FlowCounts::default(),
            metrics,
        }))
    }

    /// Reserves bytes for a flow until the reservation is dropped; none are counted for [`Flow::Exempt`]. Refused where
    /// the flow would hold more than half of the budget, or more than it leaves free.
    pub fn reserve(&self, flow: Flow, bytes: usize) -> Result<Reservation, Overloaded> {
        let mut reservation = self.nothing(flow);
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Counts bytes that are there already, whatever the limit: what a flow holds above it is missing in its next
    /// reservations.
    pub fn charge(&self, flow: Flow, bytes: usize) -> Reservation {
        let mut reservation = self.nothing(flow);
        if flow != Flow::Exempt {
            let account = &self.0;
            let admit = |_held| {
                account.used.fetch_add(bytes, Ordering::Relaxed);
                Ok::<_, Overloaded>(())
            };
            let _admitted = account.flows.add(flow, bytes, admit);
        }
        reservation.bytes = bytes;
        reservation
    }

    /// Its bytes.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// The bytes that are reserved.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// What its bytes are.
    pub(super) fn name(&self) -> BudgetName {
        self.0.name
    }

    fn nothing(&self, flow: Flow) -> Reservation {
        Reservation {
            account: Arc::clone(&self.0),
            flow,
            bytes: 0,
        }
    }
}

impl Account {
    fn take(&self, flow: Flow, bytes: usize) -> Result<(), Overloaded> {
        let taken = self.flows.add(flow, bytes, |held| self.admit(held, bytes));
        taken.inspect_err(|overloaded| self.metrics.refused(*overloaded))
    }

    /// Counts bytes of a flow that holds so many already.
    fn admit(&self, held: usize, bytes: usize) -> Result<(), Overloaded> {
        let wanted = held.saturating_add(bytes);
        let share = self.limit / 2;
        if wanted > share {
            return Err(Overloaded::BytesOfClient {
                budget: self.name,
                limit: share,
            });
        }
        let is_little = wanted <= self.limit / LITTLE;
        let kept = self.limit / NEWCOMERS;
        let add = |used: usize| {
            let free = self.limit.saturating_sub(used);
            let fits = if is_little {
                bytes <= free
            } else {
                wanted <= free.saturating_sub(kept)
            };
            fits.then(|| used.saturating_add(bytes))
        };
        match self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
        {
            Ok(_before) => Ok(()),
            Err(_used) => Err(Overloaded::Bytes {
                budget: self.name,
                limit: self.limit,
            }),
        }
    }

    fn give_back(&self, flow: Flow, bytes: usize) {
        if flow != Flow::Exempt && bytes > 0 {
            self.flows.subtract(flow, bytes);
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Bytes of a budget that a flow holds until this is dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when it is dropped"]
pub struct Reservation {
    account: Arc<Account>,
    flow: Flow,
    bytes: usize,
}

impl Reservation {
    /// Reserves more. Where that is refused, it keeps what it has.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Overloaded> {
        if self.flow != Flow::Exempt && bytes > 0 {
            self.account.take(self.flow, bytes)?;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Gives back what it has above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.account.give_back(self.flow, excess);
        self.bytes -= excess;
    }

    /// The bytes reserved.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.give_back(self.flow, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn flow(host: u8) -> Flow {
        Flow::of_address(IpAddr::from([10, 0, 0, host]))
    }

    fn budget(limit: usize) -> Budget {
        Budget::new(BudgetName::Bodies, limit, FairnessMetrics::default())
    }

    #[test]
    fn dropped_reservations_give_back_what_they_had() {
        let budget = budget(1000);
        let mut first = budget.reserve(flow(1), 200).unwrap();
        first.grow(100).unwrap();
        let second = budget.reserve(flow(2), 50).unwrap();
        assert_eq!((first.bytes(), budget.used()), (300, 350));
        first.shrink_to(120);
        assert_eq!((first.bytes(), budget.used()), (120, 170));
        // What is refused changes nothing.
        first.grow(10_000).unwrap_err();
        assert_eq!((first.bytes(), budget.used()), (120, 170));
        drop((first, second));
        assert_eq!(budget.used(), 0);
        assert!(budget.reserve(flow(1), 500).is_ok());
    }

    #[test]
    fn a_client_holds_at_most_half() {
        let budget = budget(1000);
        let mut held = budget.reserve(flow(1), 500).unwrap();
        let refused = held.grow(1).unwrap_err();
        let limit = 500;
        let budget_name = BudgetName::Bodies;
        assert_eq!(
            refused,
            Overloaded::BytesOfClient {
                budget: budget_name,
                limit
            }
        );
        assert!(budget.reserve(flow(2), 375).is_ok());
    }

    #[test]
    fn a_newcomer_finds_bytes_however_many_clients_hold_all_they_may() {
        let budget = budget(1 << 20);
        let mut held = Vec::new();
        for host in 1..=100 {
            while let Ok(reservation) = budget.reserve(flow(host), 1024) {
                held.push(reservation);
            }
        }
        let refused = budget.reserve(flow(1), 1024).unwrap_err();
        assert!(matches!(refused, Overloaded::Bytes { .. }), "{refused}");
        // Not even together can they take what is kept.
        let _newcomer = budget.reserve(flow(200), 1024).unwrap();
        assert!(budget.used() <= budget.limit());
    }

    #[test]
    fn the_gateway_itself_is_never_refused() {
        let budget = budget(10);
        let reservation = budget.reserve(Flow::Exempt, 1000).unwrap();
        assert_eq!((reservation.bytes(), budget.used()), (1000, 0));
        drop(reservation);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_charged_counts_against_the_client() {
        let budget = budget(1000);
        let charged = budget.charge(flow(1), 700);
        assert_eq!(budget.used(), 700);
        assert!(budget.reserve(flow(1), 1).is_err());
        assert!(budget.reserve(flow(2), 150).is_ok());
        drop(charged);
        assert_eq!(budget.used(), 0);
    }
}
