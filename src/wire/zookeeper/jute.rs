//! The serialization: numbers in network order, bytes and text with their length before them, -1 for none.

/// Why bytes are not the record they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are fewer than it takes.
    #[error("it ends too early")]
    CutOff,
    /// A length below -1.
    #[error("a length is negative")]
    Length,
    /// Text in another encoding.
    #[error("text is not UTF-8")]
    Text,
    /// A truth value that is neither 0 nor 1.
    #[error("a truth value is neither")]
    Bool,
    /// More than it takes.
    #[error("it goes on after its end")]
    Trailing,
}

/// More than a length can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("longer than the protocol can say")]
pub struct TooLong;

/// What is sent as one.
pub trait Record: Sized {
    /// Reads it; what follows is left.
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// Writes it.
    fn write(&self, to: &mut Writer);

    /// Reads one that is all there is.
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let record = Self::read(&mut from)?;
        from.end()?;
        Ok(record)
    }
}

/// Takes values from bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
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

    /// A truth value.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.chunk()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed::Bool),
        }
    }

    /// A number of 32 bits.
    pub fn int(&mut self) -> Result<i32, Malformed> {
        self.chunk().map(i32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub fn long(&mut self) -> Result<i64, Malformed> {
        self.chunk().map(i64::from_be_bytes)
    }

    /// A length; `None` where there is nothing that could have one.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        match self.int()? {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| Malformed::Length),
        }
    }

    /// Bytes; none are none.
    pub fn buffer(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?.unwrap_or(0);
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::CutOff)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Text; none is empty.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.buffer()?).map_err(|_| Malformed::Text)
    }

    /// Several of a kind; none are none. No more room is taken than the bytes that are there can fill.
    pub fn vector<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.length()?.unwrap_or(0);
        (0..count).map(|_| one(self)).collect()
    }
}

/// A frame that is being written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            // The place of its length.
            bytes: vec![0; 4],
            too_long: false,
        }
    }
}

impl Writer {
    /// A truth value.
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

    /// Several of a kind.
    pub fn vector<T>(&mut self, all: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.length(all.len());
        for value in all {
            one(self, value);
        }
    }

    /// The frame, with its length before it.
    pub fn frame(mut self) -> Result<Vec<u8>, TooLong> {
        let length = self.bytes.len().saturating_sub(4);
        let length = i32::try_from(length).map_err(|_| TooLong)?;
        match self.bytes.first_chunk_mut() {
            Some(place) if !self.too_long => *place = length.to_be_bytes(),
            _ => return Err(TooLong),
        }
        Ok(self.bytes)
    }
}
