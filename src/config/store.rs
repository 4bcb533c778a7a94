//! Store URLs (`--store`, `--to`).

use std::path::PathBuf;

use super::settings::Setting;
use super::{ConfigError, data_dir};

/// A store of this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine.
    Embedded(PathBuf),
    /// Memory only: lost with the process.
    Memory,
    /// Custom resources in a namespace of a Kubernetes cluster; `None` is the namespace of the kubeconfig or the pod.
    Kubernetes(Option<String>),
    /// Keys of an etcd cluster.
    Etcd {
        /// The client addresses of its members, HOST:PORT.
        endpoints: Vec<String>,
        /// The prefix of every key; a slash follows.
        prefix: String,
    },
}

impl StoreUrl {
    /// Whether several gateways may use it.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Embedded(_) | Self::Memory => false,
            Self::Kubernetes(_) | Self::Etcd { .. } => true,
        }
    }
}

/// The parts of a store URL, without defaults.
#[derive(Debug, PartialEq, Eq)]
enum ParsedUrl<'a> {
    Embedded(Option<&'a str>),
    Memory,
    Kubernetes(&'a str),
    Etcd(Vec<String>, String),
}

const FORMS: &str =
    "embedded[:PATH], memory:, kubernetes:[NAMESPACE] or etcd://HOST:PORT[,HOST:PORT...]/PREFIX";

/// Parses a store URL. Errors do not repeat the text: it may hold a password.
pub(super) fn parse(setting: &Setting) -> Result<StoreUrl, ConfigError> {
    let fail = |what: String| ConfigError::at(&setting.origin, what);
    match parse_url(&setting.text).map_err(fail)? {
        ParsedUrl::Embedded(Some(path)) => std::path::absolute(path)
            .map(StoreUrl::Embedded)
            .map_err(|error| fail(format!("embedded: bad path: {error}"))),
        ParsedUrl::Embedded(None) => data_dir::default_data_dir()
            .map(StoreUrl::Embedded)
            .ok_or_else(|| fail("embedded: no home directory: give embedded:PATH".to_owned())),
        ParsedUrl::Memory => Ok(StoreUrl::Memory),
        ParsedUrl::Kubernetes(namespace) => {
            let namespace = Some(namespace.to_owned()).filter(|name| !name.is_empty());
            Ok(StoreUrl::Kubernetes(namespace))
        }
        ParsedUrl::Etcd(endpoints, prefix) => Ok(StoreUrl::Etcd { endpoints, prefix }),
    }
}

fn parse_url(text: &str) -> Result<ParsedUrl<'_>, String> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme, Some(rest)),
        None => (text, None),
    };
    match (scheme, rest) {
        ("embedded", None) => Ok(ParsedUrl::Embedded(None)),
        ("embedded", Some("")) => Err("embedded: the path is empty".to_owned()),
        ("embedded", Some(path)) if path.contains('\0') => {
            Err("embedded: the path has a NUL byte".to_owned())
        }
        ("embedded", Some(path)) => Ok(ParsedUrl::Embedded(Some(path))),
        ("memory", None | Some("")) => Ok(ParsedUrl::Memory),
        ("memory", Some(_)) => Err("memory: takes nothing after the colon".to_owned()),
        ("kubernetes", namespace) => kubernetes(namespace.unwrap_or_default()),
        ("etcd", Some(rest)) => etcd(rest),
        ("zk", Some(_)) => Err(
            "zk: ZooKeeper is not a store of kubekv; import and export can read it, with --from"
                .to_owned(),
        ),
        _ => Err(format!("unknown store: want {FORMS}")),
    }
}

/// Whether it is a namespace, a DNS label (RFC 1123), or empty.
pub(super) fn is_namespace(namespace: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    namespace.len() <= 63
        && namespace.bytes().all(inner)
        && !namespace.starts_with('-')
        && !namespace.ends_with('-')
}

