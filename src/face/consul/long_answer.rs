//! Long answer: JSON that is weighed before any of it is made, and made on a heavy thread.

use std::sync::Arc;

use bytes::Bytes;

use super::weight::Weight;
use crate::face::go::json_writer;
use crate::face::gzip;
use crate::face::held_body::held_body;
use crate::fairness::{Fairness, Overloaded, Reservation};
use crate::model::Flow;

/// The most bytes of one answer that is made for one request, as counted before it is made: Consul has no bound.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// What an answer shows, as JSON.
pub(super) trait LongAnswer: Send + Sync + 'static {
    /// Its entries and the most bytes of their JSON. Counted to the end only while `goes_on` says so.
    fn weigh(&self, goes_on: fn(Weight) -> bool) -> Weight;

    /// Appends the JSON.
    fn encode(&self, out: &mut Vec<u8>);
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyForm {
    /// JSON over several lines (`?pretty`).
    pub(super) pretty: bool,
    /// Compressed by gzip.
    pub(super) compressed: bool,
}

impl BodyForm {
    /// As it is made.
    pub(super) const PLAIN: Self = Self {
        pretty: false,
        compressed: false,
    };

    /// The most bytes that there are at once while a body of this weight is made.
    pub(super) fn room(self, weight: Weight) -> usize {
        let indented = if self.pretty {
            weight.indented().bytes
        } else {
            0
        };
        let compressed = if self.compressed { weight.bytes / 4 } else { 0 };
        weight
            .bytes
            .saturating_add(indented)
            .saturating_add(compressed)
    }

    /// A body in this form.
    pub(super) fn apply(self, plain: Bytes) -> Bytes {
        let body = if self.pretty {
            trimmed(json_writer::pretty(&plain))
        } else {
            plain
        };
        if self.compressed {
            gzip::compress_now(&body)
        } else {
            body
        }
    }
}

/// Why an answer was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotMade {
    /// There is no room for it now.
    Overloaded(Overloaded),
    /// It would be longer than any may be.
    TooLong,
}

impl From<Overloaded> for NotMade {
    fn from(overloaded: Overloaded) -> Self {
        Self::Overloaded(overloaded)
    }
}

/// Whether an answer of this weight is made at all.
pub(super) fn is_allowed(weight: Weight) -> bool {
    weight.bytes <= MAX_BYTES
}

/// Makes an answer on a heavy thread, in the flow's turn. Its bytes are reserved before any of them is made, until the
/// client has taken them.
pub(super) async fn make(
    answer: Box<dyn LongAnswer>,
    form: BodyForm,
    fairness: &Fairness,
    flow: Flow,
) -> Result<Bytes, NotMade> {
    let budget = fairness.answers().clone();
    let cost = answer.weigh(Weight::is_small).cost();
    let work = move || {
        let weight = answer.weigh(is_allowed);
        if !is_allowed(weight) {
            return Err(NotMade::TooLong);
        }
        let mut reservation = budget.reserve(flow, form.room(weight))?;
        let body = encode(answer.as_ref(), weight, form);
        reservation.shrink_to(body.len());
        Ok(held_body(body, reservation))
    };
    fairness.run(flow, cost, work).await?
}

/// Makes the answer to a change that has been made. It is made whatever the limits are, because refusing it would tell the
/// client that nothing had changed; its bytes were reserved before the change.
pub(super) async fn make_after_change(
    answer: Box<dyn LongAnswer>,
    form: BodyForm,
    fairness: &Fairness,
    flow: Flow,
    mut reservation: Reservation,
) -> Result<Bytes, NotMade> {
    let answer: Arc<dyn LongAnswer> = answer.into();
    let work = || {
        let answer = Arc::clone(&answer);
        move || encode(answer.as_ref(), answer.weigh(|_| true), form)
    };
    let cost = answer.weigh(Weight::is_small).cost();
    let made = match fairness.run(flow, cost, work()).await {
        Ok(made) => made,
        Err(_) => fairness.run(Flow::Exempt, cost, work()).await?,
    };
    // What came between the weighing and the change may have made it longer.
    let _grown = reservation.grow(made.len().saturating_sub(reservation.bytes()));
    reservation.shrink_to(made.len());
    Ok(held_body(made, reservation))
}

fn encode(answer: &dyn LongAnswer, weight: Weight, form: BodyForm) -> Bytes {
    let mut plain = Vec::with_capacity(weight.bytes);
    answer.encode(&mut plain);
    form.apply(trimmed(plain))
}

