//! Rules for request paths of Go's `http.ServeMux`, which both real servers route by: decoding, slashes, dot segments.
//!
//! Go answers a path with `//`, `.` or `..` in it by a redirect to the clean one. Here `//` means `/` at once: a cluster
//! store URL with a slash at its end makes dockerd ask so, and old clients follow no redirect. A path with `.` or `..` is
//! refused by the face's router: a client or a proxy that thinks it stays beneath a prefix must not change anything above it.

use percent_encoding::percent_decode;

use super::escape::bad_escape;

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

/// Go's `path.Clean`, which keeps a slash at the end here.
pub(in crate::face) fn clean_path(path: &[u8]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
    use proptest::prelude::*;

    use super::*;

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
    fn only_whole_segments_of_dots_are_found() {
        for path in ["/a/..", "/./a", "/a/../b", "/..", "/a/."] {
            assert!(has_dot_segments(path.as_bytes()), "{path}");
        }
        for path in ["/a..", "/...", "/.a/b.", "/", ""] {
            assert!(!has_dot_segments(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        assert_eq!(decode_path(b"/a%2Fb%00%ff"), Ok(b"/a/b\0\xff".to_vec()));
        assert_eq!(decode_path(b"/a+b#<"), Ok(b"/a+b#<".to_vec()));
        assert_eq!(decode_path(b"/a%"), Err(BadEscape));
        assert_eq!(decode_path(b"/a%2"), Err(BadEscape));
    }

    proptest! {
        #[test]
        fn collapsed_paths_have_no_empty_segment(path in proptest::collection::vec(any::<u8>(), 0..40)) {
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
                let _clean = clean_path(&path);
            }
        }
    }
}
