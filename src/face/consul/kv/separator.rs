//! Separator of `?keys`: found in a key in time that grows with the key alone, whatever the client chose (Knuth, Morris and
//! Pratt).

/// The bytes after which keys are cut off.
#[derive(Clone, Debug)]
pub(super) struct Separator {
    bytes: Vec<u8>,
    /// For each length of a beginning of the separator: the length of the longest shorter beginning that it ends with.
    shorter: Vec<usize>,
}

impl Separator {
    /// A separator; an empty one is in no key.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut separator = Self {
            bytes: bytes.to_vec(),
            shorter: vec![0],
        };
        let mut matched = 0;
        for byte in bytes.iter().skip(1) {
            matched = separator.advance(matched, *byte);
            separator.shorter.push(matched);
        }
        separator
    }

    /// Whether it is in no key.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the first separator in this part of a key ends.
    pub(super) fn end_in(&self, part: &[u8]) -> Option<usize> {
        if self.bytes.is_empty() {
            return None;
        }
        let mut matched = 0;
        for (place, byte) in part.iter().enumerate() {
            matched = self.advance(matched, *byte);
            if matched == self.bytes.len() {
                return Some(place + 1);
            }
        }
        None
    }

    /// How much of the separator is matched after one more byte, where less than all of it was.
    fn advance(&self, mut matched: usize, byte: u8) -> usize {
        loop {
            if self.bytes.get(matched) == Some(&byte) {
                return matched + 1;
            }
            if matched == 0 {
                return 0;
            }
            matched = self.shorter.get(matched - 1).copied().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_separator_is_found(key in "[ab/]{0,12}", separator in "[ab/]{1,4}") {
            let end = key.find(&separator).map(|place| place + separator.len());
            prop_assert_eq!(Separator::new(separator.as_bytes()).end_in(key.as_bytes()), end);
            prop_assert_eq!(Separator::new(b"").end_in(key.as_bytes()), None);
        }
    }
}
