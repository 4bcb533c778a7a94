//! `ListVersion`: the version of a list of dockerd's, which stands for "not changed since this list".
//!
//! It needs no memory of what a connection has seen, so it holds on another connection, after a restart of the gateway and on
//! the next leader. And two changes that rest on one list are never both made.

/// The bit that no version of a node has: those count from 0.
const MARK: i32 = 1 << 30;

/// The part of the zxid that a version has.
const MASK: i64 = (1 << 30) - 1;

/// The version of a list: the last 30 bits of the number of the state that it shows, marked.
///
/// Where states come with several zxids each (`step`), as on etcd, the state that has a zxid is that divided by them: or else
/// there would be so many states fewer until two versions are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListVersion(i32);

impl ListVersion {
    /// Of a list that shows what there is at this zxid.
    pub(super) fn at(zxid: i64, step: i64) -> Self {
        Self(i32::try_from((zxid / step) & MASK).unwrap_or(0) | MARK)
    }

    /// That a client wants; `None` where it is the version of a node.
    pub(super) fn of_client(version: i32) -> Option<Self> {
        (version >= MARK).then_some(Self(version))
    }

    /// As the client gets it.
    pub(super) fn number(self) -> i32 {
        self.0
    }

    /// The last zxid that the list shows, which was made at most 2^30 states ago.
    pub(super) fn zxid(self, now: i64, step: i64) -> i64 {
        let low = i64::from(self.0 & !MARK);
        let now = now / step;
        let state = (now & !MASK) | low;
        let state = if state > now {
            state - (MASK + 1)
        } else {
            state
        };
        state * step + (step - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_zxid_of_the_list_and_never_the_version_of_a_node() {
        for zxid in [1, 7, MASK, MASK + 1, (5 << 30) - 1, 5 << 30, (5 << 30) + 3] {
            let version = ListVersion::at(zxid, 1);
            for later in [0, 1, MASK] {
                assert_eq!(version.zxid(zxid + later, 1), zxid, "{later} after {zxid}");
            }
            let number = version.number();
            assert_eq!(ListVersion::of_client(number), Some(version));
        }
        for other in [i32::MIN, -2, -1, 0, 1, MARK - 1] {
            assert_eq!(ListVersion::of_client(other), None, "{other}");
        }
    }

    #[test]
    fn zxids_of_one_state_count_once() {
        for state in [1, MASK, MASK + 1, (5 << 30) + 3] {
            let last = state * 128 + 127;
            for zxid in [state * 128, state * 128 + 5, last] {
                let version = ListVersion::at(zxid, 128);
                for later in [0, 1, MASK] {
                    let now = zxid + later * 128;
                    assert_eq!(version.zxid(now, 128), last, "{later} after {zxid}");
                }
            }
        }
    }
}
