//! Environment variables `KUBEKV_*`.

use std::ffi::OsString;

use super::settings::{SettingOrigin, Settings};
use super::{ConfigError, OPTIONS, access};

/// Variables that the client commands read, and that `kubekv serve` ignores.
const CLIENT: [&str; 11] = [
    "KUBEKV_ADDRESS",
    "KUBEKV_ADMIN_ADDRESS",
    "KUBEKV_BENCH_PASSWORD",
    "KUBEKV_BENCH_TOKEN",
    "KUBEKV_CLIENT_CA",
    "KUBEKV_CLIENT_CERT",
    "KUBEKV_CLIENT_KEY",
    "KUBEKV_CLIENT_TOKEN_FILE",
    "KUBEKV_FROM_PASSWORD",
    "KUBEKV_FROM_TOKEN",
    "KUBEKV_TO_PASSWORD",
];

/// Reads the options from the variables. A variable `KUBEKV_*` that is not an option is an error, unless Kubernetes set it
/// for a service called `kubekv`.
pub(super) fn read(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("KUBEKV_")) else {
            continue;
        };
        let origin = SettingOrigin::Variable(name.to_owned());
        if name == "KUBEKV_STORE_PASSWORD" {
            let text = value.to_string_lossy().into_owned();
            settings.set(access::PASSWORD, text, origin);
            continue;
        }
        let Some(option) = OPTIONS.iter().find(|option| option.variable() == name) else {
            if CLIENT.contains(&name) || is_service_link(name) {
                continue;
            }
            return Err(ConfigError::at(&origin, "no such option"));
        };
        let text = value
            .into_string()
            .map_err(|_| ConfigError::at(&origin, "not UTF-8"))?;
        settings.set(option.name, text, origin);
    }
    Ok(settings)
}

/// Whether Kubernetes gives every container a variable of this name where a service is called `kubekv` or
/// `kubekv-*`: `KUBEKV_SERVICE_HOST`, `KUBEKV_SERVICE_PORT_CONSUL`, `KUBEKV_PORT`, `KUBEKV_PORT_8500_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    let docker_style = |rest: &str| {
        let mut words = rest.split('_');
        let port = words
            .next()
            .is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()));
        let protocol = matches!(words.next(), Some("TCP" | "UDP" | "SCTP"));
        let what = matches!(words.next(), None | Some("PROTO" | "PORT" | "ADDR"));
        port && protocol && what && words.next().is_none()
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT")
        || name
            .match_indices("_PORT_")
            .any(|(at, found)| name.get(at + found.len()..).is_some_and(docker_style))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Settings, ConfigError> {
        read([(name.into(), value.into())])
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_it() {
        let error = read_one("KUBEKV_CONSULL", "off").unwrap_err();
        assert_eq!(error.to_string(), "KUBEKV_CONSULL: no such option");
    }

    #[test]
    fn service_links_of_kubernetes_are_ignored() {
        for name in [
            "KUBEKV_SERVICE_HOST",
            "KUBEKV_SERVICE_PORT",
            "KUBEKV_SERVICE_PORT_CONSUL",
            "KUBEKV_PORT",
            "KUBEKV_PORT_8500_TCP",
            "KUBEKV_PORT_8500_TCP_ADDR",
            "KUBEKV_ADMIN_PORT_9280_TCP_PROTO",
            "KUBEKV_ADDRESS",
            "PATH",
        ] {
            assert_eq!(read_one(name, "tcp://10.0.0.1:1"), Ok(Settings::default()));
        }
        assert!(read_one("KUBEKV_PORT_X_TCP", "").is_err());
    }
}
