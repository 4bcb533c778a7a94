//! Ids of networks, endpoints and sandboxes.

use fastrand::Rng;

/// A random id: 64 hexadecimal digits.
pub(super) fn random_id(random: &mut Rng) -> String {
    format!("{:032x}{:032x}", random.u128(..), random.u128(..))
}

/// The first twelve digits of an id.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
