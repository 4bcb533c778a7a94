//! What `kubekv export` and `kubekv import` are told: where entries come from and where they go.

use std::ffi::OsString;

use super::access::{self, Names};
use super::settings::{Place, Setting, Settings};
use super::{ConfigError, StoreAccess, StorePassword, StoreUrl, store};

/// What entries can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// Consul's HTTP API, HOST:PORT.
    Consul(String),
    /// The version 2 API of etcd; its members.
    Etcd2(Vec<String>),
    /// The version 3 API of etcd; its members.
    Etcd3(Vec<String>),
    /// ZooKeeper; its servers, and the node that keys begin beneath: empty, or with a slash before it.
    ZooKeeper(Vec<String>, String),
    /// A store of kubekv's.
    Store(StoreUrl),
}

impl SourceUrl {
    /// What the source's keys begin with, of a prefix as people give it: no key of Consul's, etcd v2's or ZooKeeper's clients
    /// begins with a slash, but their paths do.
    #[must_use]
    pub fn prefix(&self, given: &[u8]) -> Vec<u8> {
        let less = match self {
            Self::Consul(_) | Self::Etcd2(_) | Self::ZooKeeper(..) => given.strip_prefix(b"/"),
            Self::Etcd3(_) | Self::Store(_) => None,
        };
        less.unwrap_or(given).to_vec()
    }
}

/// Who we are to a source, and whom we take for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceAccess {
    /// TLS, user and password.
    pub access: StoreAccess,
    /// Consul's token.
    pub token: Option<StorePassword>,
}

/// The options that say so, in the order of the help texts: a flag less the dashes, what stands for its value, and what
/// it does.
pub const TRANSFER: [(&str, &str, &str); 13] = [
    (
        FROM,
        "URL",
        "Where entries are read: consul://HOST:PORT | etcd2://HOST:PORT[,HOST:PORT...] | etcd3://HOST:PORT[,...] | \
         zk://HOST:PORT[,...][/CHROOT] | or a store of kubekv's: embedded:PATH | kubernetes:[NAMESPACE] | etcd://HOST:PORT[,...]/PREFIX",
    ),
    (
        FROM_NAMES.authorities,
        "FILE",
        "Who may vouch for the servers of --from, in PEM. Connections to them are encrypted where this is given",
    ),
    (
        FROM_NAMES.certificate,
        "FILE",
        "The certificate shown to the servers of --from, in PEM",
    ),
    (FROM_NAMES.key, "FILE", "The key of --from-cert, in PEM"),
    (
        FROM_NAMES.user,
        "NAME",
        "The user of the etcd of --from, or of ZooKeeper's scheme digest",
    ),
    (
        FROM_NAMES.password_file,
        "FILE",
        "The file whose first line is that user's password, or have it in the variable KUBEKV_FROM_PASSWORD",
    ),
    (
        TOKEN_FILE,
        "FILE",
        "The file whose first line is the token for the Consul of --from, or have it in the variable KUBEKV_FROM_TOKEN",
    ),
    (
        TO,
        "URL",
        "The store entries are written to: embedded[:PATH] | kubernetes:[NAMESPACE] | etcd://HOST:PORT[,...]/PREFIX. \
         No gateway may use it meanwhile",
    ),
    (
        TO_NAMES.authorities,
        "FILE",
        "Who may vouch for the etcd of --to, in PEM. Connections to it are encrypted where this or --to-cert is given",
    ),
    (
        TO_NAMES.certificate,
        "FILE",
        "The certificate shown to the etcd of --to, in PEM",
    ),
    (TO_NAMES.key, "FILE", "The key of --to-cert, in PEM"),
    (TO_NAMES.user, "NAME", "The user of the etcd of --to"),
    (
        TO_NAMES.password_file,
        "FILE",
        "The file whose first line is that user's password, or have it in the variable KUBEKV_TO_PASSWORD",
    ),
];

const FROM: &str = "from";
const TO: &str = "to";
const TOKEN_FILE: &str = "from-token-file";
const TOKEN: &str = "from-token";

const FROM_NAMES: Names = Names {
    authorities: "from-ca",
    certificate: "from-cert",
    key: "from-key",
    user: "from-user",
    password_file: "from-password-file",
    password: "from-password",
    variable: "KUBEKV_FROM_PASSWORD",
};

const TO_NAMES: Names = Names {
    authorities: "to-ca",
    certificate: "to-cert",
    key: "to-key",
    user: "to-user",
    password_file: "to-password-file",
    password: "to-password",
    variable: "KUBEKV_TO_PASSWORD",
};

const FORMS: &str = "consul://HOST:PORT, etcd2://HOST:PORT[,...], etcd3://HOST:PORT[,...], \
    zk://HOST:PORT[,...][/CHROOT], embedded:PATH, kubernetes:[NAMESPACE] or etcd://HOST:PORT[,...]/PREFIX";

const ZOOKEEPER: &str = "zk: want zk://HOST:PORT[,HOST:PORT...][/CHROOT]";

