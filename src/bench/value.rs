//! The values that a load writes.

use std::sync::Arc;

/// The values that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueShape {
    /// Text of this many bytes that differs in every write: servers may skip writes that change nothing.
    Changing(usize),
    /// These bytes in every write.
    Same(Arc<[u8]>),
}

impl ValueShape {
    /// Puts the value of a write into `to`; `number` tells it from the others of its client.
    pub fn write(&self, number: u64, to: &mut Vec<u8>) {
        to.clear();
        match self {
            Self::Changing(length) => {
                to.extend_from_slice(format!("{number:020}").as_bytes());
                to.reverse();
                to.resize(*length, b'x');
            }
            Self::Same(bytes) => to.extend_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ValueShape;

    #[test]
    fn values_have_their_length_and_differ() {
        let mut one = Vec::new();
        let mut other = Vec::new();
        for length in [1, 20, 256] {
            let shape = ValueShape::Changing(length);
            shape.write(1, &mut one);
            shape.write(2, &mut other);
            assert_eq!((one.len(), other.len()), (length, length));
            assert_ne!(one, other);
        }
    }
}
