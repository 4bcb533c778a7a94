//! Events of a fleet, and the times they are due.

use std::time::Duration;

use tokio::time::Instant;

/// How often something happens somewhere, each second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventRates {
    /// A container starts, or one that runs is stopped.
    pub containers: f64,
    /// A network is created, or one without containers is removed.
    pub networks: f64,
    /// The networks are listed.
    pub lists: f64,
    /// A daemon ends without a word, and starts again at once.
    pub restarts: f64,
    /// A host dies.
    pub deaths: f64,
}

/// What happens somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    /// A container starts, or one is stopped.
    Container,
    /// A network is created, or one is removed.
    Network,
    /// The networks are listed.
    List,
    /// A daemon ends without a word, and starts again.
    Restart,
    /// A host dies.
    Death,
}

/// The times of the next events, each kind at even distances.
#[derive(Debug)]
pub(super) struct EventClock {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    kind: EventKind,
    distance: Duration,
    due: Instant,
}

impl EventClock {
    /// A clock that begins at a time.
    pub(super) fn new(rates: &EventRates, start: Instant) -> Self {
        let kinds = [
            (EventKind::Container, rates.containers),
            (EventKind::Network, rates.networks),
            (EventKind::List, rates.lists),
            (EventKind::Restart, rates.restarts),
            (EventKind::Death, rates.deaths),
        ];
        let lines = kinds.into_iter().filter_map(|(kind, rate)| {
            let distance = Duration::try_from_secs_f64(1.0 / rate).ok()?;
            Some(Line {
                kind,
                distance,
                due: start + distance,
            })
        });
        Self {
            lines: lines.filter(|line| !line.distance.is_zero()).collect(),
        }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Option<(Instant, EventKind)> {
        let line = self.lines.iter_mut().min_by_key(|line| line.due)?;
        let event = (line.due, line.kind);
        line.due += line.distance;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_due_in_order_at_their_rates() {
        let start = Instant::now();
        let rates = EventRates {
            containers: 4.0,
            networks: 2.0,
            ..EventRates::default()
        };
        let mut clock = EventClock::new(&rates, start);
        let next: Vec<_> = std::iter::from_fn(|| clock.next())
            .take(6)
            .map(|(due, kind)| ((due - start).as_millis(), kind))
            .collect();
        let (container, network) = (EventKind::Container, EventKind::Network);
        assert_eq!(
            next,
            [
                (250, container),
                (500, container),
                (500, network),
                (750, container),
                (1000, container),
                (1000, network)
            ]
        );
        assert!(
            EventClock::new(&EventRates::default(), start)
                .next()
                .is_none()
        );
    }
}
