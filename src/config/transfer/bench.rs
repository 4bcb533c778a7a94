//! The server that `kubekv bench` puts under load: its URL and its credentials.

use std::ffi::OsString;

use super::super::access::{self, AccessOptions};
use super::super::settings::{Setting, SettingOrigin, Settings};
use super::super::{ConfigError, StorePassword, store};
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
        "The file whose first line is Consul's token, or the bearer token of an API server. The variable KUBEKV_BENCH_TOKEN can hold it instead",
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

const FORMS: &str = "want consul://HOST:PORT, etcd2://HOST:PORT[,...], etcd3://HOST:PORT[,...], zk://HOST:PORT[,...][/CHROOT] \
    or kube://HOST:PORT/NAMESPACE";

/// A server that can be put under load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BenchUrl {
    /// One that entries can be imported from, too.
    Source(SourceUrl),
    /// A Kubernetes API server, HOST:PORT, and the namespace of its objects.
    ApiServer(String, String),
}

/// The server under load. Secrets may come from `environment`.
pub fn bench_target(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(BenchUrl, SourceAccess), ConfigError> {
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
        let takes_token = ["consul:", "kube:"];
        let takes_token = takes_token.iter().any(|one| setting.text.starts_with(one));
        let option = match name.to_str() {
            // One that this target does not take was set for another target.
            Some("KUBEKV_BENCH_TOKEN") if takes_token => TOKEN,
            Some("KUBEKV_BENCH_PASSWORD") if !takes_token => OPTIONS.password,
            _ => continue,
        };
        let origin = SettingOrigin::Variable(name.to_string_lossy().into_owned());
        settings.set(option, value.to_string_lossy(), origin);
    }
    let url = parse(&setting, &origin)?;
    let (takes_token, is_encrypted) = match url {
        BenchUrl::Source(SourceUrl::Consul(_)) => (true, false),
        BenchUrl::ApiServer(..) => (true, true),
        BenchUrl::Source(_) => (false, false),
    };
    let token = match (settings.take(TOKEN_FILE), settings.take(TOKEN)) {
        (Some(file), _) if !takes_token => {
            let why = "only consul://... and kube://... take this option";
            return Err(ConfigError::at(&file.origin, why));
        }
        (Some(file), _) => Some(StorePassword::File(access::readable_path(&file)?)),
        (None, text) => text.map(|text| StorePassword::Text(text.text)),
    };
    let access = access::parse_with(settings, &OPTIONS, None)?;
    if takes_token && access.user.is_some() {
        let server = if is_encrypted { "Kubernetes" } else { "Consul" };
        let why = format!("{server} takes a token, not a user: give --token-file");
        return Err(ConfigError::at(&SettingOrigin::Flag(OPTIONS.user), why));
    }
    if access.certificate.is_some() && access.authorities.is_none() {
        let why = "give --tls-ca, too";
        return Err(ConfigError::at(
            &SettingOrigin::Flag(OPTIONS.certificate),
            why,
        ));
    }
    if is_encrypted && access.authorities.is_none() {
        let why = "an API server speaks TLS alone: give --tls-ca";
        return Err(ConfigError::at(&origin, why));
    }
    Ok((url, SourceAccess { access, token }))
}

fn parse(setting: &Setting, origin: &SettingOrigin) -> Result<BenchUrl, ConfigError> {
    let unknown = || ConfigError::at(origin, FORMS);
    if let Some(rest) = setting.text.strip_prefix("kube://") {
        let (server, namespace) = rest.split_once('/').ok_or_else(unknown)?;
        let is_name = |one: char| one.is_ascii_alphanumeric() || one == '-';
        let servers = store::parse_members(server).ok_or_else(unknown)?;
        return match servers.as_slice() {
            [one] if !namespace.is_empty() && namespace.chars().all(is_name) => {
                Ok(BenchUrl::ApiServer(one.clone(), namespace.to_owned()))
            }
            _ => Err(unknown()),
        };
    }
    match source::parse(setting) {
        Ok(SourceUrl::Store(_)) => Err(unknown()),
        Err(error) if error.to_string().contains("unknown source") => Err(unknown()),
        url => url.map(BenchUrl::Source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, given: &[(&'static str, &str)]) -> Result<BenchUrl, String> {
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
        let source = |url| Ok(BenchUrl::Source(url));
        assert_eq!(
            read("consul://a:1", &[]),
            source(SourceUrl::Consul("a:1".to_owned()))
        );
        assert_eq!(read("etcd2://a:1", &[]), source(SourceUrl::Etcd2(one())));
        assert_eq!(read("etcd3://a:1", &[]), source(SourceUrl::Etcd3(one())));
        assert_eq!(
            read("kube://a:1/n-1", &[("tls-ca", "/dev/null")]),
            Ok(BenchUrl::ApiServer("a:1".to_owned(), "n-1".to_owned()))
        );
        for wrong in [
            "embedded:/a",
            "etcd://a:1/p",
            "memory:",
            "a:1",
            "",
            "kube://a:1",
            "kube://a:1/n/m",
            "kube://a:1,b:1/n",
        ] {
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
            ("kube://a:1/n", "token-file", "give --tls-ca"),
        ] {
            let error = read(url, &[(option, file)]).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
