//! TLS options: of all faces (`--tls-*`), and of one face (`--consul-tls-*`), which go before.

use std::path::PathBuf;

use super::ConfigError;
use super::access::{readable_path, require_both};
use super::settings::{Setting, Settings};

/// The TLS of each face that has clients; `None` for plaintext.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Of Consul's HTTP API.
    pub consul: Option<TlsOptions>,
    /// Of etcd's API.
    pub etcd: Option<TlsOptions>,
    /// Of ZooKeeper's protocol.
    pub zookeeper: Option<TlsOptions>,
    /// Of the admin port.
    pub admin: Option<TlsOptions>,
}

/// The TLS of one face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The certificate with its chain, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Whose certificates clients may show; `None` where none is asked for.
    pub clients: Option<ClientTlsOptions>,
}

/// How clients are recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTlsOptions {
    /// Their authorities, in PEM.
    pub authorities: PathBuf,
    /// Lists of revoked certificates, in PEM or DER.
    pub revoked: Vec<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// The names of one set of options.
struct TlsNames {
    certificate: &'static str,
    key: &'static str,
    authorities: &'static str,
    auth: &'static str,
    revoked: &'static str,
}

const COMMON: TlsNames = TlsNames {
    certificate: "tls-cert",
    key: "tls-key",
    authorities: "tls-client-ca",
    auth: "tls-client-auth",
    revoked: "tls-crl",
};

const CONSUL: TlsNames = TlsNames {
    certificate: "consul-tls-cert",
    key: "consul-tls-key",
    authorities: "consul-tls-client-ca",
    auth: "consul-tls-client-auth",
    revoked: "consul-tls-crl",
};

const ETCD: TlsNames = TlsNames {
    certificate: "etcd-tls-cert",
    key: "etcd-tls-key",
    authorities: "etcd-tls-client-ca",
    auth: "etcd-tls-client-auth",
    revoked: "etcd-tls-crl",
};

const ZOOKEEPER: TlsNames = TlsNames {
    certificate: "zookeeper-tls-cert",
    key: "zookeeper-tls-key",
    authorities: "zookeeper-tls-client-ca",
    auth: "zookeeper-tls-client-auth",
    revoked: "zookeeper-tls-crl",
};

const ADMIN: TlsNames = TlsNames {
    certificate: "admin-tls-cert",
    key: "admin-tls-key",
    authorities: "admin-tls-client-ca",
    auth: "admin-tls-client-auth",
    revoked: "admin-tls-crl",
};

/// What turns an option of all faces off for one.
const OFF: &str = "off";

/// Reads the options of all faces and of each.
pub(super) fn parse(settings: &mut Settings) -> Result<TlsConfig, ConfigError> {
    let common = GivenTls::take(settings, &COMMON)?;
    let mut face = |names| GivenTls::take(settings, names)?.resolve(&common, names);
    let config = TlsConfig {
        consul: face(&CONSUL)?,
        etcd: face(&ETCD)?,
        zookeeper: face(&ZOOKEEPER)?,
        admin: face(&ADMIN)?,
    };
    let of_clients = [&common.authorities, &common.auth, &common.revoked];
    match of_clients.into_iter().flatten().next() {
        Some(unused) if config == TlsConfig::default() => Err(no_certificate(unused)),
        Some(_) | None => Ok(config),
    }
}

/// The options of one set that were given.
struct GivenTls {
    /// The certificate and its key.
    pair: Option<(PathBuf, PathBuf)>,
    /// Whether `off` stands for the certificate.
    is_off: bool,
    authorities: Option<Setting>,
    auth: Option<Setting>,
    revoked: Option<Setting>,
}

impl GivenTls {
    fn take(settings: &mut Settings, names: &TlsNames) -> Result<Self, ConfigError> {
        let mut certificate = settings.take(names.certificate);
        let key = settings.take(names.key);
        let off = certificate.take_if(|certificate| certificate.text == OFF);
        if let (Some(_), Some(key)) = (&off, &key) {
            let what = format!("--{} is {OFF}: leave this option out", names.certificate);
            return Err(ConfigError::at(&key.origin, what));
        }
        let pair = require_both((certificate, names.certificate), (key, names.key))?;
        let pair = pair.map(|(certificate, key)| {
            Ok::<_, ConfigError>((readable_path(&certificate)?, readable_path(&key)?))
        });
        let given = Self {
            pair: pair.transpose()?,
            is_off: off.is_some(),
            authorities: settings.take(names.authorities),
            auth: settings.take(names.auth),
            revoked: settings.take(names.revoked),
        };
        given.auth.as_ref().map(mode).transpose()?;
        Ok(given)
    }