fn kubernetes(namespace: &str) -> Result<ParsedUrl<'_>, String> {
    if is_namespace(namespace) {
        Ok(ParsedUrl::Kubernetes(namespace))
    } else {
        Err("kubernetes: the namespace is not a DNS label".to_owned())
    }
}

/// Splits `HOST:PORT[,HOST:PORT...]`.
pub(super) fn parse_members(text: &str) -> Option<Vec<String>> {
    let host = |text: &str| {
        let Ok(authority) = text.parse::<http::uri::Authority>() else {
            return false;
        };
        let port = authority.port_u16().is_some_and(|port| port > 0);
        port && !authority.host().is_empty() && !text.contains('@')
    };
    let all = text.split(',').all(host);
    all.then(|| text.split(',').map(str::to_owned).collect())
}

fn etcd(rest: &str) -> Result<ParsedUrl<'_>, String> {
    let bad = || "etcd: want etcd://HOST:PORT[,HOST:PORT...]/PREFIX".to_owned();
    let (members, prefix) = rest
        .strip_prefix("//")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(bad)?;
    // No character that has a meaning of its own in other kinds of URL.
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\"\\".contains(&byte);
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() || !prefix.bytes().all(plain) {
        return Err(bad());
    }
    let endpoints = parse_members(members).ok_or_else(bad)?;
    Ok(ParsedUrl::Etcd(endpoints, prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::SettingOrigin;

    fn read(text: &str) -> Result<StoreUrl, String> {
        let origin = SettingOrigin::Flag("store");
        let text = text.to_owned();
        parse(&Setting { text, origin }).map_err(|error| error.to_string())
    }

    #[test]
    fn every_store_of_this_build_is_parsed() {
        let path = Path::new("/a:b/c").to_owned();
        assert_eq!(read("embedded:/a:b/c"), Ok(StoreUrl::Embedded(path)));
        assert_eq!(read("memory:"), Ok(StoreUrl::Memory));
        assert_eq!(read("memory"), Ok(StoreUrl::Memory));
        let own = StoreUrl::Kubernetes(Some("my-ns".to_owned()));
        assert_eq!(read("kubernetes:my-ns"), Ok(own));
        assert_eq!(read("kubernetes:"), Ok(StoreUrl::Kubernetes(None)));
        assert_eq!(read("kubernetes"), Ok(StoreUrl::Kubernetes(None)));
        let Ok(StoreUrl::Embedded(path)) = read("embedded:a") else {
            panic!("a relative path is refused");
        };
        assert!(path.is_absolute());
        let etcd = |endpoints: &[&str], prefix: &str| {
            Ok(StoreUrl::Etcd {
                endpoints: endpoints.iter().copied().map(str::to_owned).collect(),
                prefix: prefix.to_owned(),
            })
        };
        let both = etcd(&["a:2379", "[::1]:2379"], "p/q");
        assert_eq!(read("etcd://a:2379,[::1]:2379/p/q/"), both);
        assert_eq!(read("etcd://a:1//registry"), etcd(&["a:1"], "/registry"));
    }

    #[test]
    fn an_unknown_store_is_refused_by_name() {
        for (text, want) in [
            (
                "kubernetes:My_Ns",
                "--store: kubernetes: the namespace is not a DNS label",
            ),
            ("embedded:", "--store: embedded: the path is empty"),
            ("memory:x", "--store: memory: takes nothing after the colon"),
        ] {
            assert_eq!(read(text).unwrap_err(), want);
        }
        for text in [
            "etcd:",
            "etcd://a:1",
            "etcd://a:1/",
            "etcd://a/p",
            "etcd:///p",
            "etcd://a:1/p?q",
            "etcd://a:1///",
            "etcd://a:1,/p",
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.starts_with("--store: etcd: want etcd://"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        for text in [
            "etcd://user:secret@a:1/p",
            "secret:secret",
            "secret",
            "consul://secret",
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(embedded|memory|kubernetes|etcd)?:?/{0,2}\\PC{0,40}") {
            let _parsed = parse_url(&text);
        }
    }
}
