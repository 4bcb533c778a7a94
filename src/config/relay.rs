//! Relay addresses: where the relay listens, and the address that other gateways use.

use std::net::SocketAddr;

use super::settings::{Setting, SettingOrigin, Settings};
use super::{ConfigError, StoreUrl, address};

/// The listen address of the relay, and the address that is advertised to other gateways of a shared store. Any listen
/// address is allowed, because the relay requires a client certificate. On a store of one gateway the relay is off, and a
/// relay option is an error.
pub(super) fn parse(
    settings: &mut Settings,
    listen: &Setting,
    store: &StoreUrl,
) -> Result<(Option<SocketAddr>, Option<String>), ConfigError> {
    let advertise = settings.take("relay-advertise");
    let given = !matches!(listen.origin, SettingOrigin::Default(_));
    let address = address::parse(listen)?;
    let advertised = advertise.as_ref().map(host_and_port).transpose()?;
    if !store.is_shared() {
        let requested = given.then_some(listen).filter(|_| address.is_some());
        return match requested.or(advertise.as_ref()) {
            Some(setting) => Err(ConfigError::at(
                &setting.origin,
                "only gateways that share a store relay connections: leave this option out, or use a store kubernetes: or etcd://",
            )),
            None => Ok((None, None)),
        };
    }
    match (address, advertised) {
        (Some(address), None) if address.ip().is_unspecified() => Err(ConfigError::at(
            &listen.origin,
            "the relay listens on every address: give the one that other gateways reach with --relay-advertise",
        )),
        found => Ok(found),
    }
}

/// Reads `HOST:PORT`.
fn host_and_port(setting: &Setting) -> Result<String, ConfigError> {
    let authority = setting.text.parse::<http::uri::Authority>().ok();
    let named = authority.filter(|authority| {
        let port = authority.port_u16().is_some_and(|port| port > 0);
        port && !authority.host().is_empty() && !setting.text.contains('@')
    });
    match named {
        Some(authority) => Ok(authority.to_string()),
        None => Err(ConfigError::at(&setting.origin, "want HOST:PORT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        listen: Option<&str>,
        advertise: Option<&str>,
        store: &StoreUrl,
    ) -> Result<(Option<SocketAddr>, Option<String>), String> {
        let mut settings = Settings::default();
        if let Some(text) = advertise {
            settings.set(
                "relay-advertise",
                text,
                SettingOrigin::Flag("relay-advertise"),
            );
        }
        let (text, origin) = match listen {
            Some(text) => (text, SettingOrigin::Flag("relay")),
            None => ("127.0.0.1:0", SettingOrigin::Default("relay")),
        };
        let text = text.to_owned();
        parse(&mut settings, &Setting { text, origin }, store).map_err(|error| error.to_string())
    }

    #[test]
    fn a_shared_store_has_a_relay_address() {
        let shared = StoreUrl::Kubernetes(None);
        let local = "127.0.0.1:0".parse().ok();
        assert_eq!(read(None, None, &shared), Ok((local, None)));
        assert_eq!(read(Some("off"), None, &shared), Ok((None, None)));
        let any = "0.0.0.0:9281".parse().ok();
        assert_eq!(
            read(Some("0.0.0.0:9281"), Some("10.0.0.1:9281"), &shared),
            Ok((any, Some("10.0.0.1:9281".to_owned())))
        );
        let error = read(Some("0.0.0.0:9281"), None, &shared).unwrap_err();
        assert!(
            error.starts_with("--relay: the relay listens on every address"),
            "{error}"
        );
        for bad in ["", "10.0.0.1", "10.0.0.1:0", "a@b:1", ":1"] {
            let error = read(None, Some(bad), &shared).unwrap_err();
            assert_eq!(error, "--relay-advertise: want HOST:PORT", "{bad}");
        }
    }

    #[test]
    fn a_store_of_one_gateway_refuses_relay_options() {
        assert_eq!(read(None, None, &StoreUrl::Memory), Ok((None, None)));
        assert_eq!(read(Some("off"), None, &StoreUrl::Memory), Ok((None, None)));
        assert!(read(Some("127.0.0.1:1"), None, &StoreUrl::Memory).is_err());
        assert!(read(None, Some("a:1"), &StoreUrl::Memory).is_err());
    }
}
