//! Refusals: answers to requests that no face sees, in the words of Go's server; the connection closes after one.

/// An answer without a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestRefusal {
    /// Status code and reason.
    status: &'static str,
    /// What is wrong, where Go says more than the reason; Go repeats it in the status line.
    detail: &'static str,
}

impl RequestRefusal {
    /// The request cannot be read.
    pub(super) const MALFORMED: Self = Self::new("400 Bad Request", "");
    /// The request line and headers are too long, or too many.
    pub(super) const TOO_LARGE: Self = Self::new("431 Request Header Fields Too Large", "");
    /// The body has a transfer encoding other than chunks.
    pub(super) const ENCODING: Self = Self::new("501 Not Implemented", "transfer encoding");
    /// A version that is not HTTP/1.
    pub(super) const VERSION: Self = Self::bad_request("unsupported protocol version");

    const fn new(status: &'static str, detail: &'static str) -> Self {
        Self { status, detail }
    }

    /// The request is malformed, for this reason.
    pub(super) const fn bad_request(detail: &'static str) -> Self {
        Self::new("400 Bad Request", detail)
    }

    /// The bytes of the answer.
    pub(super) fn bytes(self) -> Vec<u8> {
        let Self { status, detail } = self;
        let (line, body) = match (self, detail) {
            (Self::ENCODING, _) => (
                status.to_owned(),
                "Unsupported transfer encoding".to_owned(),
            ),
            (_, "") => (status.to_owned(), status.to_owned()),
            (_, detail) => {
                let both = format!("{status}: {detail}");
                (both.clone(), both)
            }
        };
        let headers = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n";
        format!("HTTP/1.1 {line}\r\n{headers}{body}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_and_body(refusal: RequestRefusal) -> (String, String) {
        let text = String::from_utf8(refusal.bytes()).unwrap();
        let line = text.lines().next().unwrap().to_owned();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        (line, body.to_owned())
    }

    #[test]
    fn refusals_have_gos_messages() {
        for (refusal, line, body) in [
            (
                RequestRefusal::MALFORMED,
                "HTTP/1.1 400 Bad Request",
                "400 Bad Request",
            ),
            (
                RequestRefusal::bad_request("missing required Host header"),
                "HTTP/1.1 400 Bad Request: missing required Host header",
                "400 Bad Request: missing required Host header",
            ),
            (
                RequestRefusal::ENCODING,
                "HTTP/1.1 501 Not Implemented",
                "Unsupported transfer encoding",
            ),
        ] {
            assert_eq!(line_and_body(refusal), (line.to_owned(), body.to_owned()));
        }
    }
}
