//! Request line: method, target and version.

use axum::body::Bytes;
use http::Method;

use crate::face::go::bad_escape;
use crate::face::http::refusal::Refusal;
use crate::face::http::target::RequestTarget;
use crate::face::http::version::Version;

/// A request line.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub(super) method: Method,
    pub(super) target: RequestTarget,
    pub(super) version: Version,
    /// Its length with its break.
    pub(super) length: usize,
}

impl RequestLine {
    /// Reads a line without its break; `length` is its length with it.
    pub(super) fn parse(line: &[u8], length: usize) -> Result<Self, Refusal> {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (Some(method), Some(target), Some(version)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::MALFORMED);
        };
        let method = Method::from_bytes(method).map_err(|_| Refusal::MALFORMED)?;
        let version = match version {
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Version::Http11,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Refusal::VERSION);
            }
            _ => return Err(Refusal::MALFORMED),
        };
        let target = RequestTarget::split(&Bytes::copy_from_slice(origin(&method, target)?));
        if bad_escape(&target.path).is_some() {
            return Err(Refusal::MALFORMED);
        }
        Ok(Self {
            method,
            target,
            version,
            length,
        })
    }
}

/// Whether a request line may begin so: with a method, or a part of one.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let method = bytes.split(|byte| *byte == b' ').next();
    method.is_none_or(|method| method.iter().all(u8::is_ascii_graphic))
}

/// What of a target counts here: all from its path on. Nothing, where a `CONNECT` names a host.
fn origin<'a>(method: &Method, target: &'a [u8]) -> Result<&'a [u8], Refusal> {
    if target.iter().any(u8::is_ascii_control) {
        return Err(Refusal::MALFORMED);
    }
    if target.starts_with(b"/") || target == b"*" {
        return Ok(target);
    }
    if *method == Method::CONNECT {
        return Ok(b"");
    }
    // As a proxy is asked: http://host/path.
    let colon = target.iter().position(|byte| *byte == b':');
    let (scheme, after) = target.split_at(colon.ok_or(Refusal::MALFORMED)?);
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    let after = after.strip_prefix(b"://").filter(|_| is_scheme);
    let after = after.ok_or(Refusal::MALFORMED)?;
    let path = after.iter().position(|byte| matches!(byte, b'/' | b'?'));
    match path.and_then(|at| after.get(at..)) {
        Some(path) if path.starts_with(b"/") => Ok(path),
        Some(_) | None => Err(Refusal::bad_request("a target without a path")),
    }
}