    /// The TLS of a face, of its own options and those of all faces.
    fn resolve(self, common: &Self, names: &TlsNames) -> Result<Option<TlsOptions>, ConfigError> {
        let own = [&self.authorities, &self.auth, &self.revoked];
        let own = own.into_iter().flatten().next();
        let pair = if self.is_off {
            None
        } else {
            self.pair.as_ref().or(common.pair.as_ref()).cloned()
        };
        let Some((certificate, key)) = pair else {
            return match own {
                Some(unused) if self.is_off => {
                    let what = format!("--{} is {OFF}: leave this option out", names.certificate);
                    Err(ConfigError::at(&unused.origin, what))
                }
                Some(unused) => Err(no_certificate(unused)),
                None => Ok(None),
            };
        };
        Ok(Some(TlsOptions {
            certificate,
            key,
            clients: self.clients(common, names)?,
        }))
    }

    fn clients(
        &self,
        common: &Self,
        names: &TlsNames,
    ) -> Result<Option<ClientTlsOptions>, ConfigError> {
        let authorities = self.authorities.as_ref().or(common.authorities.as_ref());
        let authorities = authorities.filter(|setting| setting.text != OFF);
        let auth = self.auth.as_ref().or(common.auth.as_ref());
        let mode = match auth {
            Some(setting) => mode(setting)?,
            None if authorities.is_some() => ClientAuthMode::Required,
            None => ClientAuthMode::Off,
        };
        let own_list = self.revoked.as_ref().filter(|setting| setting.text != OFF);
        let (authorities, required) = match (mode, authorities, auth) {
            (ClientAuthMode::Off, ..) => {
                return match own_list {
                    Some(unused) => Err(no_authority(unused, names)),
                    None => Ok(None),
                };
            }
            (_, None, Some(auth)) => return Err(no_authority(auth, names)),
            (_, None, None) => return Ok(None),
            (mode, Some(authorities), _) => (authorities, mode == ClientAuthMode::Required),
        };
        let revoked = self.revoked.as_ref().or(common.revoked.as_ref());
        Ok(Some(ClientTlsOptions {
            authorities: readable_path(authorities)?,
            revoked: match revoked {
                Some(setting) if setting.text != OFF => paths(setting)?,
                Some(_) | None => Vec::new(),
            },
            required,
        }))
    }
}

/// Whether clients present a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientAuthMode {
    Off,
    Optional,
    Required,
}

fn mode(setting: &Setting) -> Result<ClientAuthMode, ConfigError> {
    match setting.text.as_str() {
        OFF => Ok(ClientAuthMode::Off),
        "optional" => Ok(ClientAuthMode::Optional),
        "required" => Ok(ClientAuthMode::Required),
        other => {
            let what = format!("{other:?} is neither off, optional nor required");
            Err(ConfigError::at(&setting.origin, what))
        }
    }
}

/// Files that can be opened, with commas between them.
fn paths(setting: &Setting) -> Result<Vec<PathBuf>, ConfigError> {
    let one = |text: &str| {
        readable_path(&Setting {
            text: text.trim().to_owned(),
            origin: setting.origin.clone(),
        })
    };
    setting.text.split(',').map(one).collect()
}

fn no_certificate(setting: &Setting) -> ConfigError {
    let what = "without a certificate there is no TLS: give --tls-cert and --tls-key, too";
    ConfigError::at(&setting.origin, what)
}

