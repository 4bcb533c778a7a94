//! All attacks, by what they are aimed at.

mod addresses;
mod endpoints;
mod networks;
mod nodes;
mod others;
mod pages;
mod poison;

use crate::attack::Attack;

/// Every attack: those of whoever has a host's credential, then those of web pages.
pub(crate) fn all() -> Vec<Attack> {
    [
        poison::ATTACKS,
        nodes::ATTACKS,
        endpoints::ATTACKS,
        networks::ATTACKS,
        addresses::ATTACKS,
        others::ATTACKS,
        pages::ATTACKS,
    ]
    .concat()
}

#[test]
fn every_attack_has_a_name_of_its_own() {
    let mut names: Vec<&str> = all().iter().map(|attack| attack.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
