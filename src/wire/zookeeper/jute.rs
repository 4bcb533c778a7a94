//! Jute, the serialization: numbers in network order, bytes and text with a length prefix, which is -1 for null.

use std::borrow::Cow;

/// Why bytes do not decode to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end within the record.
    #[error("it ends too early")]
    CutOff,
    /// A length is below -1.
    #[error("a length is negative")]
    Length,
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// A path, a list of paths or the id of an access list's entry is null.
    #[error("a path or an id is null")]
    Null,
    /// An operation that no multi contains.
    #[error("an operation that no multi contains")]
    Operation,
    /// Bytes follow the record.
    #[error("bytes follow its end")]
    Trailing,
}

/// A length that does not fit into 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("longer than the protocol allows")]
pub struct TooLong;

/// A record of the protocol.
pub trait JuteRecord: Sized {
    /// Decodes the record; the bytes after it stay in the reader.
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed>;

    /// Encodes the record.
    fn write(&self, to: &mut JuteWriter);

    /// Decodes a record that takes up all of the bytes.
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = JuteReader::new(bytes);
        let record = Self::read(&mut from)?;
        from.end()?;
        Ok(record)
    }

    /// Decodes a record as a server does: see [`JuteReader::lenient`]. The bytes after the record are ignored.
    fn parse_leniently(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(&mut JuteReader::lenient(bytes))
    }
}

/// A reader of values from bytes.
#[derive(Clone, Copy, Debug)]
pub struct JuteReader<'a> {
    rest: &'a [u8],
    is_lenient: bool,
    takes_null_paths: bool,
}

impl<'a> JuteReader<'a> {
    /// A reader of these bytes that refuses all that no client or server of Java's makes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_lenient: false,
            takes_null_paths: false,
        }
    }

    /// A reader that takes what the server takes: in text, bytes that are not UTF-8 become U+FFFD, which no path may
    /// contain, and a vector of a negative length is empty.
    pub fn lenient(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_lenient: true,
            takes_null_paths: false,
        }
    }

    /// From here on a null path is an empty one.
    pub fn take_null_paths(&mut self) {
        self.takes_null_paths = true;
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error if bytes are left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Trailing)
        }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Malformed::CutOff)?;
        self.rest = rest;
        Ok(*chunk)
    }

    /// A boolean: as in Java, every number but 0 is true.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        let [byte] = self.chunk()?;
        Ok(byte != 0)
    }

    /// A number of 32 bits.
    pub fn int(&mut self) -> Result<i32, Malformed> {
        self.chunk().map(i32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub fn long(&mut self) -> Result<i64, Malformed> {
        self.chunk().map(i64::from_be_bytes)
    }

    /// A length; `None` for null.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        match self.int()? {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| Malformed::Length),
        }
    }

    /// Bytes; `None` for null.
    pub fn nullable_buffer(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::CutOff)?;
        self.rest = rest;
        Ok(Some(bytes))
    }

    /// Bytes; null is read as empty.
    pub fn buffer(&mut self) -> Result<&'a [u8], Malformed> {
        Ok(self.nullable_buffer()?.unwrap_or_default())
    }

    /// Text; `None` for null.
    pub fn nullable_text(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        let Some(bytes) = self.nullable_buffer()? else {
            return Ok(None);
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(Cow::Borrowed(text))),
            Err(_) if self.is_lenient => Ok(Some(String::from_utf8_lossy(bytes))),
            Err(_) => Err(Malformed::Text),
        }
    }

    /// The path of a node, which is not null unless null paths are taken; an empty one is the root's for some operations.
    pub fn path(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let path = self.nullable_text()?;
        if path.is_none() && !self.takes_null_paths {
            return Err(Malformed::Null);
        }
        Ok(path.unwrap_or_default())
    }

    /// Text; null is read as empty.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        Ok(self.nullable_text()?.unwrap_or_default())
    }

    /// A vector; `None` for null. No memory is reserved for items whose bytes are missing.
    pub fn nullable_vector<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let count = match self.length() {
            Ok(Some(count)) => count,
            Ok(None) => return Ok(None),
            Err(Malformed::Length) if self.is_lenient => 0,
            Err(why) => return Err(why),
        };
        let all: Result<_, _> = (0..count).map(|_| one(self)).collect();
        all.map(Some)
    }

    /// A vector; null is read as empty.
    pub fn vector<T>(
        &mut self,
        one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        Ok(self.nullable_vector(one)?.unwrap_or_default())
    }
}

/// A writer of one frame.
#[derive(Debug)]
pub struct JuteWriter {
    bytes: Vec<u8>,
    /// Where the frame begins.
    start: usize,
    too_long: bool,
}

impl Default for JuteWriter {
    fn default() -> Self {
        Self::after(Vec::new())
    }
}

/// Appends a frame to a buffer; one that would be too long leaves the buffer as it was.
pub fn append_frame(
    buffer: &mut Vec<u8>,
    record: impl FnOnce(&mut JuteWriter),
) -> Result<(), TooLong> {
    let mut to = JuteWriter::after(std::mem::take(buffer));
    record(&mut to);
    let (start, ended) = (to.start, to.end());
    *buffer = to.bytes;
    if ended.is_err() {
        buffer.truncate(start);
    }
    ended
}

impl JuteWriter {
    /// A writer of a frame after these bytes.
    fn after(mut bytes: Vec<u8>) -> Self {
        let start = bytes.len();
        // The length, filled in at the end.
        bytes.extend([0; 4]);
        Self {
            bytes,
            start,
            too_long: false,
        }
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// A number of 32 bits.
    pub fn int(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// A number of 64 bits.
    pub fn long(&mut self, value: i64) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        match i32::try_from(length) {
            Ok(length) => self.int(length),
            Err(_) => self.too_long = true,
        }
    }

    /// Bytes.
    pub fn buffer(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes, or null.
    pub fn nullable_buffer(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.buffer(bytes),
            None => self.int(-1),
        }
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.buffer(text.as_bytes());
    }

    /// A vector.
    pub fn vector<T>(&mut self, all: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.length(all.len());
        for value in all {
            one(self, value);
        }
    }

    /// A vector of items that are counted as they are written.
    pub fn sequence<T>(
        &mut self,
        all: impl IntoIterator<Item = T>,
        mut one: impl FnMut(&mut Self, T),
    ) {
        let place = self.bytes.len();
        self.int(0);
        let mut count: usize = 0;
        for value in all {
            one(self, value);
            count = count.saturating_add(1);
        }
        let counted = self.bytes.get_mut(place..);
        match (
            i32::try_from(count),
            counted.and_then(|bytes| bytes.first_chunk_mut()),
        ) {
            (Ok(count), Some(place)) => *place = count.to_be_bytes(),
            _ => self.too_long = true,
        }
    }

    /// Fills in the length.
    fn end(&mut self) -> Result<(), TooLong> {
        let length = self.bytes.len().saturating_sub(self.start + 4);
        let length = i32::try_from(length).map_err(|_| TooLong)?;
        let frame = self.bytes.get_mut(self.start..);
        match frame.and_then(|frame| frame.first_chunk_mut()) {
            Some(place) if !self.too_long => *place = length.to_be_bytes(),
            _ => return Err(TooLong),
        }
        Ok(())
    }

    /// The frame, with its length prefix.
    pub fn frame(mut self) -> Result<Vec<u8>, TooLong> {
        self.end()?;
        Ok(self.bytes)
    }
}
