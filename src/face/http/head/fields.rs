//! Header fields of a request, parsed by `httparse` and checked as Go's server checks them.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::face::http::refusal::Refusal;
use crate::face::http::version::Version;

/// The most headers a request may have; Go has no such limit below its limit of bytes.
const MOST_HEADERS: usize = 4_096;

/// Room for the headers of nearly every request.
const FEW_HEADERS: usize = 64;

/// Reads headers, the empty line at their end included.
pub(super) fn parse(block: &[u8]) -> Result<HeaderMap, Refusal> {
    match unfolded(block) {
        Some(block) => headers(&block),
        None => headers(block),
    }
}

/// A line without the carriage return before its break.
pub(super) fn unbroken(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The same headers with each on one line, where one goes on over several.
fn unfolded(block: &[u8]) -> Option<Vec<u8>> {
    let goes_on = |pair: &[u8]| matches!(pair, [b'\n', b' ' | b'\t']);
    if !block.windows(2).any(goes_on) {
        return None;
    }
    let mut out = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let text = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        // The first has no line that it could go on from.
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

fn headers(block: &[u8]) -> Result<HeaderMap, Refusal> {
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
) -> Result<HeaderMap, Refusal> {
    let parsed = match parsed {
        Ok(httparse::Status::Complete((_, parsed))) => parsed,
        Ok(httparse::Status::Partial) => return Err(Refusal::MALFORMED),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TOO_LARGE),
        Err(error) => return Err(malformed(block, error)),
    };
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| Refusal::bad_request("invalid header name"))?;
        let value = HeaderValue::from_bytes(header.value)
            .map_err(|_| Refusal::bad_request("invalid header value"))?;
        headers
            .try_append(name, value)
            .map_err(|_| Refusal::TOO_LARGE)?;
    }
    Ok(headers)
}

/// What Go says of headers that cannot be read: it names a bad name or value, but not a line that is no header.
fn malformed(block: &[u8], error: httparse::Error) -> Refusal {
    let mut lines = block.split(|byte| *byte == b'\n').map(unbroken);
    if lines.any(|line| !line.is_empty() && !line.contains(&b':')) {
        return Refusal::MALFORMED;
    }
    match error {
        httparse::Error::HeaderValue => Refusal::bad_request("invalid header value"),
        httparse::Error::HeaderName => Refusal::bad_request("invalid header name"),
        httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::TooManyHeaders
        | httparse::Error::Version => Refusal::MALFORMED,
    }
}

/// Refuses a request without a host, with two, or with one that can be none.
pub(super) fn check_host(
    version: Version,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(Refusal::bad_request("too many Host headers")),
        (None, None) if version == Version::Http11 && *method != Method::CONNECT => {
            Err(Refusal::bad_request("missing required Host header"))
        }
        (Some(host), None) if !host.as_bytes().iter().all(|byte| is_of_host(*byte)) => {
            Err(Refusal::bad_request("malformed Host header"))
        }
        (Some(_) | None, None) => Ok(()),
    }
}

/// Whether a `Host` header may hold this byte (`httpguts.ValidHostHeader`).
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=[']_~".contains(&byte)
}
