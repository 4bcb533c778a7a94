//! A response: its status, and its headers and body where somebody asks for them.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;

use crate::bench::client::Failure;

/// The longest body after decompression, in bytes.
const MOST_TEXT_BYTES: u64 = 256 << 20;

/// The part of a refusal that is decompressed, in bytes: more than a failure quotes.
const MOST_QUOTED_BYTES: u64 = 1024;

/// A response.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The bytes of the head: headers are searched in it, few are ever asked for.
    pub(super) head: Bytes,
    /// The body as received, compressed where the server compressed it; empty where it was only counted.
    pub body: Bytes,
    /// The length of the body as received, in bytes.
    pub length: u64,
}

impl HttpResponse {
    /// The value of a header, without its blanks.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        for line in lines {
            let line = std::str::from_utf8(line).ok();
            match line.and_then(|line| line.split_once(':')) {
                Some((found, value)) if found.eq_ignore_ascii_case(name) => {
                    return Some(value.trim());
                }
                _ => {}
            }
        }
        None
    }

    /// The value of a header that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// The body, decompressed.
    pub fn text(&self) -> Result<Bytes, Failure> {
        let text = self.text_up_to(MOST_TEXT_BYTES)?;
        if u64::try_from(text.len()).is_ok_and(|length| length < MOST_TEXT_BYTES) {
            return Ok(text);
        }
        let why = format!("a body of {} MiB or more", MOST_TEXT_BYTES >> 20);
        Err(Failure::BadAnswer(why))
    }

    /// The response as a failure.
    pub fn refusal(&self) -> Failure {
        let text = self.text_up_to(MOST_QUOTED_BYTES).unwrap_or_default();
        let label = format!("{}: ", self.status);
        match self.status {
            // Of the others, the same request gets the same answer.
            408 | 429 | 500 | 502..=504 => Failure::unavailable(&label, &text),
            _ => Failure::refused(&label, &text),
        }
    }

    /// The beginning of the body, decompressed; the whole of a body that is not compressed.
    fn text_up_to(&self, most: u64) -> Result<Bytes, Failure> {
        if self.header("content-encoding") != Some("gzip") {
            return Ok(self.body.clone());
        }
        let mut text = Vec::new();
        GzDecoder::new(&*self.body)
            .take(most)
            .read_to_end(&mut text)
            .map_err(|_| Failure::BadAnswer("the body is not gzip".to_owned()))?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn response(status: u16, headers: &'static str, body: Vec<u8>) -> HttpResponse {
        HttpResponse {
            status,
            head: Bytes::from_static(headers.as_bytes()),
            length: u64::try_from(body.len()).unwrap(),
            body: body.into(),
        }
    }

    #[test]
    fn a_header_is_found_behind_one_that_is_no_text() {
        let mut one = response(200, "", Vec::new());
        one.head = Bytes::from_static(b"HTTP/1.1 200 OK\r\nX: \xff\r\nx-consul-INDEX:  7 \r\n\r\n");
        assert_eq!(one.number("X-Consul-Index"), Some(7));
        assert_eq!(one.number("Index"), None);
    }

    #[test]
    fn refusal_for_now_is_told_from_one_for_good() {
        let can_pass = |status| response(status, "", b"why".to_vec()).refusal().can_pass();
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(can_pass(status), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 413, 501, 507] {
            assert!(!can_pass(status), "{status}");
        }
    }

    #[test]
    fn a_bomb_is_not_decompressed_whole() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
        let mebibyte = vec![b'1'; 1 << 20];
        for _ in 0..=MOST_TEXT_BYTES >> 20 {
            bomb.write_all(&mebibyte).unwrap();
        }
        let gzip = "HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\n\r\n";
        let refused = response(500, gzip, bomb.finish().unwrap());
        assert!(refused.text().unwrap_err().to_string().contains("256 MiB"));
        assert!(refused.refusal().to_string().len() < 200);
    }
}
