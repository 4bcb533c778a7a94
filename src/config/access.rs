//! Credentials for a remote store: TLS files, user and password.

use std::fmt;
use std::path::PathBuf;

use super::settings::{Setting, Settings};
use super::{ConfigError, StoreUrl};

/// The credentials of this process, and the authorities it trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreAccess {
    /// The trusted certificate authorities of the server, in PEM.
    pub authorities: Option<PathBuf>,
    /// The client certificate and its key, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The user name and the password.
    pub user: Option<(String, StorePassword)>,
}

/// A password or token: its text, or the file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePassword {
    /// The first line of this file.
    File(PathBuf),
    /// The password itself.
    Text(String),
}

impl fmt::Debug for StorePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorePassword")
    }
}

/// The setting that the password variable fills. It is neither a flag, which other users of the machine would see, nor a
/// key of the file.
pub(super) const PASSWORD: &str = STORE.password;

/// The names of one set of credential options.
#[derive(Debug)]
pub(super) struct AccessOptions {
    pub(super) authorities: &'static str,
    pub(super) certificate: &'static str,
    pub(super) key: &'static str,
    pub(super) user: &'static str,
    pub(super) password_file: &'static str,
    /// The setting that `variable` fills.
    pub(super) password: &'static str,
    pub(super) variable: &'static str,
}

/// The credential options of the gateway's store.
const STORE: AccessOptions = AccessOptions {
    authorities: "store-ca",
    certificate: "store-cert",
    key: "store-key",
    user: "store-user",
    password_file: "store-password-file",
    password: "store-password",
    variable: "KUBEKV_STORE_PASSWORD",
};

/// Reads the credentials of a store. Only etcd takes any.
pub(super) fn parse(settings: &mut Settings, store: &StoreUrl) -> Result<StoreAccess, ConfigError> {
    parse_with(settings, &STORE, store.credentials_refusal())
}

impl StoreUrl {
    /// The error for credentials that are given to a store of this kind; `None` where the store takes them.
    pub(super) fn credentials_refusal(&self) -> Option<&'static str> {
        match self {
            Self::Etcd { .. } => None,
            Self::Embedded(_) | Self::Memory | Self::Kubernetes(_) => {
                Some("only a store etcd://... takes this option")
            }
        }
    }
}

/// Reads the options of these names. With a refusal, a given option is an error.
pub(super) fn parse_with(
    settings: &mut Settings,
    names: &AccessOptions,
    refusal: Option<&str>,
) -> Result<StoreAccess, ConfigError> {
    let mut take = |name: &'static str| match (settings.take(name), refusal) {
        (Some(setting), Some(why)) => Err(ConfigError::at(&setting.origin, why)),
        (setting, _) => Ok(setting),
    };
    let (authorities, certificate, key) = (
        take(names.authorities)?,
        take(names.certificate)?,
        take(names.key)?,
    );
    let (user, file, text) = (
        take(names.user)?,
        take(names.password_file)?,
        take(names.password)?,
    );
    let password = match (file, text) {
        (Some(file), Some(_)) => {
            let why = format!("{} is set, too: give only one of them", names.variable);
            return Err(ConfigError::at(&file.origin, why));
        }
        (Some(file), None) => Some((StorePassword::File(readable_path(&file)?), file)),
        (None, Some(text)) => Some((StorePassword::Text(text.text.clone()), text)),
        (None, None) => None,
    };
    let (password, origin) = password.unzip();
    Ok(StoreAccess {
        authorities: authorities.as_ref().map(readable_path).transpose()?,
        certificate: match require_both((certificate, names.certificate), (key, names.key))? {
            Some((certificate, key)) => Some((readable_path(&certificate)?, readable_path(&key)?)),
            None => None,
        },
        user: require_both((user, names.user), (origin, names.password_file))?
            .map(|(user, _)| user.text)
            .zip(password),
    })
}

/// Refuses options of these names, which lack the option that they belong to.
pub(super) fn refuse(
    settings: &mut Settings,
    names: &AccessOptions,
    why: &str,
) -> Result<(), ConfigError> {
    parse_with(settings, names, Some(why)).map(|_none| ())
}

/// Two options that must be given together.
pub(super) fn require_both(
    (one, one_name): (Option<Setting>, &str),
    (other, other_name): (Option<Setting>, &str),
) -> Result<Option<(Setting, Setting)>, ConfigError> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        (Some(one), None) => Err(ConfigError::at(
            &one.origin,
            format!("give --{other_name}, too"),
        )),
        (None, Some(other)) => Err(ConfigError::at(
            &other.origin,
            format!("give --{one_name}, too"),
        )),
    }
}

/// The path of a file that can be opened.
pub(super) fn readable_path(setting: &Setting) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(&setting.text);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => {
            let what = format!("cannot read {}: {error}", path.display());
            Err(ConfigError::at(&setting.origin, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn read(given: &[(&'static str, &str)]) -> Result<StoreAccess, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        let store = StoreUrl::Etcd {
            endpoints: vec!["a:1".to_owned()],
            prefix: "p".to_owned(),
        };
        parse(&mut settings, &store).map_err(|error| error.to_string())
    }

    #[test]
    fn an_option_without_its_partner_is_an_error() {
        let file = "/dev/null";
        for (given, want) in [
            (
                &[("store-cert", file)][..],
                "--store-cert: give --store-key, too",
            ),
            (
                &[("store-key", file)],
                "--store-key: give --store-cert, too",
            ),
            (
                &[("store-user", "me")],
                "--store-user: give --store-password-file, too",
            ),
            (
                &[(PASSWORD, "secret")],
                "--store-password: give --store-user, too",
            ),
            (
                &[("store-ca", "/nowhere")],
                "--store-ca: cannot read /nowhere: ",
            ),
        ] {
            let error = read(given).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
        let access = read(&[
            ("store-user", "me"),
            (PASSWORD, "secret"),
            ("store-ca", file),
        ])
        .unwrap();
        assert!(access.user.is_some() && access.authorities.is_some());
        assert!(!format!("{access:?}").contains("secret"));
    }

    #[test]
    fn stores_without_credentials_refuse_them() {
        let mut settings = Settings::default();
        settings.set("store-user", "me", SettingOrigin::Flag("store-user"));
        let error = parse(&mut settings, &StoreUrl::Memory).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--store-user: only a store etcd://... takes this option"
        );
    }
}
