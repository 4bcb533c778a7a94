//! Where entries are kept.

use std::path::PathBuf;

use super::settings::Setting;
use super::{ConfigError, data_dir};

/// A store this build has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine.
    Embedded(PathBuf),
    /// Memory alone: gone with the process.
    Memory,
    /// Custom resources in a namespace of a Kubernetes cluster; without one, in that of the kubeconfig or the pod.
    Kubernetes(Option<String>),
    /// Keys of an etcd cluster.
    Etcd {
        /// Where its members listen, HOST:PORT.
        endpoints: Vec<String>,
        /// What every key begins with; a slash follows.
        prefix: String,
    },
}

impl StoreUrl {
    /// Whether other gateways may use it as well.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Embedded(_) | Self::Memory => false,
            Self::Kubernetes(_) | Self::Etcd { .. } => true,
        }
    }
}

/// What a store is called by; known even where this build cannot open it.
#[derive(Debug, PartialEq, Eq)]
enum Url<'a> {
    Embedded(Option<&'a str>),
    Memory,
    Kubernetes(&'a str),
    Etcd(Vec<String>, String),
}

const FORMS: &str =
    "embedded[:PATH], memory:, kubernetes:[NAMESPACE] or etcd://HOST:PORT[,HOST:PORT...]/PREFIX";

/// Reads a store's URL. What was given is not repeated in errors: it may hold a password.
pub(super) fn parse(setting: &Setting) -> Result<StoreUrl, ConfigError> {
    let fail = |what: String| ConfigError::at(&setting.place, what);
    match url(&setting.text).map_err(fail)? {
        Url::Embedded(Some(path)) => std::path::absolute(path)
            .map(StoreUrl::Embedded)
            .map_err(|error| fail(format!("embedded: bad path: {error}"))),
        Url::Embedded(None) => data_dir::default_data_dir()
            .map(StoreUrl::Embedded)
            .ok_or_else(|| fail("embedded: no home directory: give embedded:PATH".to_owned())),
        Url::Memory => Ok(StoreUrl::Memory),
        Url::Kubernetes(namespace) => {
            let namespace = Some(namespace.to_owned()).filter(|name| !name.is_empty());
            Ok(StoreUrl::Kubernetes(namespace))
        }
        Url::Etcd(endpoints, prefix) => Ok(StoreUrl::Etcd { endpoints, prefix }),
    }
}

fn url(text: &str) -> Result<Url<'_>, String> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme, Some(rest)),
        None => (text, None),
    };
    match (scheme, rest) {
        ("embedded", None) => Ok(Url::Embedded(None)),
        ("embedded", Some("")) => Err("embedded: the path is empty".to_owned()),
        ("embedded", Some(path)) if path.contains('\0') => {
            Err("embedded: the path has a NUL byte".to_owned())
        }
        ("embedded", Some(path)) => Ok(Url::Embedded(Some(path))),
        ("memory", None | Some("")) => Ok(Url::Memory),
        ("memory", Some(_)) => Err("memory: takes nothing after the colon".to_owned()),
        ("kubernetes", namespace) => kubernetes(namespace.unwrap_or_default()),
        ("etcd", Some(rest)) => etcd(rest),
        ("zk", Some(_)) => Err(
            "zk: nothing is written to ZooKeeper; import and export read it, with --from"
                .to_owned(),
        ),
        _ => Err(format!("unknown store: want {FORMS}")),
    }
}

/// A namespace is a DNS label (RFC 1123), or left out.
fn kubernetes(namespace: &str) -> Result<Url<'_>, String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = namespace.len() <= 63
        && namespace.bytes().all(inner)
        && !namespace.starts_with('-')
        && !namespace.ends_with('-');
    if label {
        Ok(Url::Kubernetes(namespace))
    } else {
        Err("kubernetes: the namespace is no DNS label".to_owned())
    }
}

/// `HOST:PORT[,HOST:PORT...]`, taken apart.
pub(super) fn hosts(text: &str) -> Option<Vec<String>> {
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

fn etcd(rest: &str) -> Result<Url<'_>, String> {
    let bad = || "etcd: want etcd://HOST:PORT[,HOST:PORT...]/PREFIX".to_owned();
    let (members, prefix) = rest
        .strip_prefix("//")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(bad)?;
    // Nothing that other kinds of URL give a meaning of its own.
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#%\"\\".contains(&byte);
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() || !prefix.bytes().all(plain) {
        return Err(bad());
    }
    let endpoints = hosts(members).ok_or_else(bad)?;
    Ok(Url::Etcd(endpoints, prefix.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Place;

    fn read(text: &str) -> Result<StoreUrl, String> {
        let place = Place::Flag("store");
        let text = text.to_owned();
        parse(&Setting { text, place }).map_err(|error| error.to_string())
    }

    #[test]
    fn stores_of_this_build_are_read() {
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
    fn what_is_no_store_is_refused_by_name() {
        for (text, want) in [
            (
                "kubernetes:My_Ns",
                "--store: kubernetes: the namespace is no DNS label",
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
        fn any_text_is_read_or_refused(text in "(embedded|memory|kubernetes|etcd)?:?/{0,2}\\PC{0,40}") {
            let _read = url(&text);
        }
    }
}