fn no_authority(setting: &Setting, names: &TlsNames) -> ConfigError {
    let what = format!(
        "clients show no certificate there: give --{} or --{}, too",
        COMMON.authorities, names.authorities
    );
    ConfigError::at(&setting.origin, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    /// A file that can be opened.
    const FILE: &str = "/dev/null";

    fn read(given: &[(&'static str, &str)]) -> Result<TlsConfig, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        parse(&mut settings).map_err(|error| error.to_string())
    }

    #[test]
    fn one_certificate_serves_all_faces_but_those_with_their_own() {
        assert_eq!(read(&[]), Ok(TlsConfig::default()));
        let config = read(&[
            ("tls-cert", FILE),
            ("tls-key", FILE),
            ("consul-tls-cert", "/dev/zero"),
            ("consul-tls-key", FILE),
            ("admin-tls-cert", OFF),
        ])
        .unwrap();
        let certificate = |face: Option<TlsOptions>| face.map(|face| face.certificate);
        assert_eq!(certificate(config.consul), Some("/dev/zero".into()));
        assert_eq!(certificate(config.etcd), Some(FILE.into()));
        assert_eq!(certificate(config.zookeeper), Some(FILE.into()));
        assert_eq!(config.admin, None);
    }

    #[test]
    fn authorities_make_certificates_of_clients_required_unless_told_otherwise() {
        let pair = [("tls-cert", FILE), ("tls-key", FILE)];
        let clients = |more: &[(&'static str, &str)]| {
            let config = read(&[&pair, more].concat()).unwrap();
            let required = |face: Option<TlsOptions>| Some(face?.clients?.required);
            (required(config.consul), required(config.etcd))
        };
        let ca = ("tls-client-ca", FILE);
        assert_eq!(clients(&[]), (None, None));
        assert_eq!(clients(&[ca]), (Some(true), Some(true)));
        let auth = ("tls-client-auth", "optional");
        assert_eq!(clients(&[ca, auth]), (Some(false), Some(false)));
        let auth = ("etcd-tls-client-auth", OFF);
        assert_eq!(clients(&[ca, auth]), (Some(true), None));
        let ca_off = ("etcd-tls-client-ca", OFF);
        assert_eq!(clients(&[ca, ca_off]), (Some(true), None));
        let list = ("tls-crl", "/dev/null, /dev/zero");
        let config = read(&[&pair[..], &[ca, list, ("etcd-tls-crl", OFF)]].concat()).unwrap();
        let lists = |face: Option<TlsOptions>| face.unwrap().clients.unwrap().revoked.len();
        assert_eq!((lists(config.consul), lists(config.etcd)), (2, 0));
    }

    #[test]
    fn an_incomplete_set_is_refused_by_name() {
        let no_pair = "without a certificate there is no TLS: give --tls-cert and --tls-key, too";
        for (given, want) in [
            (&[("tls-cert", FILE)][..], "--tls-cert: give --tls-key, too".to_owned()),
            (&[("tls-key", FILE)], "--tls-key: give --tls-cert, too".to_owned()),
            (
                &[("etcd-tls-cert", FILE)],
                "--etcd-tls-cert: give --etcd-tls-key, too".to_owned(),
            ),
            (&[("tls-client-ca", FILE)], format!("--tls-client-ca: {no_pair}")),
            (&[("tls-crl", FILE)], format!("--tls-crl: {no_pair}")),
            (
                &[("admin-tls-client-auth", "required")],
                format!("--admin-tls-client-auth: {no_pair}"),
            ),
            (
                &[("consul-tls-cert", OFF), ("consul-tls-key", FILE)],
                "--consul-tls-key: --consul-tls-cert is off: leave this option out".to_owned(),
            ),
            (
                &[("consul-tls-cert", OFF), ("consul-tls-crl", FILE)],
                "--consul-tls-crl: --consul-tls-cert is off: leave this option out".to_owned(),
            ),
            (
                &[("tls-cert", FILE), ("tls-key", FILE), ("tls-client-auth", "required")],
                "--tls-client-auth: clients show no certificate there: give --tls-client-ca or --consul-tls-client-ca, too"
                    .to_owned(),
            ),
            (
                &[("tls-cert", FILE), ("tls-key", FILE), ("etcd-tls-crl", FILE)],
                "--etcd-tls-crl: clients show no certificate there: give --tls-client-ca or --etcd-tls-client-ca, too"
                    .to_owned(),
            ),
            (
                &[("tls-client-auth", "yes")],
                "--tls-client-auth: \"yes\" is neither off, optional nor required".to_owned(),
            ),
        ] {
            assert_eq!(read(given), Err(want));
        }
        let missing = read(&[("tls-cert", "/nowhere"), ("tls-key", FILE)]).unwrap_err();
        assert!(
            missing.starts_with("--tls-cert: cannot read /nowhere: "),
            "{missing}"
        );
    }
}
