//! Web pages in a browser on a machine that reaches the store.

use super::poison::lists_nothing;
use crate::attack::Stop::Pages;
use crate::attack::{Attack, Means, Over, Scene};
use crate::records::{key, network_key};

const fn page(
    name: &'static str,
    harm: &'static str,
    over: Over,
    strike: fn(&Scene) -> bool,
    worked: fn(&Scene) -> bool,
) -> Attack {
    Attack {
        name,
        harm,
        means: Means::Page,
        over,
        stops: &[Pages],
        strike,
        worked,
    }
}

/// What a browser adds to a form of another site.
fn cross_site() -> Vec<(&'static str, String)> {
    vec![
        ("Origin", "http://evil.example".to_owned()),
        ("Sec-Fetch-Site", "cross-site".to_owned()),
        ("Sec-Fetch-Mode", "no-cors".to_owned()),
    ]
}

/// What it sends for a page whose own name now resolves to the store.
fn rebound(scene: &Scene) -> Vec<(&'static str, String)> {
    let host = format!("evil.example:{}", scene.attacker.port());
    vec![
        ("Origin", format!("http://{host}")),
        ("Sec-Fetch-Site", "same-origin".to_owned()),
        ("Host", host),
    ]
}

pub(super) const ATTACKS: &[Attack] = &[
    page(
        "form-of-another-site",
        "every daemon panics because somebody opened a page",
        Over::Etcd,
        |scene| {
            let directory = key("network");
            scene.attacker.submit_form(&directory, "{}", &cross_site())
        },
        lists_nothing,
    ),
    page(
        "name-that-resolves-to-the-store",
        "the page is one of the store's own: it writes, and reads everything",
        Over::Http,
        |scene| {
            let evil = network_key("eeee");
            scene.attacker.put_from_page(&evil, "{}", &rebound(scene))
        },
        lists_nothing,
    ),
];
