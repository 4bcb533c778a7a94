//! The policy by which clients are admitted.

use std::path::PathBuf;

use super::settings::{Setting, Settings};
use super::{ConfigError, StoreUrl, store};

/// The policy by which clients are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Where it is.
    pub origin: PolicyOrigin,
    /// Whether what it refuses is refused; else it is only logged and counted.
    pub enforces: bool,
    /// The tokens and the users of clients, read again and again as well; `None` ignores what requests show.
    pub credentials: Option<PathBuf>,
    /// The audience of the tokens of `ServiceAccount`s that a Kubernetes cluster is asked about; `None` asks about none.
    pub token_review: Option<String>,
}

/// Where the policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyOrigin {
    /// A file, read again and again.
    File(PathBuf),
    /// The `AccessPolicy` objects in a namespace of a Kubernetes cluster; `None` is the namespace of the kubeconfig or the pod.
    Kubernetes(Option<String>),
}

/// The longest audience, in bytes.
const LONGEST_AUDIENCE: usize = 253;

/// How the audiences of API servers usually begin.
const OF_API_SERVERS: &str = "https://kubernetes.default";

/// The options `policy`, `policy-mode`, `credentials` and `token-review-audience`, of a gateway with this store.
pub(super) fn parse(
    settings: &mut Settings,
    store: &StoreUrl,
) -> Result<Option<PolicyConfig>, ConfigError> {
    let mode = settings.take("policy-mode");
    let enforces = match &mode {
        None => Some(true),
        Some(mode) => match mode.text.as_str() {
            "enforce" => Some(true),
            "warn" => Some(false),
            "off" => None,
            other => {
                let what = format!("{other:?} is neither off, warn nor enforce");
                return Err(ConfigError::at(&mode.origin, what));
            }
        },
    };
    let credentials = settings.take("credentials");
    let audience = settings.take("token-review-audience");
    let Some(policy) = settings.take("policy") else {
        if let Some(given) = credentials.or(audience) {
            let what = "--policy is not given: it says who has a token, and what they may do";
            return Err(ConfigError::at(&given.origin, what));
        }
        return match (&mode, enforces) {
            (Some(mode), Some(_)) => Err(ConfigError::at(&mode.origin, "--policy is not given")),
            (Some(_) | None, _) => Ok(None),
        };
    };
    let origin = origin(policy, store)?;
    let credentials = credentials.map(path).transpose()?;
    let token_review = audience.map(token_review).transpose()?;
    Ok(enforces.map(|enforces| PolicyConfig {
        origin,
        enforces,
        credentials,
        token_review,
    }))
}

fn token_review(audience: Setting) -> Result<String, ConfigError> {
    let Setting { text, origin } = audience;
    let is_good = (1..=LONGEST_AUDIENCE).contains(&text.len());
    let what = if !is_good || !text.chars().all(|c| c.is_ascii_graphic()) {
        "an audience has 1 to 253 letters, digits and signs"
    } else if text.starts_with(OF_API_SERVERS) {
        "this is the API server's own audience: whoever has such a token may use it there, too; use tokens for another audience, such as kubekv"
    } else {
        return Ok(text);
    };
    Err(ConfigError::at(&origin, what))
}

fn origin(policy: Setting, store: &StoreUrl) -> Result<PolicyOrigin, ConfigError> {
    let Setting { text, origin } = policy;
    let parsed = PolicyOrigin::parse(&text).map_err(|what| ConfigError::at(&origin, what))?;
    Ok(match (parsed, store) {
        (PolicyOrigin::Kubernetes(None), StoreUrl::Kubernetes(namespace)) => {
            PolicyOrigin::Kubernetes(namespace.clone())
        }
        (parsed, _) => parsed,
    })
}

impl PolicyOrigin {
    /// Parses the path of a file, or `kubernetes:[NAMESPACE]`.
    ///
    /// # Errors
    ///
    /// Where it is neither; why.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let namespace = match text.split_once(':') {
            None if text == "kubernetes" => "",
            Some(("kubernetes", namespace)) => namespace,
            None | Some(_) if text.is_empty() || text.contains(char::is_control) => {
                return Err("it is neither the path of a file nor kubernetes:[NAMESPACE]");
            }
            None | Some(_) => return Ok(Self::File(text.into())),
        };
        if !store::is_namespace(namespace) {
            return Err(
                "kubernetes: the namespace is not a DNS label; for a file of this name, write ./ before it",
            );
        }
        let given = Some(namespace.to_owned()).filter(|name| !name.is_empty());
        Ok(Self::Kubernetes(given))
    }
}

