//! Unescaped JSON string: surrogate pairs put together, invalid bytes replaced as `encoding/json` does.

/// A string while it is read.
#[derive(Default)]
pub(super) struct UnescapedString {
    bytes: Vec<u8>,
    /// The first half of a surrogate pair, if the last escape was one.
    half: Option<u16>,
}

impl UnescapedString {
    /// Appends bytes that need no unescaping.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.end_half();
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the unit of a `\u` escape; halves of surrogate pairs that do not match are replaced.
    pub(super) fn push_unit(&mut self, unit: u16) {
        let half = self.half.take();
        let mut pair: Vec<_> = half.into_iter().chain([unit]).collect();
        if let [first, second] = pair[..]
            && char::decode_utf16([first, second]).any(|char| char.is_err())
        {
            self.push_char(char::REPLACEMENT_CHARACTER);
            pair = vec![second];
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.half = Some(unit);
            return;
        }
        for char in char::decode_utf16(pair) {
            self.push_char(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }

    fn push_char(&mut self, char: char) {
        self.bytes
            .extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn end_half(&mut self) {
        if self.half.take().is_some() {
            self.push_char(char::REPLACEMENT_CHARACTER);
        }
    }

    /// The string; bytes that are not UTF-8 are replaced, one by one.
    pub(super) fn end(mut self) -> String {
        self.end_half();
        let bytes = match String::from_utf8(self.bytes) {
            Ok(text) => return text,
            Err(bad) => bad.into_bytes(),
        };
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        text
    }
}
