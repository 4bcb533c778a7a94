//! Gzip of answers: whether the client accepts it, by the rules of the handler that Consul uses, and the compression.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use http::{HeaderMap, header};

/// Whether the client accepts gzip: the last `gzip` of the first `Accept-Encoding`, with a weight above 0.
pub(crate) fn accepted(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::ACCEPT_ENCODING) else {
        return false;
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(',').filter_map(weight_of_gzip).next_back() > Some(0.0)
}

/// The weight of one coding, if it is gzip and its weight is a number.
fn weight_of_gzip(coding: &str) -> Option<f64> {
    let mut parts = coding.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("gzip") {
        return None;
    }
    let mut weight = 1.0;
    for part in parts {
        weight = match part.strip_prefix("q=") {
            Some(number) => number.parse().ok()?,
            None => 1.0,
        };
    }
    Some(weight)
}

/// A body of at most so many bytes is stored in its gzip, not compressed. It fits two packets, as Docker's records do, and a
/// compressor would have to clear 128 KiB of tables first, which costs more than the rest of the request.
const STORED: usize = 2 << 10;

/// The header of a gzip without name and time, from an unknown system, as Go writes it.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// zlib-rs's level 1 has no Huffman tables of the body's own, and makes Base64 no shorter.
const LEVEL: u32 = 2;

thread_local! {
    /// The compressor of this thread, which keeps its 270 KiB of tables.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
}

/// Compresses fast rather than well: a list is encoded again after each change, and shrinks tenfold either way.
pub(crate) fn compress_now(body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(STORED.min(body.len()) + body.len() / 4 + 64);
    out.extend_from_slice(&HEADER);
    match u16::try_from(body.len()) {
        Ok(length) if body.len() <= STORED => push_stored(&mut out, length, body),
        Ok(_) | Err(_) => push_compressed(&mut out, body),
    }
    let mut check = Crc::new();
    check.update(body);
    out.extend_from_slice(&check.sum().to_le_bytes());
    // Of a longer body the lowest 32 bits, as Go does: `Crc` counts so.
    out.extend_from_slice(&check.amount().to_le_bytes());
    out.into()
}

/// The only block, which is stored (RFC 1951, 3.2.4).
fn push_stored(out: &mut Vec<u8>, length: u16, body: &[u8]) {
    out.push(1);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(body);
}

fn push_compressed(out: &mut Vec<u8>, body: &[u8]) {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        loop {
            let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
            let rest = body.get(taken..).unwrap_or_default();
            // Deflating into memory fails only after its end.
            match compressor.compress_vec(rest, out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) | Err(_) => break,
                Ok(Status::Ok | Status::BufError) => out.reserve(out.len().max(4 << 10)),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn accepts(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        accepted(&headers)
    }

    #[test]
    fn gzip_is_accepted_as_consul_reads_it() {
        for yes in [
            "gzip",
            "GZIP",
            "deflate, gzip;q=0.5",
            "br, gzip",
            "gzip;q=0, gzip",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "deflate", "gzip;q=0", "gzip;q=x", "*", "gzip, gzip;q=0"] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepted(&HeaderMap::new()));
    }

    /// Text as lists are, or bytes that nothing makes shorter.
    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let text = (0..200_000_usize).prop_map(|length| {
            let words =
                (0..).flat_map(|number: usize| format!("{{\"Key\":{number}}}").into_bytes());
            words.take(length).collect()
        });
        let noise = (0..200_000_usize, any::<u64>()).prop_map(|(length, seed)| {
            let mut random = fastrand::Rng::with_seed(seed);
            std::iter::repeat_with(|| random.u8(..))
                .take(length)
                .collect()
        });
        let short = proptest::collection::vec(any::<u8>(), 0..2 * STORED);
        prop_oneof![text, noise, short]
    }

    #[test]
    fn a_short_body_is_stored_and_a_longer_one_compressed() {
        let length = |body: usize| compress_now(&vec![b'x'; body]).len();
        assert_eq!(length(0), 23);
        assert_eq!(length(STORED), STORED + 23);
        assert!(length(STORED + 1) < 100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_unpacked_is_the_body(body in bodies()) {
            let packed = compress_now(&body);
            prop_assert!(packed.len() <= body.len() + body.len() / 1000 + 64, "{} of {}", packed.len(), body.len());
            let mut found = Vec::new();
            GzDecoder::new(&packed[..]).read_to_end(&mut found).unwrap();
            prop_assert_eq!(found, body);
        }

        #[test]
        fn no_header_causes_a_panic(value in "[ -~]{0,60}") {
            let _accepts = accepts(&value);
        }
    }
}
