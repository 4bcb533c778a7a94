//! Header fields of a request, parsed by `httparse` and checked as Go's server checks them.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::face::http::refusal::RequestRefusal;
use crate::face::http::version::Version;

/// The most headers a request may have; Go has no such limit below its limit of bytes.
const MOST_HEADERS: usize = 4_096;

/// Enough for the headers of nearly every request.
const FEW_HEADERS: usize = 64;

/// Parses headers, with the empty line at their end.
pub(super) fn parse(block: &[u8]) -> Result<HeaderMap, RequestRefusal> {
    match unfolded(block) {
        Some(block) => headers(&block),
        None => headers(block),
    }
}

/// A line without the carriage return before its break.
pub(super) fn unbroken(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The same headers with each on one line; `None` where none is folded over several lines.
fn unfolded(block: &[u8]) -> Option<Vec<u8>> {
    let continues = |pair: &[u8]| matches!(pair, [b'\n', b' ' | b'\t']);
    if !block.windows(2).any(continues) {
        return None;
    }
    let mut out = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let text = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        // The first line has none that it could continue.
        if text > Some(0) && !out.is_empty() {
            let kept = out.trim_ascii_end().len();
            out.truncate(kept);
            out.push(b' ');
            out.extend_from_slice(text.and_then(|at| line.get(at..)).unwrap_or_default());
        } else {
            out.extend_from_slice(line);
        }
    }
    Some(out)
}

fn headers(block: &[u8]) -> Result<HeaderMap, RequestRefusal> {
    let mut few = [httparse::EMPTY_HEADER; FEW_HEADERS];
    match httparse::parse_headers(block, &mut few) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut many = vec![httparse::EMPTY_HEADER; MOST_HEADERS];
            mapped(block, httparse::parse_headers(block, &mut many))
        }
        parsed => mapped(block, parsed),
    }
}

fn mapped(
    block: &[u8],
    parsed: httparse::Result<(usize, &[httparse::Header<'_>])>,
) -> Result<HeaderMap, RequestRefusal> {
    let parsed = match parsed {
        Ok(httparse::Status::Complete((_, parsed))) => parsed,
        Ok(httparse::Status::Partial) => return Err(RequestRefusal::MALFORMED),
        Err(httparse::Error::TooManyHeaders) => return Err(RequestRefusal::TOO_LARGE),
        Err(error) => return Err(malformed(block, error)),
    };
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| RequestRefusal::bad_request("invalid header name"))?;
        let value = HeaderValue::from_bytes(header.value)
            .map_err(|_| RequestRefusal::bad_request("invalid header value"))?;
        headers
            .try_append(name, value)
            .map_err(|_| RequestRefusal::TOO_LARGE)?;
    }
    Ok(headers)
}

/// Go's refusal of headers that cannot be parsed: it names a bad name or value, but not a line without a colon.
fn malformed(block: &[u8], error: httparse::Error) -> RequestRefusal {
    let mut lines = block.split(|byte| *byte == b'\n').map(unbroken);
    if lines.any(|line| !line.is_empty() && !line.contains(&b':')) {
        return RequestRefusal::MALFORMED;
    }
    match error {
        httparse::Error::HeaderValue => RequestRefusal::bad_request("invalid header value"),
        httparse::Error::HeaderName => RequestRefusal::bad_request("invalid header name"),
        httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::TooManyHeaders
        | httparse::Error::Version => RequestRefusal::MALFORMED,
    }
}

/// Refuses a request without a host, with two, or with an invalid one.
pub(super) fn check_host(
    version: Version,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), RequestRefusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(RequestRefusal::bad_request("too many Host headers")),
        (None, None) if version == Version::Http11 && *method != Method::CONNECT => {
            Err(RequestRefusal::bad_request("missing required Host header"))
        }
        (Some(host), None) if !host.as_bytes().iter().all(|byte| is_of_host(*byte)) => {
            Err(RequestRefusal::bad_request("malformed Host header"))
        }
        (Some(_) | None, None) => Ok(()),
    }
}

/// Whether a `Host` header may have this byte (`httpguts.ValidHostHeader`).
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=[']_~".contains(&byte)
}
