//! Encoded list: its body, plain and compressed, and the bytes that it has of a budget.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::face::gzip;
use crate::face::shared_work::SharedWork;
use crate::fairness::{Cost, Fairness, Overloaded, Reservation};
use crate::model::Flow;
use crate::space::View;

/// A list, encoded from a view.
#[derive(Debug)]
pub(crate) struct Made {
    /// The body of the answer.
    pub(crate) body: Vec<u8>,
    /// The index of its entries.
    pub(crate) index: u64,
    /// Whether it stays valid until an entry changes; a list that shows remaining seconds does not.
    pub(crate) lasts: bool,
}

/// An encoded list.
#[derive(Debug)]
pub(crate) struct Encoded {
    body: Bytes,
    compressed: Arc<SharedWork<Bytes>>,
    index: u64,
    fairness: Fairness,
    /// The flow that it was made for.
    maker: Flow,
    room: ListRoom,
}

/// The bytes of a list among the answers, as long as anybody has any of them; `None` while they count in the cache.
type ListRoom = Arc<Mutex<Option<Reservation>>>;

/// A body of a list.
struct ListBody {
    bytes: Bytes,
    _room: ListRoom,
}

/// Makes a list, with its bytes reserved.
pub(super) fn encode(
    view: &View,
    fairness: &Fairness,
    flow: Flow,
    make: impl FnOnce(&View, &mut Reservation) -> Result<Option<Made>, Overloaded>,
) -> Result<Option<(Encoded, bool)>, Overloaded> {
    let mut room = fairness.answers().reserve(flow, 0)?;
    let Some(made) = make(view, &mut room)? else {
        return Ok(None);
    };
    let Made {
        mut body,
        index,
        lasts,
    } = made;
    if body.capacity() - body.len() > body.len() / 4 {
        body.shrink_to_fit();
    }
    let weight = weight(body.len());
    room.grow(weight.saturating_sub(room.bytes()))?;
    room.shrink_to(weight);
    let room = Arc::new(Mutex::new(Some(room)));
    let encoded = Encoded {
        body: ListBody::share(body.into(), &room),
        compressed: Arc::default(),
        index,
        fairness: fairness.clone(),
        maker: flow,
        room,
    };
    Ok(Some((encoded, lasts)))
}

/// The bytes that a list takes with a body of this length, and with the compressed one that may be added.
fn weight(body: usize) -> usize {
    body.saturating_add(body / 4)
}

impl ListBody {
    /// Bytes that count as the list does, as long as anybody has any of them.
    fn share(bytes: Bytes, room: &ListRoom) -> Bytes {
        Bytes::from_owner(Self {
            bytes,
            _room: Arc::clone(room),
        })
    }
}

impl AsRef<[u8]> for ListBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Encoded {
    /// The body.
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The body, compressed by gzip: once, in the turn of the flow that asked first.
    pub(crate) async fn compressed(&self, flow: Flow) -> Result<Bytes, Overloaded> {
        let compress = {
            let (body, room) = (self.body.clone(), Arc::clone(&self.room));
            move || Ok(ListBody::share(gzip::compress_now(&body), &room))
        };
        let cost = Cost::new(0, self.len());
        self.compressed
            .get_or_do(&self.fairness, flow, cost, compress)
            .await
    }

    /// The index of what is in it.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// The bytes that it takes, with the compressed body that may be added.
    pub(super) fn weight(&self) -> usize {
        weight(self.len())
    }

    /// From here on its bytes count in the cache.
    pub(super) fn count_in_cache(&self) {
        drop(self.room.lock().take());
    }

    /// From here on its bytes count among the answers, as long as anybody has any of them. Returns how many they are.
    pub(super) fn count_in_answers(&self) -> usize {
        let weight = self.weight();
        let charged = self.fairness.answers().charge(self.maker, weight);
        *self.room.lock() = Some(charged);
        weight
    }

    /// How long the body is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }
}
