//! A response: its status, and its headers and body where somebody asks for them.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;

use crate::bench::client::Failure;

/// The longest body after decompression, in bytes.
const MOST_TEXT_BYTES: u64 = 1 << 30;

/// The longest refusal that a failure quotes, in characters.
const MOST_QUOTED: usize = 120;

/// A response.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The bytes of the head: headers are searched in it, few are ever asked for.
    pub(super) head: Bytes,
    /// The body as received, compressed where the server compressed it.
    pub body: Bytes,
}

impl HttpResponse {
    /// The value of a header, without its blanks.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        for line in lines {
            let Some((found, value)) = std::str::from_utf8(line).ok()?.split_once(':') else {
                continue;
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(value.trim());
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
        if self.header("content-encoding") != Some("gzip") {
            return Ok(self.body.clone());
        }
        let mut text = Vec::new();
        GzDecoder::new(&*self.body)
            .take(MOST_TEXT_BYTES)
            .read_to_end(&mut text)
            .map_err(|_| Failure::BadAnswer("the body is not gzip".to_owned()))?;
        Ok(text.into())
    }

    /// The response as a failure. Numbers in the quoted text are left out: failures are counted by their text.
    pub fn refusal(&self) -> Failure {
        let text = self.text().unwrap_or_default();
        let words: String = String::from_utf8_lossy(&text)
            .trim()
            .chars()
            .take(MOST_QUOTED)
            .map(|letter| if letter.is_ascii_digit() { '#' } else { letter })
            .collect();
        Failure::Refused(format!("{}: {}", self.status, words.escape_debug()))
    }
}
