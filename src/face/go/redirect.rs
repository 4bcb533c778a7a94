//! Redirect of a read to its clean path, as Go's `http.ServeMux` answers it.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::path::clean_path;

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
    let mut location = percent_encode(&clean_path(path), ESCAPED)
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

    proptest! {
        #[test]
        fn any_path_is_redirected(path: Vec<u8>) {
            prop_assert!(redirect_to_clean(&Method::GET, &path, None).is_some());
        }
    }
}
