//! The path of a request, as Consul's multiplexer sees it.

use super::go::{is_print, unescape_path};

/// A path that no endpoint gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    /// A percent sign without two hexadecimal digits.
    #[error("400 Bad Request")]
    BadEscape,
    /// A character that cannot be printed, NUL among them. Consul says nothing more.
    #[error("")]
    NotPrintable,
}

/// Decodes a raw path, refuses what cannot be printed, and takes out `//`, `.` and `..`.
///
/// Consul answers an unclean path with a redirect to the clean one, which makes Go's client repeat a `PUT` as a `GET`;
/// here it means the clean path at once. Bytes that are not UTF-8 are kept, as Consul keeps them.
pub(super) fn clean(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let path = unescape_path(raw).map_err(|_| PathError::BadEscape)?;
    let printable = |chunk: std::str::Utf8Chunk<'_>| chunk.valid().chars().all(is_print);
    if !path.utf8_chunks().all(printable) {
        return Err(PathError::NotPrintable);
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut clean = Vec::with_capacity(path.len());
    for segment in &segments {
        clean.push(b'/');
        clean.extend_from_slice(segment);
    }
    if segments.is_empty() || path.ends_with(b"/") {
        clean.push(b'/');
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (raw, path) in [
            ("/v1/kv/a", "/v1/kv/a"),
            ("/v1/kv//docker/a/", "/v1/kv/docker/a/"),
            ("/v1//kv/%2f/a", "/v1/kv/a"),
            ("/v1/kv/./a/../b", "/v1/kv/b"),
            ("/v1/kv/a/%2e%2e/", "/v1/kv/"),
            ("/../../etc", "/etc"),
            ("", "/"),
            ("//", "/"),
            ("/v1/kv/a+b%20c", "/v1/kv/a+b c"),
        ] {
            assert_eq!(clean(raw.as_bytes()).unwrap(), path.as_bytes(), "{raw}");
        }
        assert_eq!(clean(b"/a%ffb").unwrap(), b"/a\xffb");
    }

    #[test]
    fn what_cannot_be_printed_is_refused() {
        for raw in ["/a%00", "/a%0a", "/%e2%80%8b", "/a%c2%a0"] {
            assert_eq!(clean(raw.as_bytes()), Err(PathError::NotPrintable), "{raw}");
        }
        assert_eq!(clean(b"/a%zz"), Err(PathError::BadEscape));
    }

    proptest! {
        #[test]
        fn a_clean_path_stays_as_it_is(raw in "(/|\\.|[a-c]|%2[fe]|%ff){0,20}") {
            let once = clean(raw.as_bytes()).unwrap();
            prop_assert!(once.starts_with(b"/"));
            prop_assert!(!once.windows(2).any(|pair| pair == b"//"));
            let escaped: Vec<u8> = once.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect();
            prop_assert_eq!(clean(&escaped).unwrap(), once);
        }

        #[test]
        fn no_bytes_make_it_panic(raw: Vec<u8>) {
            let _clean = clean(&raw);
        }
    }
}
