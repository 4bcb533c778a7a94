//! Weight of a change, before any of it is done: refused where it could never be made, or costs far more than it looks.

use super::parameters::Parameters;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::fairness::Cost;
use crate::space::{Denied, tree};
use crate::store::Limits;

/// The most levels of a node that is changed. Each directory above it is an entry with a key of its own: 4 KiB could store
/// a thousand times their size. Docker's nodes have fewer than 10 levels, `SkyDNS`'s one for each label of a name, at most
/// 127; an IPv6 address spelled backwards has 34.
const MAX_LEVELS: usize = 128;

/// The most bytes of all keys of the directories above a node that is changed.
const MAX_PARENT_BYTES: usize = 64 << 10;

/// Refuses a change of a node that is so deep that the directories above it weigh far more than the node.
pub(super) fn check_depth(path: &str) -> Result<(), V2Error> {
    let (mut levels, mut bytes) = (1, 0);
    for above in tree::ancestors(path) {
        levels += 1;
        bytes += above.len() + 1;
        if levels > MAX_LEVELS {
            let cause =
                format!("the key is more than {MAX_LEVELS} levels deep, which is the limit");
            return Err(V2Error::new(V2ErrorCode::InvalidField, cause));
        }
        if bytes > MAX_PARENT_BYTES {
            let cause = format!(
                "the keys of the directories above are more than {MAX_PARENT_BYTES} bytes together, which is the limit"
            );
            return Err(V2Error::new(V2ErrorCode::InvalidField, cause));
        }
    }
    Ok(())
}

/// Refuses a key that the store cannot hold.
pub(super) fn check_length(path: &str, limits: Limits) -> Result<(), V2Error> {
    let (len, limit) = (path.len(), limits.key_bytes);
    if len <= limit {
        return Ok(());
    }
    let denied = Denied::KeyTooLong { len, limit };
    Err(V2Error::new(V2ErrorCode::InvalidField, denied.to_string()))
}

/// The cost of a change of one node.
pub(super) fn of_node(parameters: &Parameters) -> Cost {
    let value = parameters.value.len() + parameters.prev_value.len();
    Cost::new(tree::ancestors(&parameters.path).count(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_and_long_paths_are_refused() {
        let levels = |count: usize, name: &str| vec![name; count].join("/");
        for (path, fits) in [
            (String::new(), true),
            (levels(128, "a"), true),
            (levels(129, "a"), false),
            (levels(2_000, "a"), false),
            (levels(2, &"a".repeat(2_000)), true),
            (levels(32, &"a".repeat(127)), true),
            (levels(64, &"a".repeat(63)), false),
        ] {
            assert_eq!(check_depth(&path).is_ok(), fits, "{} bytes", path.len());
        }
    }
}
