//! `--from`: the URL of a source, and its credentials.

use std::ffi::OsString;

use super::super::access;
use super::super::settings::{Setting, SettingOrigin, Settings};
use super::super::{ConfigError, StoreAccess, StorePassword, StoreUrl, store};
use super::options::{FROM, FROM_OPTIONS, TOKEN, TOKEN_FILE};

/// A source of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// Consul's HTTP API, HOST:PORT.
    Consul(String),
    /// The version 2 API of etcd; its members.
    Etcd2(Vec<String>),
    /// The version 3 API of etcd; its members.
    Etcd3(Vec<String>),
    /// ZooKeeper; its servers, and the node that holds the keys (chroot): empty, or with a leading slash.
    ZooKeeper(Vec<String>, String),
    /// A store of kubekv.
    Store(StoreUrl),
}

impl SourceUrl {
    /// The key prefix in the source for a prefix that an operator gives. No key of a Consul, etcd v2 or ZooKeeper client
    /// begins with a slash, but their paths do, so one leading slash is dropped.
    #[must_use]
    pub fn prefix(&self, given: &[u8]) -> Vec<u8> {
        let stripped = match self {
            Self::Consul(_) | Self::Etcd2(_) | Self::ZooKeeper(..) => given.strip_prefix(b"/"),
            Self::Etcd3(_) | Self::Store(_) => None,
        };
        stripped.unwrap_or(given).to_vec()
    }
}

/// The credentials for a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceAccess {
    /// TLS, user and password.
    pub access: StoreAccess,
    /// Consul's token.
    pub token: Option<StorePassword>,
}

const FORMS: &str = "consul://HOST:PORT, etcd2://HOST:PORT[,...], etcd3://HOST:PORT[,...], \
    zk://HOST:PORT[,...][/CHROOT], embedded:PATH, kubernetes:[NAMESPACE] or etcd://HOST:PORT[,...]/PREFIX";

const ZOOKEEPER: &str = "zk: want zk://HOST:PORT[,HOST:PORT...][/CHROOT]";

