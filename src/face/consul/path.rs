//! Path of a request, as Consul's multiplexer sees it.

use crate::face::go;
use crate::face::go::is_print;

/// A path that no endpoint gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathError {
    /// A percent sign without two hexadecimal digits.
    BadEscape,
    /// A character that cannot be printed, NUL among them. Consul says nothing more.
    NotPrintable,
    /// A segment `.` or `..`; the decoded path.
    Dots(Vec<u8>),
}

/// Decodes a raw path, refuses what cannot be printed and what has dots, and collapses slashes. Bytes that are not UTF-8
/// are kept, as Consul keeps them.
pub(super) fn read(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let path = go::decode_path(raw).map_err(|_| PathError::BadEscape)?;
    let printable = |chunk: std::str::Utf8Chunk<'_>| chunk.valid().chars().all(is_print);
    if !path.utf8_chunks().all(printable) {
        return Err(PathError::NotPrintable);
    }
    if go::has_dot_segments(&path) {
        return Err(PathError::Dots(path));
    }
    Ok(go::collapse_slashes(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slashes_are_collapsed() {
        for (raw, path) in [
            ("/v1/kv/a", "/v1/kv/a"),
            ("/v1/kv//docker/a/", "/v1/kv/docker/a/"),
            ("/v1//kv/%2f/a", "/v1/kv/a"),
            ("//", "/"),
            ("/v1/kv/a+b%20c", "/v1/kv/a+b c"),
            ("/v1/kv/a#<b>`c", "/v1/kv/a#<b>`c"),
        ] {
            assert_eq!(read(raw.as_bytes()).unwrap(), path.as_bytes(), "{raw}");
        }
        assert_eq!(read(b"/a%ffb").unwrap(), b"/a\xffb");
    }

    #[test]
    fn dots_are_refused_however_they_are_written() {
        for raw in [
            "/v1/kv/app/..",
            "/v1/kv/./a",
            "/v1/kv/a/%2e%2e/",
            "/v1/kv/a%2F..",
        ] {
            let refused = read(raw.as_bytes()).unwrap_err();
            assert!(matches!(refused, PathError::Dots(_)), "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_printed_is_refused() {
        for raw in ["/a%00", "/a%0a", "/%e2%80%8b", "/a%c2%a0"] {
            assert_eq!(read(raw.as_bytes()), Err(PathError::NotPrintable), "{raw}");
        }
        assert_eq!(read(b"/a%zz"), Err(PathError::BadEscape));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw: Vec<u8>) {
            let _path = read(&raw);
        }
    }
}
