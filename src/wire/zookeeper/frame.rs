//! Frames: a length of 32 bits, then so many bytes.

use bytes::{Buf, Bytes, BytesMut};

/// A length that no frame of this protocol has here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub struct BadLength(pub i32);

/// Takes the first frame out of what has come in, less its length; `None` while it is not whole. Nothing is reserved for
/// a frame before its bytes are there.
pub fn take(input: &mut BytesMut, longest: usize) -> Result<Option<Bytes>, BadLength> {
    let Some(length) = input.first_chunk::<4>() else {
        return Ok(None);
    };
    let said = i32::from_be_bytes(*length);
    let length = usize::try_from(said).map_err(|_| BadLength(said))?;
    if length > longest {
        return Err(BadLength(said));
    }
    if input.len().saturating_sub(4) < length {
        return Ok(None);
    }
    input.advance(4);
    Ok(Some(input.split_to(length).freeze()))
}
