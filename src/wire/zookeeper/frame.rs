//! Frames: a length of 32 bits, then as many bytes.

use bytes::{Buf, Bytes, BytesMut};

/// A frame length that is negative or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub struct BadLength(pub i32);

/// Takes the first frame out of the received bytes, without its length; `None` while it is incomplete. No memory is
/// reserved for bytes that were not received yet.
pub fn take_frame(input: &mut BytesMut, longest: usize) -> Result<Option<Bytes>, BadLength> {
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
