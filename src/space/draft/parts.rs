//! `DraftParts`: the parts of a draft, which are changes of several requests that go in one commit.

use crate::model::Cause;

/// The part that is being decided, and what those before it came to.
#[derive(Debug, Default)]
pub(super) struct DraftParts {
    /// How many writes there were before it.
    begin: usize,
    /// Why those were made.
    cause: Option<Cause>,
    /// It wrote what a part before it wrote.
    overlaps: bool,
}

impl DraftParts {
    /// Begins the next part, after so many writes.
    pub(super) fn begin(&mut self, writes: usize) {
        self.begin = writes;
    }

    /// Notes that a write was written over, given its place.
    pub(super) fn note_rewrite(&mut self, write: usize) {
        self.overlaps |= write < self.begin;
    }

    /// Ends the part, after so many writes of this cause; says the cause of all, where it can go with those before it.
    pub(super) fn end(&mut self, accepted: bool, writes: usize, cause: Cause) -> Option<Cause> {
        let wrote = writes > self.begin;
        if self.overlaps || wrote && !accepted {
            return None;
        }
        if wrote {
            self.cause = Some(shared_cause(self.cause, cause)?);
        }
        Some(self.cause.unwrap_or_default())
    }
}

/// The cause of a commit with changes of these. Of a refresh nobody gets an event, so it goes with nothing else.
fn shared_cause(before: Option<Cause>, cause: Cause) -> Option<Cause> {
    match before {
        None => Some(cause),
        Some(before) if before == cause => Some(cause),
        Some(before) => (before != Cause::Refresh && cause != Cause::Refresh).then_some(Cause::Set),
    }
}