/// The source, if `--from` is given. Secrets may come from `environment`.
pub fn source(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Option<(SourceUrl, SourceAccess)>, ConfigError> {
    let Some(setting) = settings.take(FROM) else {
        access::refuse(settings, &FROM_OPTIONS, "needs --from")?;
        return match settings.take(TOKEN_FILE) {
            Some(given) => Err(ConfigError::at(&given.origin, "needs --from")),
            None => Ok(None),
        };
    };
    for (name, value) in environment {
        // A variable that this source does not use was set for another source.
        let option = match name.to_str() {
            Some("KUBEKV_FROM_TOKEN") if setting.text.starts_with("consul:") => TOKEN,
            Some("KUBEKV_FROM_PASSWORD")
                if ["etcd", "zk:"]
                    .iter()
                    .any(|scheme| setting.text.starts_with(scheme)) =>
            {
                FROM_OPTIONS.password
            }
            _ => continue,
        };
        let origin = SettingOrigin::Variable(name.to_string_lossy().into_owned());
        settings.set(option, value.to_string_lossy(), origin);
    }
    let url = parse(&setting)?;
    let token = token(settings, &url)?;
    let refusal = match &url {
        SourceUrl::Consul(_)
        | SourceUrl::Etcd2(_)
        | SourceUrl::Etcd3(_)
        | SourceUrl::ZooKeeper(..) => None,
        SourceUrl::Store(store) => store.credentials_refusal(),
    };
    let access = access::parse_with(settings, &FROM_OPTIONS, refusal)?;
    if matches!(url, SourceUrl::Consul(_)) && access.user.is_some() {
        let why = "Consul takes a token, not a user: give --from-token-file";
        return Err(ConfigError::at(
            &SettingOrigin::Flag(FROM_OPTIONS.user),
            why,
        ));
    }
    let encrypted = access.authorities.is_some();
    if matches!(
        url,
        SourceUrl::Consul(_) | SourceUrl::Etcd2(_) | SourceUrl::ZooKeeper(..)
    ) && access.certificate.is_some()
        && !encrypted
    {
        let why = "give --from-ca, too";
        return Err(ConfigError::at(
            &SettingOrigin::Flag(FROM_OPTIONS.certificate),
            why,
        ));
    }
    Ok(Some((url, SourceAccess { access, token })))
}

fn token(settings: &mut Settings, url: &SourceUrl) -> Result<Option<StorePassword>, ConfigError> {
    let (file, text) = (settings.take(TOKEN_FILE), settings.take(TOKEN));
    match (file, text) {
        (Some(file), _) if !matches!(url, SourceUrl::Consul(_)) => Err(ConfigError::at(
            &file.origin,
            "only consul://... takes this option",
        )),
        (Some(file), Some(_)) => {
            let why = "KUBEKV_FROM_TOKEN is set, too: give only one of them";
            Err(ConfigError::at(&file.origin, why))
        }
        (Some(file), None) => Ok(Some(StorePassword::File(access::readable_path(&file)?))),
        (None, text) => Ok(text.map(|text| StorePassword::Text(text.text))),
    }
}

/// Parses a source URL. Errors do not repeat the text: it may hold a password.
pub(super) fn parse(setting: &Setting) -> Result<SourceUrl, ConfigError> {
    let fail = |what: String| ConfigError::at(&setting.origin, what);
    let (scheme, rest) = setting.text.split_once("://").unwrap_or_default();
    // The error shows the whole form, because users of libkv know URLs of etcd v2 by another scheme.
    let members = || {
        let bad = || {
            fail(format!(
                "{scheme}: want {scheme}://HOST:PORT[,HOST:PORT...]; choose keys with --prefix"
            ))
        };
        store::parse_members(rest.trim_end_matches('/')).ok_or_else(bad)
    };
    match scheme {
        "consul" => match members()?.as_slice() {
            [one] => Ok(SourceUrl::Consul(one.clone())),
            _ => Err(fail("consul: want one server".to_owned())),
        },
        "etcd2" => Ok(SourceUrl::Etcd2(members()?)),
        "etcd3" => Ok(SourceUrl::Etcd3(members()?)),
        "zk" => zookeeper(rest).ok_or_else(|| fail(ZOOKEEPER.to_owned())),
        _ if setting.text.starts_with("zk:") => Err(fail(ZOOKEEPER.to_owned())),
        _ => match store::parse(setting) {
            Ok(StoreUrl::Memory) => Err(fail("memory: belongs to another process".to_owned())),
            Ok(store) => Ok(SourceUrl::Store(store)),
            Err(error) if error.to_string().contains("unknown store") => {
                Err(fail(format!("unknown source: want {FORMS}")))
            }
            Err(error) => Err(error),
        },
    }
}

/// Parses the servers and the chroot of a ZooKeeper URL.
fn zookeeper(rest: &str) -> Option<SourceUrl> {
    let (servers, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some((servers, path)) => (servers, path.trim_end_matches('/')),
        None => (rest, ""),
    };
    // ZooKeeper's rules for a node's name.
    let name = |name: &str| !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
    if !path.split('/').skip(1).all(name) {
        return None;
    }
    let servers = store::parse_members(servers)?;
    Some(SourceUrl::ZooKeeper(servers, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&'static str, &str)]) -> Result<Option<SourceUrl>, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        let environment = [("KUBEKV_FROM_PASSWORD".into(), "secret".into())];
        let read = source(&mut settings, environment);
        read.map(|found| found.map(|(url, _)| url))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_scheme_names_its_source() {
        let from = |text| read(&[("from", text)]);
        let one = || "a:1".to_owned();
        assert_eq!(from("consul://a:1"), Ok(Some(SourceUrl::Consul(one()))));
        assert_eq!(from("consul://a:1/"), Ok(Some(SourceUrl::Consul(one()))));
        let user = ("from-user", "me");
        let both = vec![one(), "[::1]:2".to_owned()];
        let members = SourceUrl::Etcd2(both.clone());
        let given = [("from", "etcd2://a:1,[::1]:2"), user];
        assert_eq!(read(&given), Ok(Some(members)));
        let given = [("from", "etcd3://a:1,[::1]:2"), user];
        assert_eq!(read(&given), Ok(Some(SourceUrl::Etcd3(both))));
        let servers = vec![one(), "[::1]:2".to_owned()];
        for (text, chroot) in [
            ("", ""),
            ("/", ""),
            ("/kv", "/kv"),
            ("/a/\u{e9} b/", "/a/\u{e9} b"),
        ] {
            let zookeeper = SourceUrl::ZooKeeper(servers.clone(), chroot.to_owned());
            let text = format!("zk://a:1,[::1]:2{text}");
            assert_eq!(read(&[("from", &text), user]), Ok(Some(zookeeper)));
        }
        let store = SourceUrl::Store(StoreUrl::Kubernetes(Some("n".to_owned())));
        assert_eq!(from("kubernetes:n"), Ok(Some(store)));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn an_unknown_source_is_refused_by_name() {
        for (text, want) in [
            ("consul://a", "--from: consul: want consul://HOST:PORT"),
            ("consul://a:1/p", "--from: consul: want consul://HOST:PORT"),
            ("consul://a:1,b:1", "--from: consul: want one server"),
            ("etcd2://u:secret@a:1", "--from: etcd2: want etcd2://HOST"),
            ("zk://a", "--from: zk: want zk://HOST:PORT"),
            ("zk:a:1", "--from: zk: want zk://HOST:PORT"),
            ("zk://a:1/b//c", "--from: zk: want zk://HOST:PORT"),
            ("zk://a:1/../c", "--from: zk: want zk://HOST:PORT"),
            ("zk://me:secret@a:1/c", "--from: zk: want zk://HOST:PORT"),
            ("memory:", "--from: memory: belongs to another"),
            ("a:1", "--from: unknown source: want consul://"),
        ] {
            let error = read(&[("from", text)]).unwrap_err();
            assert!(error.starts_with(want), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        for (name, given, want) in [
            ("embedded:/a", "from-ca", "--from-ca: only a store etcd://"),
            (
                "etcd2://a:1",
                "from-token-file",
                "--from-token-file: only consul://",
            ),
        ] {
            let error = read(&[("from", name), (given, "/dev/null")]).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
        let error = read(&[("from-user", "me")]).unwrap_err();
        assert_eq!(error, "--from-user: needs --from");
    }
}
