//! Which operation a path asks for.

/// An operation, with what the path says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/v2/keys` and all beneath: the key, without slashes at its ends; the root is empty.
    Keys(&'a [u8]),
    /// `/v2/members`: what follows it.
    Members(&'a [u8]),
    /// `/v2/machines`.
    Machines,
    /// `/v2/stats/self`.
    StatsSelf,
    /// `/v2/stats/store`.
    StatsStore,
    /// `/v2/stats/leader`.
    StatsLeader,
    /// `/v2/auth/`: what follows it.
    Auth(&'a [u8]),
    /// `/version`.
    Version,
    /// `/health`.
    Health,
    /// The JSON door of the v3 API.
    V3,
    /// Nothing.
    Unknown,
}

impl<'a> Route<'a> {
    /// Reads a clean path.
    pub(super) fn of(path: &'a [u8]) -> Self {
        match path {
            b"/v2/machines" => return Self::Machines,
            b"/v2/stats/self" => return Self::StatsSelf,
            b"/v2/stats/store" => return Self::StatsStore,
            b"/v2/stats/leader" => return Self::StatsLeader,
            b"/version" => return Self::Version,
            b"/health" => return Self::Health,
            _ => {}
        }
        if let Some(key) = beneath(path, b"/v2/keys") {
            return Self::Keys(key.strip_suffix(b"/").unwrap_or(key));
        }
        if let Some(which) = beneath(path, b"/v2/members") {
            return Self::Members(which);
        }
        if let Some(what) = path.strip_prefix(b"/v2/auth/") {
            return Self::Auth(what);
        }
        let v3 = [&b"/v3"[..], b"/v3beta", b"/v3alpha"];
        if v3.iter().any(|prefix| beneath(path, prefix).is_some()) {
            return Self::V3;
        }
        Self::Unknown
    }
}

/// What follows `prefix` and a slash; nothing where the path is `prefix` itself.
fn beneath<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(b"/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_count() {
        assert_eq!(Route::of(b"/v2/keys"), Route::Keys(b""));
        assert_eq!(Route::of(b"/v2/keys/a/b/"), Route::Keys(b"a/b"));
        assert_eq!(Route::of(b"/v2/keysa"), Route::Unknown);
        assert_eq!(Route::of(b"/v2/machines/"), Route::Unknown);
        assert_eq!(Route::of(b"/v2/members/leader"), Route::Members(b"leader"));
        assert_eq!(Route::of(b"/v2/auth"), Route::Unknown);
        assert_eq!(Route::of(b"/v3/kv/range"), Route::V3);
        assert_eq!(Route::of(b"/"), Route::Unknown);
    }
}