/// The source that is given, if one is. Secrets are taken from these variables.
pub fn source(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Option<(SourceUrl, SourceAccess)>, ConfigError> {
    let Some(setting) = settings.take(FROM) else {
        refuse(settings, &FROM_NAMES, "needs --from")?;
        return match settings.take(TOKEN_FILE) {
            Some(given) => Err(ConfigError::at(&given.place, "needs --from")),
            None => Ok(None),
        };
    };
    for (name, value) in environment {
        // A variable that the source has no use for was set for another one.
        let option = match name.to_str() {
            Some("KUBEKV_FROM_TOKEN") if setting.text.starts_with("consul:") => TOKEN,
            Some("KUBEKV_FROM_PASSWORD")
                if ["etcd", "zk:"]
                    .iter()
                    .any(|scheme| setting.text.starts_with(scheme)) =>
            {
                FROM_NAMES.password
            }
            _ => continue,
        };
        let place = Place::Variable(name.to_string_lossy().into_owned());
        settings.set(option, value.to_string_lossy(), place);
    }
    let url = parse(&setting)?;
    let token = token(settings, &url)?;
    let refusal = match &url {
        SourceUrl::Consul(_)
        | SourceUrl::Etcd2(_)
        | SourceUrl::Etcd3(_)
        | SourceUrl::ZooKeeper(..) => None,
        SourceUrl::Store(store) => store.refusal(),
    };
    let access = access::parse_by(settings, &FROM_NAMES, refusal)?;
    if matches!(url, SourceUrl::Consul(_)) && access.user.is_some() {
        let why = "Consul takes no user: give --from-token-file";
        return Err(ConfigError::at(&Place::Flag(FROM_NAMES.user), why));
    }
    let encrypted = access.authorities.is_some();
    if matches!(
        url,
        SourceUrl::Consul(_) | SourceUrl::Etcd2(_) | SourceUrl::ZooKeeper(..)
    ) && access.certificate.is_some()
        && !encrypted
    {
        let why = "give --from-ca, too";
        return Err(ConfigError::at(&Place::Flag(FROM_NAMES.certificate), why));
    }
    Ok(Some((url, SourceAccess { access, token })))
}

/// The store that entries are to go to, if one is given.
pub fn target(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Option<(StoreUrl, StoreAccess)>, ConfigError> {
    let Some(setting) = settings.take(TO) else {
        refuse(settings, &TO_NAMES, "needs --to")?;
        return Ok(None);
    };
    let url = store::parse(&setting)?;
    if url == StoreUrl::Memory {
        let why = "memory: is gone when the command ends";
        return Err(ConfigError::at(&setting.place, why));
    }
    let password = environment
        .into_iter()
        .find(|(name, _)| name == TO_NAMES.variable);
    if let (Some((_, value)), None) = (password, url.refusal()) {
        let place = Place::Variable(TO_NAMES.variable.to_owned());
        settings.set(TO_NAMES.password, value.to_string_lossy(), place);
    }
    let access = access::parse_by(settings, &TO_NAMES, url.refusal())?;
    Ok(Some((url, access)))
}

fn refuse(settings: &mut Settings, names: &Names, why: &str) -> Result<(), ConfigError> {
    access::parse_by(settings, names, Some(why)).map(|_none| ())
}

fn token(settings: &mut Settings, url: &SourceUrl) -> Result<Option<StorePassword>, ConfigError> {
    let (file, text) = (settings.take(TOKEN_FILE), settings.take(TOKEN));
    match (file, text) {
        (Some(file), _) if !matches!(url, SourceUrl::Consul(_)) => {
            Err(ConfigError::at(&file.place, "only consul://... takes it"))
        }
        (Some(file), Some(_)) => {
            let why = "KUBEKV_FROM_TOKEN is given, too";
            Err(ConfigError::at(&file.place, why))
        }
        (Some(file), None) => Ok(Some(StorePassword::File(access::path(&file)?))),
        (None, text) => Ok(text.map(|text| StorePassword::Text(text.text))),
    }
}

/// Reads a source's URL. What was given is not repeated in errors: it may hold a password.
fn parse(setting: &Setting) -> Result<SourceUrl, ConfigError> {
    let fail = |what: String| ConfigError::at(&setting.place, what);
    let (scheme, rest) = setting.text.split_once("://").unwrap_or_default();
    // Users of libkv know URLs of etcd's version 2 by other names.
    let members = || {
        let bad = || {
            fail(format!(
                "{scheme}: want {scheme}://HOST:PORT[,HOST:PORT...]; --prefix says which keys"
            ))
        };
        store::hosts(rest.trim_end_matches('/')).ok_or_else(bad)
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
            Ok(StoreUrl::Memory) => Err(fail("memory: is another process's".to_owned())),
            Ok(store) => Ok(SourceUrl::Store(store)),
            Err(error) if error.to_string().contains("unknown store") => {
                Err(fail(format!("unknown source: want {FORMS}")))
            }
            Err(error) => Err(error),
        },
    }
}

/// Servers, and the node that keys begin beneath.
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
    let servers = store::hosts(servers)?;
    Some(SourceUrl::ZooKeeper(servers, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&'static str, &str)]) -> Result<Option<SourceUrl>, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, Place::Flag(name));
        }
        let environment = [("KUBEKV_FROM_PASSWORD".into(), "secret".into())];
        let read = source(&mut settings, environment);
        read.map(|found| found.map(|(url, _)| url))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sources_are_read_by_their_names() {
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
    fn what_is_no_source_is_refused_by_name() {
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
            ("memory:", "--from: memory: is another"),
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

    #[test]
    fn neither_memory_nor_zookeeper_is_a_target() {
        let mut settings = Settings::default();
        settings.set("to", "memory:", Place::Flag("to"));
        let error = target(&mut settings, []).unwrap_err().to_string();
        assert_eq!(error, "--to: memory: is gone when the command ends");
        let mut settings = Settings::default();
        settings.set("to", "zk://a:1/kv", Place::Flag("to"));
        let error = target(&mut settings, []).unwrap_err().to_string();
        assert_eq!(
            error,
            "--to: zk: nothing is written to ZooKeeper; import and export read it, with --from"
        );
    }
}