fn path(setting: Setting) -> Result<PathBuf, ConfigError> {
    let Setting { text, origin } = setting;
    if text.is_empty() || text.contains(char::is_control) {
        return Err(ConfigError::at(&origin, "it is not the path of a file"));
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn parsed(given: &[(&'static str, &str)]) -> Result<Option<PolicyConfig>, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        parse(&mut settings, &StoreUrl::Memory).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_is_enforced_unless_its_mode_says_otherwise() {
        let file = ("policy", "p.toml");
        let enforces = |given: &[(&'static str, &str)]| {
            let policy = parsed(given).unwrap();
            policy.map(|policy| policy.enforces)
        };
        assert_eq!(enforces(&[]), None);
        assert_eq!(enforces(&[("policy-mode", "off")]), None);
        assert_eq!(enforces(&[file]), Some(true));
        assert_eq!(enforces(&[file, ("policy-mode", "enforce")]), Some(true));
        assert_eq!(enforces(&[file, ("policy-mode", "warn")]), Some(false));
        assert_eq!(enforces(&[file, ("policy-mode", "off")]), None);
    }

    #[test]
    fn credentials_go_with_a_policy() {
        let both = [("policy", "p.toml"), ("credentials", "c.toml")];
        let policy = parsed(&both).unwrap().unwrap();
        assert_eq!(policy.credentials, Some(PathBuf::from("c.toml")));
        // The policy is not read either.
        let off = [both[0], both[1], ("policy-mode", "off")];
        assert_eq!(parsed(&off).unwrap(), None);
    }

    #[test]
    fn tokens_are_reviewed_for_an_audience_that_is_given() {
        let audience = |given: &[(&'static str, &str)]| {
            parsed(given)
                .unwrap()
                .and_then(|policy| policy.token_review)
        };
        let policy = ("policy", "p.toml");
        assert_eq!(audience(&[policy]), None);
        let given = ("token-review-audience", "https://kubekv.example.org");
        assert_eq!(audience(&[policy, given]).as_deref(), Some(given.1));
    }

    #[test]
    fn what_would_leave_everything_open_is_an_error() {
        let errors = [
            (vec![("policy-mode", "enforce")], "--policy is not given"),
            (vec![("policy-mode", "warn")], "--policy is not given"),
            (vec![("policy-mode", "on")], "neither off, warn nor enforce"),
            (vec![("policy", "kubernetes:My_Ns")], "not a DNS label"),
            (vec![("policy", "")], "neither the path"),
            (vec![("credentials", "c.toml")], "--policy is not given"),
            (
                vec![("credentials", "c.toml"), ("policy-mode", "off")],
                "--policy is not given",
            ),
            (
                vec![("token-review-audience", "kubekv")],
                "--policy is not given",
            ),
            (
                vec![("policy", "p.toml"), ("token-review-audience", "")],
                "an audience has",
            ),
            (
                vec![("policy", "p.toml"), ("token-review-audience", "a b")],
                "an audience has",
            ),
            (
                vec![
                    ("policy", "p.toml"),
                    (
                        "token-review-audience",
                        "https://kubernetes.default.svc.cluster.local",
                    ),
                ],
                "the API server's own",
            ),
            (
                vec![("policy", "p.toml"), ("credentials", "")],
                "not the path",
            ),
        ];
        for (given, words) in errors {
            let error = parsed(&given).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
    #[test]
    fn a_policy_in_a_cluster_is_in_the_namespace_of_the_option_or_of_the_store() {
        let found = |text: &str, store: &StoreUrl| {
            let setting = Setting {
                text: text.to_owned(),
                origin: SettingOrigin::Flag("policy"),
            };
            origin(setting, store).unwrap()
        };
        let shop = StoreUrl::Kubernetes(Some("shop".to_owned()));
        let here = StoreUrl::Kubernetes(None);
        for (text, store, namespace) in [
            ("kubernetes", &StoreUrl::Memory, None),
            ("kubernetes", &here, None),
            ("kubernetes:", &shop, Some("shop")),
            ("kubernetes", &shop, Some("shop")),
            ("kubernetes:other", &shop, Some("other")),
        ] {
            let namespace = namespace.map(str::to_owned);
            assert_eq!(
                found(text, store),
                PolicyOrigin::Kubernetes(namespace),
                "{text}"
            );
        }
        for text in ["./kubernetes", "kubernetes.toml", "a:b", "./kubernetes:a"] {
            assert_eq!(found(text, &shop), PolicyOrigin::File(text.into()));
        }
    }
}
