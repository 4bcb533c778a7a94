//! The server that `kubekv bench` puts under load: its URL and its credentials.

use std::ffi::OsString;

use super::super::access::{self, AccessOptions};
use super::super::settings::{Setting, SettingOrigin, Settings};
use super::super::{ConfigError, StorePassword};
use super::source::{self, SourceAccess, SourceUrl};

/// The options of the server under load: the flag without the dashes, the placeholder of its value, and the help text.
pub const BENCH_OPTIONS: [(&str, &str, &str); 6] = [
    (
        OPTIONS.authorities,
        "FILE",
        "The certificate authorities of the servers, in PEM. This option turns TLS on",
    ),
    (
        OPTIONS.certificate,
        "FILE",
        "The client certificate, in PEM",
    ),
    (OPTIONS.key, "FILE", "The key of --tls-cert, in PEM"),
    (
        OPTIONS.user,
        "NAME",
        "The user of etcd, or of ZooKeeper's digest scheme",
    ),
    (
        OPTIONS.password_file,
        "FILE",
        "The file whose first line is the password of --user. The variable KUBEKV_BENCH_PASSWORD can hold it instead",
    ),
    (
        TOKEN_FILE,
        "FILE",
        "The file whose first line is Consul's token. The variable KUBEKV_BENCH_TOKEN can hold it instead",
    ),
];

/// The setting of the URL, an argument of the command.
pub const BENCH_TARGET: &str = "TARGET";

const TOKEN_FILE: &str = "token-file";
const TOKEN: &str = "token";

const OPTIONS: AccessOptions = AccessOptions {
    authorities: "tls-ca",
    certificate: "tls-cert",
    key: "tls-key",
    user: "user",
    password_file: "password-file",
    password: "password",
    variable: "KUBEKV_BENCH_PASSWORD",
};

const FORMS: &str = "want consul://HOST:PORT, etcd2://HOST:PORT[,...], etcd3://HOST:PORT[,...] or zk://HOST:PORT[,...][/CHROOT]";

/// The server under load. Secrets may come from `environment`.
pub fn bench_target(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(SourceUrl, SourceAccess), ConfigError> {
    // An argument, not a flag: errors show its name as the help text does.
    let origin = SettingOrigin::Variable(BENCH_TARGET.to_owned());
    let Some(setting) = settings.take(BENCH_TARGET) else {
        return Err(ConfigError::at(&origin, FORMS));
    };
    let setting = Setting {
        origin: origin.clone(),
        ..setting
    };
    for (name, value) in environment {
        let option = match name.to_str() {
            // One that this target does not take was set for another target.
            Some("KUBEKV_BENCH_TOKEN") if setting.text.starts_with("consul:") => TOKEN,
            Some("KUBEKV_BENCH_PASSWORD") if !setting.text.starts_with("consul:") => {
                OPTIONS.password
            }
            _ => continue,
        };
        let origin = SettingOrigin::Variable(name.to_string_lossy().into_owned());
        settings.set(option, value.to_string_lossy(), origin);
    }
    let url = match source::parse(&setting) {
        Ok(SourceUrl::Store(_)) => return Err(ConfigError::at(&origin, FORMS)),
        Err(error) if error.to_string().contains("unknown source") => {
            return Err(ConfigError::at(&origin, FORMS));
        }
        url => url?,
    };
    let is_consul = matches!(url, SourceUrl::Consul(_));
    let token = match (settings.take(TOKEN_FILE), settings.take(TOKEN)) {
        (Some(file), _) if !is_consul => {
            let why = "only consul://... takes this option";
            return Err(ConfigError::at(&file.origin, why));
        }
        (Some(file), _) => Some(StorePassword::File(access::readable_path(&file)?)),
        (None, text) => text.map(|text| StorePassword::Text(text.text)),
    };
    let access = access::parse_with(settings, &OPTIONS, None)?;
    if is_consul && access.user.is_some() {
        let why = "Consul takes a token, not a user: give --token-file";
        return Err(ConfigError::at(&SettingOrigin::Flag(OPTIONS.user), why));
    }
    if access.certificate.is_some() && access.authorities.is_none() {
        let why = "give --tls-ca, too";
        return Err(ConfigError::at(
            &SettingOrigin::Flag(OPTIONS.certificate),
            why,
        ));
    }
    Ok((url, SourceAccess { access, token }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, given: &[(&'static str, &str)]) -> Result<SourceUrl, String> {
        let mut settings = Settings::default();
        settings.set(BENCH_TARGET, url, SettingOrigin::Flag(BENCH_TARGET));
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        bench_target(&mut settings, [])
            .map(|(url, _)| url)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_of_each_protocol_is_a_target_and_a_store_is_not() {
        let one = || vec!["a:1".to_owned()];
        assert_eq!(
            read("consul://a:1", &[]),
            Ok(SourceUrl::Consul("a:1".to_owned()))
        );
        assert_eq!(read("etcd2://a:1", &[]), Ok(SourceUrl::Etcd2(one())));
        assert_eq!(read("etcd3://a:1", &[]), Ok(SourceUrl::Etcd3(one())));
        for wrong in ["embedded:/a", "etcd://a:1/p", "memory:", "a:1", ""] {
            let error = read(wrong, &[]).unwrap_err();
            assert!(
                error.contains("consul://") || error.contains("memory"),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn credentials_that_the_server_does_not_take_are_refused() {
        let file = "/dev/null";
        for (url, option, want) in [
            ("etcd2://a:1", "token-file", "only consul://"),
            ("consul://a:1", "tls-key", "give --tls-cert, too"),
        ] {
            let error = read(url, &[(option, file)]).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
