//! `AuditQueue`: lines on their way to the audit log, bounded in bytes.
//!
//! Whoever changes something reserves the room of its lines before; a line of a change that was made is never lost for want
//! of room. All other lines take half of the room at most, so that who is refused cannot keep others from changing anything.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

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
}

#[derive(Debug, Default)]
struct QueueState {
    lines: Vec<u8>,
    /// Bytes that were promised to changes.
    reserved: usize,
    /// Bytes that the writer has taken and not written.
    taken: usize,
    /// Lines for which there was no room, since the last that was written.
    lost: u64,
    /// The file cannot be written.
    is_failing: bool,
    is_closed: bool,
    /// The writer waits to be woken.
    is_idle: bool,
}

/// What the writer takes out.
#[derive(Debug, Default)]
pub(super) struct TakenLines {
    /// Whole lines.
    pub(super) lines: Vec<u8>,
    /// How many lines were lost before these.
    pub(super) lost: u64,
    /// No more lines come.
    pub(super) is_closed: bool,
}

/// There is no room, or the file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl AuditQueue {
    /// A queue of so many bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            capacity,
        }
    }

    /// Promises room for so many bytes, while lines can be written.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), NoRoom> {
        let mut state = self.state.lock();
        if state.is_failing || !state.has_room(bytes, self.capacity) {
            return Err(NoRoom);
        }
        state.reserved += bytes;
        Ok(())
    }

    /// Takes a promise back.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.reserved = state.reserved.saturating_sub(bytes);
    }

    /// Puts in lines whose room was promised; of the promise nothing is left.
    pub(super) fn push_reserved(&self, reserved: usize, lines: &[u8]) {
        let mut state = self.state.lock();
        state.reserved = state.reserved.saturating_sub(reserved);
        self.fill(&mut state, lines);
    }

    /// Puts in a line of which no change depends, if there is room; says whether there was.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let mut state = self.state.lock();
        let has_room = !state.is_closed && state.has_room(line.len(), self.capacity / 2);
        if has_room {
            self.fill(&mut state, line);
        } else {
            state.lost += 1;
        }
        has_room
    }

    fn fill(&self, state: &mut QueueState, lines: &[u8]) {
        state.lines.extend_from_slice(lines);
        // A writer that writes looks again by itself.
        if std::mem::take(&mut state.is_idle) {
            self.filled.notify_one();
        }
    }

    /// Takes what waits; nothing where none came within this time. What was taken before counts as written.
    pub(super) fn take(&self, patience: Duration, emptied: Vec<u8>) -> TakenLines {
        let mut state = self.state.lock();
        state.taken = 0;
        if state.lines.is_empty() && !state.is_closed {
            state.is_idle = true;
            self.filled.wait_for(&mut state, patience);
            state.is_idle = false;
        }
        let next = if emptied.capacity() > KEPT_BYTES {
            Vec::new()
        } else {
            emptied
        };
        let lines = std::mem::replace(&mut state.lines, next);
        state.taken = lines.len();
        TakenLines {
            lost: if lines.is_empty() {
                0
            } else {
                std::mem::take(&mut state.lost)
            },
            lines,
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
        self.state.lock().is_failing = is_failing;
    }

    /// Whether changes are refused, for want of room or because the file cannot be written.
    pub(super) fn refuses_changes(&self) -> bool {
        let state = self.state.lock();
        state.is_failing || !state.has_room(0, self.capacity)
    }

    /// Ends it: what is in it is written, and nothing comes after.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.filled.notify_all();
    }
}

impl QueueState {
    fn has_room(&self, bytes: usize, capacity: usize) -> bool {
        let held = self.lines.len() + self.taken + self.reserved;
        held.saturating_add(bytes) < capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_promised_has_room_although_the_queue_is_full() {
        let queue = AuditQueue::new(100);
        assert!(queue.push(&[b'x'; 40]));
        queue.reserve(50).unwrap();
        assert!(!queue.push(&[b'x'; 5]));
        assert_eq!(queue.reserve(10), Err(NoRoom));
        queue.push_reserved(50, &[b'y'; 50]);
        let taken = queue.take(SOON, Vec::new());
        assert_eq!((taken.lines.len(), taken.lost), (90, 1));
        // What is being written still takes its room.
        assert!(!queue.push(&[b'x'; 5]));
        let taken = queue.take(SOON, Vec::new());
        assert!(taken.lines.is_empty());
        assert!(queue.push(&[b'x'; 5]));
        assert_eq!(queue.take(SOON, Vec::new()).lost, 1);
    }

    #[test]
    fn lines_of_refusals_leave_half_of_the_room_to_changes() {
        let queue = AuditQueue::new(100);
        let taken = (0..100).filter(|_| queue.push(b"refused\n")).count();
        assert_eq!(taken, 6);
        assert_eq!(queue.reserve(50), Ok(()));
    }

    #[test]
    fn nothing_is_promised_while_the_file_cannot_be_written() {
        let queue = AuditQueue::new(100);
        queue.set_failing(true);
        assert_eq!(queue.reserve(1), Err(NoRoom));
        assert!(queue.refuses_changes());
        assert!(queue.push(b"a refusal\n"));
        queue.set_failing(false);
        assert_eq!(queue.reserve(1), Ok(()));
        queue.release(1);
        assert!(!queue.refuses_changes());
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let queue = AuditQueue::new(100);
        assert!(queue.push(b"a\n"));
        queue.close();
        let taken = queue.take(Duration::MAX, Vec::new());
        assert_eq!(
            (taken.lines.as_slice(), taken.is_closed),
            (&b"a\n"[..], true)
        );
        assert!(!queue.push(b"b\n"));
    }
}
