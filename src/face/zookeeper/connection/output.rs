//! `FrameOutput`: the frames that the client has not taken yet.

use crate::fairness::Reservation;

/// While so many bytes wait for the client, nothing more of it is read or begun: a client that takes no answers gets no
/// more of them.
const FULL_BYTES: usize = 256 << 10;

/// A buffer that has grown larger is given back when it is empty: most connections are idle.
pub(super) const KEPT_BYTES: usize = 16 << 10;

/// What is sent next.
#[derive(Debug, Default)]
pub(super) struct FrameOutput {
    frames: Vec<u8>,
    sent: usize,
    /// Of long answers in the frames.
    reservations: Vec<Reservation>,
}

impl FrameOutput {
    /// The frames, to append others.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.frames
    }

    /// Keeps a reservation until all is sent.
    pub(super) fn holds(&mut self, reservation: Reservation) {
        self.reservations.push(reservation);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.frames.len()
    }

    /// Whether so much waits that no more should be made.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len().saturating_sub(self.sent) >= FULL_BYTES
    }

    /// What waits.
    pub(super) fn rest(&self) -> &[u8] {
        self.frames.get(self.sent..).unwrap_or_default()
    }

    /// Notes that so many bytes are sent.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes).min(self.frames.len());
        if self.is_empty() {
            self.sent = 0;
            self.frames.clear();
            self.frames.shrink_to(KEPT_BYTES);
            self.reservations = Vec::new();
        }
    }
}
