//! Gzip of answers: whether the client accepts it, by the rules of the handler that Consul uses, and the compression.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
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

/// Compresses fast rather than well: a list is encoded again after each change, and shrinks tenfold either way.
pub(crate) fn compress_now(body: &[u8]) -> Bytes {
    let capacity = body.len() / 4 + 64;
    let mut encoder = GzEncoder::new(Vec::with_capacity(capacity), Compression::fast());
    // Writing to memory does not fail.
    let _written = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn no_header_causes_a_panic(value in "[ -~]{0,60}") {
            let _accepts = accepts(&value);
        }
    }
}
