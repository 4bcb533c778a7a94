//! Paths as Go's server and router read them.

use percent_encoding::percent_decode_str;

/// A `%` that two hexadecimal digits do not follow: Go's server answers 400 before any handler sees the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadEscape;

/// The bytes a request's path stands for.
pub(super) fn decode(raw: &str) -> Result<Vec<u8>, BadEscape> {
    if bad_escape(raw.as_bytes()).is_some() {
        return Err(BadEscape);
    }
    Ok(percent_decode_str(raw).collect())
}

/// The first escape that is none: up to three bytes from its `%` on, which is what Go names in its error.
pub(super) fn bad_escape(raw: &[u8]) -> Option<&[u8]> {
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

/// The path without `//`, `.` and `..`, as Go's `path.Clean` makes it, with its trailing slash if it had one.
///
/// Go's router answers a path that is not clean by a redirect to the clean one; here it is taken for what it stands
/// for at once, because old clients of other protocols follow no redirects.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
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
    use proptest::prelude::*;

    use super::*;

    fn cleaned(path: &str) -> String {
        String::from_utf8(clean(path.as_bytes())).unwrap()
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        assert_eq!(cleaned("/v2/keys//a///b"), "/v2/keys/a/b");
        assert_eq!(cleaned("/v2/keys/a/"), "/v2/keys/a/");
        assert_eq!(cleaned("/v2/keys/./a/../b/."), "/v2/keys/b");
        assert_eq!(cleaned("/../../etc"), "/etc");
        assert_eq!(cleaned(""), "/");
        assert_eq!(cleaned("/.."), "/");
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        assert_eq!(decode("/a%2Fb%00%ff"), Ok(b"/a/b\0\xff".to_vec()));
        assert_eq!(decode("/a+b"), Ok(b"/a+b".to_vec()));
        assert_eq!(decode("/a%"), Err(BadEscape));
        assert_eq!(decode("/a%2"), Err(BadEscape));
        assert_eq!(bad_escape(b"a%zzz"), Some(&b"%zz"[..]));
    }

    proptest! {
        #[test]
        fn a_clean_path_is_rooted_and_stays_as_it_is(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let once = clean(&path);
            prop_assert_eq!(once.first(), Some(&b'/'));
            prop_assert_eq!(&clean(&once), &once);
            let segments: Vec<_> = once.split(|byte| *byte == b'/').collect();
            prop_assert!(!segments.contains(&&b".."[..]) && !segments.contains(&&b"."[..]));
        }

        #[test]
        fn decoding_undoes_encoding(path in proptest::collection::vec(any::<u8>(), 0..40)) {
            let raw = percent_encoding::percent_encode(&path, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode(&raw), Ok(path));
        }

        #[test]
        fn any_text_is_decoded_or_refused(raw in "\\PC*") {
            let _decoded = decode(&raw);
        }
    }
}