/// The bytes without the room that was not needed.
fn trimmed(mut bytes: Vec<u8>) -> Bytes {
    if bytes.capacity() - bytes.len() > bytes.len() / 4 {
        bytes.shrink_to_fit();
    }
    bytes.into()
}

/// A body that is there already in this form; long ones are brought into it on a heavy thread, and reserved until the
/// client has taken them.
pub(super) async fn reshape(
    plain: Bytes,
    form: BodyForm,
    fairness: &Fairness,
    flow: Flow,
) -> Result<Bytes, Overloaded> {
    let weight = Weight::of_bytes(plain.len());
    if weight.is_small() {
        return Ok(form.apply(plain));
    }
    let mut reservation = fairness.answers().reserve(flow, form.room(weight))?;
    if form == BodyForm::PLAIN {
        return Ok(held_body(plain, reservation));
    }
    let work = move || {
        let body = form.apply(plain);
        reservation.shrink_to(body.len());
        held_body(body, reservation)
    };
    fairness.run(flow, weight.cost(), work).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::fairness::MemoryLimits;

    fn client() -> Flow {
        Flow::of_address("10.0.0.1".parse().unwrap())
    }

    /// An answer of so many bytes, which notes that it was made.
    struct Noted {
        bytes: usize,
        is_made: Arc<AtomicBool>,
    }

    impl LongAnswer for Noted {
        fn weigh(&self, _goes_on: fn(Weight) -> bool) -> Weight {
            Weight::of_bytes(self.bytes)
        }

        fn encode(&self, out: &mut Vec<u8>) {
            self.is_made.store(true, Ordering::Relaxed);
            out.resize(self.bytes, b'1');
        }
    }

    async fn make_noted(bytes: usize, fairness: &Fairness) -> (Result<Bytes, NotMade>, bool) {
        let is_made = Arc::new(AtomicBool::new(false));
        let answer = Box::new(Noted {
            bytes,
            is_made: Arc::clone(&is_made),
        });
        let made = make(answer, BodyForm::PLAIN, fairness, client()).await;
        (made, is_made.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn answers_are_refused_before_anything_of_them_is_made() {
        let fairness = Fairness::new(MemoryLimits {
            answers: 200_000,
            ..MemoryLimits::default()
        });
        let (refused, is_made) = make_noted(MAX_BYTES + 1, &fairness).await;
        assert_eq!((refused, is_made), (Err(NotMade::TooLong), false));
        // A client may have half of the budget.
        let (refused, is_made) = make_noted(150_000, &fairness).await;
        assert!(matches!(refused, Err(NotMade::Overloaded(_))));
        assert!(!is_made);
        let (body, is_made) = make_noted(90_000, &fairness).await;
        assert_eq!((body.as_ref().map(Bytes::len), is_made), (Ok(90_000), true));
        assert_eq!(fairness.answers().used(), 90_000);
        drop(body);
        assert_eq!(fairness.answers().used(), 0);
    }

    #[tokio::test]
    async fn the_answer_to_a_change_is_made_when_there_is_no_room() {
        let fairness = Fairness::new(MemoryLimits {
            answers: 20_000,
            ..MemoryLimits::default()
        });
        let reservation = fairness.answers().reserve(client(), 10_000).unwrap();
        let answer = Box::new(Noted {
            bytes: 50_000,
            is_made: Arc::default(),
        });
        let form = BodyForm::PLAIN;
        let made = make_after_change(answer, form, &fairness, client(), reservation).await;
        assert_eq!(made.map(|body| body.len()), Ok(50_000));
    }

    #[tokio::test]
    async fn long_bodies_are_reserved_until_they_are_sent() {
        let fairness = Fairness::default();
        for form in [
            BodyForm::PLAIN,
            BodyForm {
                pretty: true,
                compressed: true,
            },
        ] {
            let plain = Bytes::from(vec![b'1'; 100_000]);
            let body = reshape(plain, form, &fairness, client()).await.unwrap();
            assert_eq!(fairness.answers().used(), body.len());
            drop(body);
            assert_eq!(fairness.answers().used(), 0);
        }
        let short = reshape(
            vec![b'1'; 1000].into(),
            BodyForm::PLAIN,
            &fairness,
            client(),
        );
        assert_eq!(short.await.unwrap().len(), 1000);
    }
}
