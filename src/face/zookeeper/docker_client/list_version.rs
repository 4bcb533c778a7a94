//! `ListVersion`: the version of a list of dockerd's, which stands for "not changed since this list".
//!
//! It needs no memory of what a connection has seen, so it holds on another connection, after a restart of the gateway and on
//! the next leader. And two changes that rest on one list are never both made.

/// The bit that no version of a node has: those count from 0.
const MARK: i32 = 1 << 30;

/// The part of the zxid that a version has.
const MASK: i64 = (1 << 30) - 1;

/// The version of a list: the last 30 bits of its zxid, marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListVersion(i32);

impl ListVersion {
    /// Of a list that shows what there is at this zxid.
    pub(super) fn at(zxid: i64) -> Self {
        Self(i32::try_from(zxid & MASK).unwrap_or(0) | MARK)
    }

    /// That a client wants; `None` where it is the version of a node.
    pub(super) fn of_client(version: i32) -> Option<Self> {
        (version >= MARK).then_some(Self(version))
    }

    /// As the client gets it.
    pub(super) fn number(self) -> i32 {
        self.0
    }

    /// The zxid of the list, which was made at most 2^30 changes ago.
    pub(super) fn zxid(self, now: i64) -> i64 {
        let low = i64::from(self.0 & !MARK);
        let zxid = (now & !MASK) | low;
        if zxid > now { zxid - (MASK + 1) } else { zxid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_zxid_of_the_list_and_never_the_version_of_a_node() {
        for zxid in [1, 7, MASK, MASK + 1, (5 << 30) - 1, 5 << 30, (5 << 30) + 3] {
            let version = ListVersion::at(zxid);
            for later in [0, 1, MASK] {
                assert_eq!(version.zxid(zxid + later), zxid, "{later} after {zxid}");
            }
            let number = version.number();
            assert_eq!(ListVersion::of_client(number), Some(version));
        }
        for other in [i32::MIN, -2, -1, 0, 1, MARK - 1] {
            assert_eq!(ListVersion::of_client(other), None, "{other}");
        }
    }
}
