//! Metrics collector: what is in use and waiting, read when the metrics are asked for.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::budget::Budget;
use super::heavy_threads::HeavyPool;
use super::metrics::Work;
use super::seats::Seats;

/// Reads what is in use: a request changes no gauge for it.
#[derive(Debug)]
pub(super) struct UseCollector {
    pub(super) seats: Seats,
    pub(super) heavy: Arc<HeavyPool>,
    pub(super) budgets: [Budget; 3],
}

impl UseCollector {
    /// The units in use and the pieces of work that wait, of each kind of work.
    fn work(&self) -> [(Work, usize, usize); 3] {
        let (running, waiting) = self.heavy.running_and_waiting();
        let [small, wide] = self
            .seats
            .pools()
            .map(|pool| (pool.work(), pool.used(), pool.waiting()));
        [(Work::Heavy, running, waiting), small, wide]
    }
}

impl Collector for UseCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let work = self.work();
        let in_use = work.map(|(work, used, _)| (work.label(), used));
        let queued = work.map(|(work, _, waiting)| (work.label(), waiting));
        let budgets = self.budgets.each_ref();
        let used = budgets.map(|budget| (budget.name().label(), budget.used()));
        let limits = budgets.map(|budget| (budget.name().label(), budget.limit()));
        let families = [
            (
                "in_use",
                "Units of work that is being done: heavy threads that are busy, seats of changes that are taken",
                "work",
                in_use,
            ),
            (
                "queued",
                "Pieces of work that wait for their turn",
                "work",
                queued,
            ),
            (
                "used_bytes",
                "Bytes that are reserved, of each budget",
                "budget",
                used,
            ),
            ("limit_bytes", "The bytes of each budget", "budget", limits),
        ];
        for (name, help, label, values) in families {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (value_of, value) in values {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                let labels = [(label, value_of)];
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}
