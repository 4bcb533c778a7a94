//! How a store that is elsewhere is reached.

use std::fmt;
use std::path::PathBuf;

use super::settings::{Setting, Settings};
use super::{ConfigError, StoreUrl};

/// Who we are to the store, and whom we take for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreAccess {
    /// Authorities that may vouch for it, in PEM.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Our name, and the password.
    pub user: Option<(String, StorePassword)>,
}

/// A password, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePassword {
    /// In this file, as its first line.
    File(PathBuf),
    /// This one.
    Text(String),
}

impl fmt::Debug for StorePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorePassword")
    }
}

/// The variable with a password: neither a flag, which others on the machine would see, nor a key of the file.
pub(super) const PASSWORD: &str = STORE.password;

/// What the options are called that say how something is reached.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) authorities: &'static str,
    pub(super) certificate: &'static str,
    pub(super) key: &'static str,
    pub(super) user: &'static str,
    pub(super) password_file: &'static str,
    /// The password itself, of a variable.
    pub(super) password: &'static str,
    pub(super) variable: &'static str,
}

/// Those of the gateway's store.
const STORE: Names = Names {
    authorities: "store-ca",
    certificate: "store-cert",
    key: "store-key",
    user: "store-user",
    password_file: "store-password-file",
    password: "store-password",
    variable: "KUBEKV_STORE_PASSWORD",
};

/// Reads what is given for a store; only etcd takes any of it.
pub(super) fn parse(settings: &mut Settings, store: &StoreUrl) -> Result<StoreAccess, ConfigError> {
    parse_by(settings, &STORE, store.refusal())
}

impl StoreUrl {
    /// Why a store takes nothing of how it is reached, if so.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Etcd { .. } => None,
            Self::Embedded(_) | Self::Memory | Self::Kubernetes(_) => {
                Some("only a store etcd://... takes it")
            }
        }
    }
}

/// Reads the options of these names; where there is a refusal, none may be given.
pub(super) fn parse_by(
    settings: &mut Settings,
    names: &Names,
    refusal: Option<&str>,
) -> Result<StoreAccess, ConfigError> {
    let mut take = |name: &'static str| match (settings.take(name), refusal) {
        (Some(setting), Some(why)) => Err(ConfigError::at(&setting.place, why)),
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
            let why = format!("{} is given, too", names.variable);
            return Err(ConfigError::at(&file.place, why));
        }
        (Some(file), None) => Some((StorePassword::File(path(&file)?), file)),
        (None, Some(text)) => Some((StorePassword::Text(text.text.clone()), text)),
        (None, None) => None,
    };
    let (password, place) = password.unzip();
    Ok(StoreAccess {
        authorities: authorities.as_ref().map(path).transpose()?,
        certificate: match pair((certificate, names.certificate), (key, names.key))? {
            Some((certificate, key)) => Some((path(&certificate)?, path(&key)?)),
            None => None,
        },
        user: pair((user, names.user), (place, names.password_file))?
            .map(|(user, _)| user.text)
            .zip(password),
    })
}

/// Two that go together.
fn pair(
    (one, name): (Option<Setting>, &str),
    (other, its): (Option<Setting>, &str),
) -> Result<Option<(Setting, Setting)>, ConfigError> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        (Some(one), None) => Err(ConfigError::at(&one.place, format!("give --{its}, too"))),
        (None, Some(other)) => Err(ConfigError::at(&other.place, format!("give --{name}, too"))),
    }
}

pub(super) fn path(setting: &Setting) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(&setting.text);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => {
            let what = format!("cannot read {}: {error}", path.display());
            Err(ConfigError::at(&setting.place, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place;

    fn read(given: &[(&'static str, &str)]) -> Result<StoreAccess, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, Place::Flag(name));
        }
        let store = StoreUrl::Etcd {
            endpoints: vec!["a:1".to_owned()],
            prefix: "p".to_owned(),
        };
        parse(&mut settings, &store).map_err(|error| error.to_string())
    }

    #[test]
    fn what_goes_together_is_given_together() {
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
    fn other_stores_take_none_of_it() {
        let mut settings = Settings::default();
        settings.set("store-user", "me", Place::Flag("store-user"));
        let error = parse(&mut settings, &StoreUrl::Memory).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--store-user: only a store etcd://... takes it"
        );
    }
}
