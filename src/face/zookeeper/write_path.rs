//! `CreatePath`, `DeletePath`: paths of operations that check a part of them first and the rest after the parent.

use super::built_in::BuiltIn;
use super::path::{InvalidPath, ZnodePath, parent_of};

/// The path of a create, to which a sequence number may be added.
///
/// The real server looks for the parent and at its access list before it looks at the whole path, so `/none/.` is `NoNode`
/// and `/.` is `BadArguments`. With a sequence number `/a/` is a path, and so is `/.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CreatePath<'a>(&'a str);

/// The path of a delete. The real server checks only a part of it: at any other path that no node has, there is no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeletePath<'a>(&'a str);

impl<'a> CreatePath<'a> {
    /// The path of the request.
    ///
    /// # Errors
    ///
    /// Where it has no slash, or U+0000.
    pub(crate) fn parse(text: &'a str) -> Result<Self, InvalidPath> {
        if text.contains('\0') || !text.contains('/') {
            return Err(InvalidPath);
        }
        Ok(Self(text))
    }

    /// The node that must be there; `None` is a path that no node can have.
    pub(crate) fn parent(self) -> Option<ZnodePath> {
        parent_of(self.0).and_then(ZnodePath::of_read)
    }

    /// The path of the new node; with a sequence number, ten digits are added to it.
    ///
    /// # Errors
    ///
    /// Where no node can have it.
    pub(crate) fn with_sequence(self, sequence: Option<i32>) -> Result<ZnodePath, InvalidPath> {
        match sequence {
            Some(number) => ZnodePath::parse(&format!("{}{number:010}", self.0)),
            None => ZnodePath::parse(self.0),
        }
    }
}

impl<'a> DeletePath<'a> {
    /// The path of the request.
    ///
    /// # Errors
    ///
    /// Where it has no slash, or U+0000, and at a built-in node.
    pub(crate) fn parse(text: &'a str) -> Result<Self, InvalidPath> {
        if text.contains('\0') || !text.contains('/') || BuiltIn::at_text(text).is_some() {
            return Err(InvalidPath);
        }
        Ok(Self(text))
    }

    /// The node that must be there and permit it; `None` is a path that no node can have.
    pub(crate) fn parent(self) -> Option<ZnodePath> {
        parent_of(self.0).and_then(ZnodePath::of_read)
    }

    /// The node to delete; `None` is a path that no node can have.
    pub(crate) fn node(self) -> Option<ZnodePath> {
        ZnodePath::parse(self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ZnodePath {
        ZnodePath::parse(text).unwrap()
    }

    /// Where a create fails in 3.8.0: at once, for want of its parent, or at the whole path.
    #[test]
    fn a_create_fails_where_it_fails_in_zookeeper() {
        for text in ["", "a", "/\0", "/a\0/b"] {
            assert_eq!(CreatePath::parse(text), Err(InvalidPath), "{text:?}");
        }
        let create = |text| CreatePath::parse(text).unwrap();
        for text in ["/a//b", "a/b", "/a/../b", "/\u{1}/b"] {
            assert_eq!(create(text).parent(), None, "{text:?}");
        }
        for text in ["//", "/.", "/\u{1}", "/\u{fffd}", "/\u{1f600}"] {
            assert_eq!(create(text).parent(), Some(ZnodePath::root()), "{text:?}");
            assert_eq!(create(text).with_sequence(None), Err(InvalidPath));
        }
        // It exists.
        assert_eq!(create("/").with_sequence(None), Ok(ZnodePath::root()));
        assert_eq!(create("/").parent(), Some(ZnodePath::root()));
        assert_eq!(create("/a/b").parent(), Some(path("/a")));
    }

    #[test]
    fn a_sequence_number_has_ten_digits_and_belongs_to_the_path() {
        let named = |text, number| {
            let create = CreatePath::parse(text).unwrap();
            create.with_sequence(Some(number))
        };
        assert_eq!(named("/a/", 0), Ok(path("/a/0000000000")));
        assert_eq!(named("/a/s-", 12), Ok(path("/a/s-0000000012")));
        assert_eq!(named("/.", 10), Ok(path("/.0000000010")));
        assert_eq!(named("/", 7), Ok(path("/0000000007")));
        assert_eq!(named("/s", i32::MAX), Ok(path("/s2147483647")));
        // As Java prints it after an overflow.
        assert_eq!(named("/s", -5), Ok(path("/s-000000005")));
        assert_eq!(named("//", 1), Err(InvalidPath));
        assert_eq!(named("/\u{1}", 1), Err(InvalidPath));
        assert_eq!(CreatePath::parse("/a/").unwrap().parent(), Some(path("/a")));
    }

    #[test]
    fn a_delete_refuses_less_than_a_create() {
        for text in [
            "",
            "a",
            "/\0",
            "/",
            "/zookeeper",
            "/zookeeper/quota",
            "/zookeeper/config",
        ] {
            assert_eq!(DeletePath::parse(text), Err(InvalidPath), "{text:?}");
        }
        let delete = |text| DeletePath::parse(text).unwrap();
        for text in ["/a//b", "a/b"] {
            assert_eq!(delete(text).parent(), None, "{text:?}");
        }
        for text in ["/.", "/\u{1}", "//", "/\u{fffd}"] {
            let found = (delete(text).parent(), delete(text).node());
            assert_eq!(found, (Some(ZnodePath::root()), None), "{text:?}");
        }
        assert_eq!(delete("/a/").parent(), Some(path("/a")));
        assert_eq!(delete("/a/").node(), None);
        let below = delete("/zookeeper/x");
        assert_eq!(below.parent(), Some(path("/zookeeper")));
        assert_eq!(below.node(), Some(path("/zookeeper/x")));
    }
}
