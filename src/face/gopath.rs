//! Request path: decoded and cleaned as Go's `http.ServeMux` does it, which both real servers route by.
//!
//! Go answers a path with `//`, `.` or `..` in it by a redirect to the clean one. Here `//` means `/` at once: a cluster
//! store URL with a slash at its end makes dockerd ask so, and old clients follow no redirect. A path with `.` or `..` is
//! never acted on: a client or a proxy that thinks it stays beneath a prefix must not change anything above it.

use axum::body::Body;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::http::Target;

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
pub(crate) struct BadEscape;

/// The bytes a request's path stands for.
pub(crate) fn decode(raw: &[u8]) -> Result<Vec<u8>, BadEscape> {
    if bad_escape(raw).is_some() {
        return Err(BadEscape);
    }
    Ok(percent_decode(raw).collect())
}

/// The first escape that is none: up to three bytes from its `%` on, which is what Go names in its error.
pub(crate) fn bad_escape(raw: &[u8]) -> Option<&[u8]> {
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
pub(crate) fn collapse(path: &[u8]) -> Vec<u8> {
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
pub(crate) fn has_dots(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|segment| matches!(segment, b"." | b".."))
}

/// Go's redirect of a read to the clean path. `None` for other methods: a client that follows would change what it did
/// not name.
pub(crate) fn redirect(method: &Method, path: &[u8], target: &Target) -> Option<Response<Body>> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let mut location = percent_encode(&clean(path), ESCAPED).to_string();
    if target.query.is_some() {
        location.push('?');
        for byte in target.query() {
            if byte.is_ascii() {
                location.push(char::from(*byte));
            } else {
                location.push_str(percent_encoding::percent_encode_byte(*byte));
            }
        }
    }
    let body = if *method == Method::GET {
        let shown = escape_html(&location);
        format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n")
    } else {
        String::new()
    };
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

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn location(path: &str, query: Option<&'static str>) -> String {
        let target = Target {
            path: Bytes::new(),
            query: query.map(|query| Bytes::from_static(query.as_bytes())),
        };
        let answer = redirect(&Method::GET, path.as_bytes(), &target).unwrap();
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
            assert_eq!(collapse(path.as_bytes()), collapsed.as_bytes(), "{path}");
        }
    }

    #[test]
    fn dots_are_segments_of_their_own() {
        for path in ["/a/..", "/./a", "/a/../b", "/..", "/a/."] {
            assert!(has_dots(path.as_bytes()), "{path}");
        }
        for path in ["/a..", "/...", "/.a/b.", "/", ""] {
            assert!(!has_dots(path.as_bytes()), "{path}");
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
        let target = Target::default();
        for method in [Method::PUT, Method::DELETE, Method::POST, Method::OPTIONS] {
            assert!(redirect(&method, b"/a/..", &target).is_none());
        }
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        assert_eq!(decode(b"/a%2Fb%00%ff"), Ok(b"/a/b\0\xff".to_vec()));
        assert_eq!(decode(b"/a+b#<"), Ok(b"/a+b#<".to_vec()));
        assert_eq!(decode(b"/a%"), Err(BadEscape));
        assert_eq!(decode(b"/a%2"), Err(BadEscape));
        assert_eq!(bad_escape(b"a%zzz"), Some(&b"%zz"[..]));
    }

    proptest! {
        #[test]
        fn what_is_collapsed_has_no_empty_segment(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let once = collapse(&path);
            prop_assert_eq!(once.first(), Some(&b'/'));
            prop_assert_eq!(&collapse(&once), &once);
            prop_assert!(!once.windows(2).any(|pair| pair == b"//"));
            prop_assert_eq!(has_dots(&once), has_dots(&path));
        }

        #[test]
        fn decoding_undoes_encoding(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let raw = percent_encode(&path, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode(raw.as_bytes()), Ok(path));
        }

        #[test]
        fn any_path_is_decoded_or_refused(raw: Vec<u8>) {
            if let Ok(path) = decode(&raw) {
                let _answer = redirect(&Method::GET, &path, &Target::default());
            }
        }
    }
}
