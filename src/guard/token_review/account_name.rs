//! Names of `ServiceAccount`s, as the API server and tokens write them.

use super::reviewer::ReviewedBearer;
use crate::guard::policy::ProvenAccount;

/// The beginning of the name of each `ServiceAccount` as a user.
const USER: &str = "system:serviceaccount:";

/// The group of them all.
const GROUP: &str = "system:serviceaccounts";

/// The namespace and the name in the name of a user; `None` of other users.
pub(super) fn split(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username.strip_prefix(USER)?.split_once(':')?;
    let is_good = |text: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        (1..=253).contains(&text.len()) && text.chars().all(inner)
    };
    (is_good(namespace) && is_good(name)).then_some((namespace, name))
}

/// The `ServiceAccount` that the bearer of a token is; `None` where it is none.
pub(super) fn account(bearer: &ReviewedBearer) -> Option<ProvenAccount> {
    // A name that begins so can be given to users of other authorities by a careless configuration of the API server.
    if !bearer.groups.iter().any(|group| group == GROUP) {
        return None;
    }
    let (namespace, name) = split(&bearer.username)?;
    Some(ProvenAccount {
        namespace: namespace.into(),
        name: name.into(),
        pod: bearer.pod.as_deref().map(Into::into),
        credential: bearer.credential.as_deref().map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_users_are_none() {
        assert_eq!(
            split("system:serviceaccount:shop:cart.v1"),
            Some(("shop", "cart.v1"))
        );
        for other in [
            "",
            "admin",
            "system:serviceaccount:",
            "system:serviceaccount:shop",
            "system:serviceaccount::cart",
            "system:serviceaccount:shop:",
            "system:serviceaccount:shop:cart:x",
            "system:serviceaccount:shop:a/b",
            "system:serviceaccount:Shop:cart",
            "system:node:system:serviceaccount:shop:cart",
        ] {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn who_is_not_in_the_group_is_no_account() {
        let mut bearer = ReviewedBearer {
            username: "system:serviceaccount:shop:cart".to_owned(),
            ..ReviewedBearer::default()
        };
        assert_eq!(account(&bearer), None);
        bearer.groups = vec![GROUP.to_owned()];
        assert!(account(&bearer).is_some());
    }
}
