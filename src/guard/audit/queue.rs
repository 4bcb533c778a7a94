//! `AuditQueue`: lines on their way to the audit log, bounded in bytes.
//!
//! Whoever changes something reserves the room of its lines before; a line of a change that was made is never lost for want
//! of room. All other lines take half of the room at most, so that who is refused cannot keep others from changing anything.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::line::LineBuffer;

/// The most bytes of lines that wait to be written, with those that are reserved.
pub(super) const CAPACITY: usize = 8 << 20;

/// Buffers up to this size are kept for the next lines, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct AuditQueue {
    state: Mutex<QueueState>,
    filled: Condvar,
    capacity: usize,
    /// Bytes of lines that wait, that the writer has taken and not written, and that were promised to changes. Whoever
    /// decides on a change asks for them beside all others, so that nobody locks anything for that.
    held: AtomicUsize,
    /// The file cannot be written.
    is_failing: AtomicBool,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: LineBuffer,
    /// Bytes that the writer has taken and not written.
    taken: usize,
    /// Lines for which there was no room, since the last that was written.
    lost: u64,
    is_closed: bool,
    /// The writer waits to be woken.
    is_idle: bool,
}

/// What the writer takes out.
#[derive(Debug, Default)]
pub(super) struct TakenLines {
    /// Whole lines.
    pub(super) lines: Vec<u8>,
    /// How many those are.
    pub(super) count: u64,
    /// How many lines were lost before these.
    pub(super) lost: u64,
    /// No more lines come.
    pub(super) is_closed: bool,
}

/// There is no room, or the file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl AuditQueue {
    /// A queue of so many bytes, of the gateway whose requests' numbers begin so.
    pub(super) fn new(capacity: usize, gateway: &str) -> Self {
        let state = QueueState {
            waiting: LineBuffer::new(gateway),
            ..QueueState::default()
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            capacity,
            held: AtomicUsize::new(0),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Promises room for so many bytes, while lines can be written.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), NoRoom> {
        if self.is_failing.load(Ordering::Acquire) {
            return Err(NoRoom);
        }
        let with_these = |held: usize| {
            let held = held.saturating_add(bytes);
            (held < self.capacity).then_some(held)
        };
        let reserved = self
            .held
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, with_these);
        reserved.map(drop).map_err(|_| NoRoom)
    }

    /// Takes a promise back.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Puts in lines whose room was promised; of the promise nothing is left.
    pub(super) fn push_reserved(&self, reserved: usize, write: impl FnOnce(&mut LineBuffer)) {
        let mut state = self.state.lock();
        let before = state.waiting.len();
        write(&mut state.waiting);
        let bytes = state.waiting.len() - before;
        // As a rule more was promised than is needed.
        if bytes <= reserved {
            self.release(reserved - bytes);
        } else {
            self.held.fetch_add(bytes - reserved, Ordering::AcqRel);
        }
        self.wake(&mut state);
    }

    /// Puts in lines of which no change depends, if there is room; says whether there was.
    pub(super) fn push(&self, write: impl FnOnce(&mut LineBuffer)) -> bool {
        let mut state = self.state.lock();
        let before = (state.waiting.len(), state.waiting.lines());
        write(&mut state.waiting);
        let bytes = state.waiting.len() - before.0;
        let held = self.held.load(Ordering::Acquire).saturating_add(bytes);
        let has_room = !state.is_closed && held < self.capacity / 2;
        if has_room {
            self.held.fetch_add(bytes, Ordering::AcqRel);
            self.wake(&mut state);
        } else {
            state.lost += state.waiting.lines() - before.1;
            state.waiting.cut(before);
        }
        has_room
    }

    fn wake(&self, state: &mut QueueState) {
        // A writer that writes looks again by itself.
        if std::mem::take(&mut state.is_idle) {
            self.filled.notify_one();
        }
    }

    /// Takes what waits; nothing where none came within this time. What was taken before counts as written.
    pub(super) fn take(&self, patience: Duration, emptied: Vec<u8>) -> TakenLines {
        let mut state = self.state.lock();
        self.release(std::mem::take(&mut state.taken));
        if state.waiting.is_empty() && !state.is_closed {
            state.is_idle = true;
            self.filled.wait_for(&mut state, patience);
            state.is_idle = false;
        }
        let next = if emptied.capacity() > KEPT_BYTES {
            Vec::new()
        } else {
            emptied
        };
        let (lines, count) = state.waiting.take(next);
        state.taken = lines.len();
        TakenLines {
            lost: if lines.is_empty() {
                0
            } else {
                std::mem::take(&mut state.lost)
            },
            lines,
            count,
            is_closed: state.is_closed,
        }
    }

    /// Waits for this long, whatever comes meanwhile; says whether no more lines come.
    pub(super) fn wait_unless_closed(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.is_closed {
            self.filled.wait_for(&mut state, pause);
        }
        state.is_closed
    }

    /// Says whether the file can be written.
    pub(super) fn set_failing(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Release);
    }

    /// Whether changes are refused, for want of room or because the file cannot be written.
    pub(super) fn refuses_changes(&self) -> bool {
        self.is_failing.load(Ordering::Acquire)
            || self.held.load(Ordering::Acquire) >= self.capacity
    }

    /// Ends it: what is in it is written, and nothing comes after.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    /// So many lines of so many bytes each.
    fn lines(count: usize, bytes: usize) -> impl FnOnce(&mut LineBuffer) {
        move |buffer| {
            for _ in 0..count {
                buffer.add(&vec![b'x'; bytes]);
            }
        }
    }

    #[test]
    fn what_was_promised_has_room_although_the_queue_is_full() {
        let queue = AuditQueue::new(100, "5f");
        assert!(queue.push(lines(1, 40)));
        queue.reserve(50).unwrap();
        assert!(!queue.push(lines(1, 5)));
        assert_eq!(queue.reserve(10), Err(NoRoom));
        queue.push_reserved(50, lines(2, 25));
        let taken = queue.take(SOON, Vec::new());
        assert_eq!((taken.lines.len(), taken.count, taken.lost), (90, 3, 1));
        // What is being written still takes its room.
        assert!(!queue.push(lines(1, 5)));
        let taken = queue.take(SOON, Vec::new());
        assert!(taken.lines.is_empty());
        assert!(queue.push(lines(1, 5)));
        assert_eq!(queue.take(SOON, Vec::new()).lost, 1);
    }

    #[test]
    fn lines_of_refusals_leave_half_of_the_room_to_changes() {
        let queue = AuditQueue::new(100, "5f");
        let taken = (0..100).filter(|_| queue.push(lines(1, 8))).count();
        assert_eq!(taken, 6);
        assert_eq!(queue.reserve(50), Ok(()));
    }

    #[test]
    fn nothing_is_promised_while_the_file_cannot_be_written() {
        let queue = AuditQueue::new(100, "5f");
        queue.set_failing(true);
        assert_eq!(queue.reserve(1), Err(NoRoom));
        assert!(queue.refuses_changes());
        assert!(queue.push(lines(1, 10)));
        queue.set_failing(false);
        assert_eq!(queue.reserve(1), Ok(()));
        queue.release(1);
        assert!(!queue.refuses_changes());
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let queue = AuditQueue::new(100, "5f");
        assert!(queue.push(lines(1, 2)));
        queue.close();
        let taken = queue.take(Duration::MAX, Vec::new());
        assert_eq!(
            (taken.lines.as_slice(), taken.is_closed),
            (&b"xx"[..], true)
        );
        assert!(!queue.push(lines(1, 2)));
    }
}
