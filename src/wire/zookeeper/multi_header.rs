//! `MultiHeader`: the header of each operation and each result of a multi, and of its end.

use super::{JuteReader, JuteRecord, JuteWriter, Malformed, OpCode};

/// The type of a failed result, and of the end.
const NONE: i32 = -1;

/// The header before an operation, a result or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MultiHeader {
    /// The number of the operation; -1 for a failure.
    pub(super) kind: i32,
    is_end: bool,
    error: i32,
}

impl MultiHeader {
    /// Before an operation.
    pub(super) fn of_operation(op: OpCode) -> Self {
        Self {
            kind: op.number(),
            is_end: false,
            error: -1,
        }
    }

    /// Before the result of an operation.
    pub(super) fn of_result(op: OpCode) -> Self {
        Self {
            kind: op.number(),
            is_end: false,
            error: 0,
        }
    }

    /// Before an error.
    pub(super) fn of_failure(error: i32) -> Self {
        Self {
            kind: NONE,
            is_end: false,
            error,
        }
    }

    /// Whether an error follows.
    pub(super) fn is_failure(self) -> bool {
        self.kind == NONE
    }
}

impl JuteRecord for MultiHeader {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: from.int()?,
            is_end: from.bool()?,
            error: from.int()?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.kind);
        to.bool(self.is_end);
        to.int(self.error);
    }
}

/// Reads items up to the end.
pub(super) fn read_items<T>(
    from: &mut JuteReader<'_>,
    mut one: impl FnMut(MultiHeader, &mut JuteReader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut items = Vec::new();
    loop {
        let header = MultiHeader::read(from)?;
        if header.is_end {
            return Ok(items);
        }
        items.push(one(header, from)?);
    }
}

/// Writes the end.
pub(super) fn write_end(to: &mut JuteWriter) {
    let end = MultiHeader {
        kind: NONE,
        is_end: true,
        error: -1,
    };
    end.write(to);
}
