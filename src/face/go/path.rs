//! Request path: decoded and cleaned as Go's `http.ServeMux` does it, which both real servers route by.
//!
//! Go answers a path with `//`, `.` or `..` in it by a redirect to the clean one. Here `//` means `/` at once: a cluster
//! store URL with a slash at its end makes dockerd ask so, and old clients follow no redirect. A path with `.` or `..` is
//! never acted on: a client or a proxy that thinks it stays beneath a prefix must not change anything above it.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// What a path may not hold unescaped, as Go writes it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// A `%` that two hexadecimal digits do not follow: Go's server answers 400 before any handler sees the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face) struct BadEscape;

/// The bytes a request's path stands for.
pub(in crate::face) fn decode_path(raw: &[u8]) -> Result<Vec<u8>, BadEscape> {
    if bad_escape(raw).is_some() {
        return Err(BadEscape);
    }
    Ok(percent_decode(raw).collect())
}

/// The first escape that is none: up to three bytes from its `%` on, which is what Go names in its error.
pub(in crate::face) fn bad_escape(raw: &[u8]) -> Option<&[u8]> {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (_, tail) = rest.split_at(at);
        match tail {
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = after;
            }
            bad => return Some(bad.get(..3).unwrap_or(bad)),
        }
    }
    None
}

/// The same path with `/` for each run of slashes.
pub(in crate::face) fn collapse_slashes(path: &[u8]) -> Vec<u8> {
    let mut collapsed = Vec::with_capacity(path.len() + 1);
    collapsed.push(b'/');
    for byte in path {
        if *byte != b'/' || collapsed.last() != Some(&b'/') {
            collapsed.push(*byte);
        }
    }
    collapsed
}

/// Whether a decoded path has a segment `.` or `..`.
pub(in crate::face) fn has_dot_segments(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|segment| matches!(segment, b"." | b".."))
}

/// Go's redirect of a read to the clean path. `None` for other methods: a client that follows would change what it did
/// not name.
pub(in crate::face) fn redirect_to_clean(
    method: &Method,
    path: &[u8],
    query: Option<&[u8]>,
) -> Option<Response<Body>> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let mut location = percent_encode(&clean(path), ESCAPED)
        .to_string()
        .into_bytes();
    if let Some(query) = query {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let mut body = Vec::new();
    if *method == Method::GET {
        body.extend_from_slice(b"<a href=\"");
        push_escaped_html(&mut body, &location);
        body.extend_from_slice(b"\">Moved Permanently</a>.\n\n");
    }
    let location = ascii(&location);
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    if let Ok(location) = HeaderValue::from_str(&location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Some(answer)
}

/// Go's `path.Clean`, which keeps a slash at the end here.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut clean = vec![b'/'];
    clean.extend_from_slice(&segments.join(&b'/'));
    if path.ends_with(b"/") && !segments.is_empty() {
        clean.push(b'/');
    }
    clean
}

/// The same in ASCII: a header of Go's holds nothing else.
fn ascii(location: &[u8]) -> String {
    let mut out = String::with_capacity(location.len());
    for byte in location {
        if byte.is_ascii() {
            out.push(char::from(*byte));
        } else {
            let _written = write!(out, "%{byte:x}");
        }
    }
    out
}

fn push_escaped_html(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn location(path: &str, query: Option<&'static str>) -> String {
        let answer =
            redirect_to_clean(&Method::GET, path.as_bytes(), query.map(str::as_bytes)).unwrap();
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn only_slashes_are_collapsed() {
        for (path, collapsed) in [
            ("/v2/keys//a///b", "/v2/keys/a/b"),
            ("/v2/keys/a//", "/v2/keys/a/"),
            ("/a/../b/.", "/a/../b/."),
            ("", "/"),
            ("//", "/"),
        ] {
            assert_eq!(
                collapse_slashes(path.as_bytes()),
                collapsed.as_bytes(),
                "{path}"
            );
        }
    }

    #[test]
    fn dots_are_segments_of_their_own() {
        for path in ["/a/..", "/./a", "/a/../b", "/..", "/a/."] {
            assert!(has_dot_segments(path.as_bytes()), "{path}");
        }
        for path in ["/a..", "/...", "/.a/b.", "/", ""] {
            assert!(!has_dot_segments(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn reads_are_redirected_as_go_does_and_writes_are_not() {
        assert_eq!(location("/v1/kv/a/../b", None), "/v1/kv/b");
        assert_eq!(location("/v1/kv/a/../b/", None), "/v1/kv/b/");
        assert_eq!(location("/../../etc", None), "/etc");
        assert_eq!(
            location("/a/./<b>#c", Some("x=<y>")),
            "/a/%3Cb%3E%23c?x=<y>"
        );
        assert_eq!(location("/a/./b", Some("\u{e9}")), "/a/b?%c3%a9");
        for method in [Method::PUT, Method::DELETE, Method::POST, Method::OPTIONS] {
            assert!(redirect_to_clean(&method, b"/a/..", None).is_none());
        }
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        assert_eq!(decode_path(b"/a%2Fb%00%ff"), Ok(b"/a/b\0\xff".to_vec()));
        assert_eq!(decode_path(b"/a+b#<"), Ok(b"/a+b#<".to_vec()));
        assert_eq!(decode_path(b"/a%"), Err(BadEscape));
        assert_eq!(decode_path(b"/a%2"), Err(BadEscape));
        assert_eq!(bad_escape(b"a%zzz"), Some(&b"%zz"[..]));
    }

    proptest! {
        #[test]
        fn what_is_collapsed_has_no_empty_segment(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let once = collapse_slashes(&path);
            prop_assert_eq!(once.first(), Some(&b'/'));
            prop_assert_eq!(&collapse_slashes(&once), &once);
            prop_assert!(!once.windows(2).any(|pair| pair == b"//"));
            prop_assert_eq!(has_dot_segments(&once), has_dot_segments(&path));
        }

        #[test]
        fn decoding_undoes_encoding(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let raw = percent_encode(&path, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode_path(raw.as_bytes()), Ok(path));
        }

        #[test]
        fn any_path_is_decoded_or_refused(raw: Vec<u8>) {
            if let Ok(path) = decode_path(&raw) {
                let _answer = redirect_to_clean(&Method::GET, &path, None);
            }
        }
    }
}
