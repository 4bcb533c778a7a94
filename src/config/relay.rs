//! Where other gateways reach this one.

use std::net::SocketAddr;

use super::settings::{Place, Setting, Settings};
use super::{ConfigError, StoreUrl, address};

/// Where the relay listens, and what others are told, for a store that others use as well. Any address will do: it
/// asks for a certificate. For a store of one gateway the relay is off, and asking for it is a mistake.
pub(super) fn take(
    settings: &mut Settings,
    listen: &Setting,
    store: &StoreUrl,
) -> Result<(Option<SocketAddr>, Option<String>), ConfigError> {
    let advertise = settings.take("relay-advertise");
    let given = !matches!(listen.place, Place::Default(_));
    let address = address::parse(listen)?;
    let advertised = advertise.as_ref().map(host_and_port).transpose()?;
    if !store.is_shared() {
        let asked = given.then_some(listen).filter(|_| address.is_some());
        return match asked.or(advertise.as_ref()) {
            Some(setting) => Err(ConfigError::at(
                &setting.place,
                "only gateways that share a store relay connections",
            )),
            None => Ok((None, None)),
        };
    }
    match (address, advertised) {
        (Some(address), None) if address.ip().is_unspecified() => Err(ConfigError::at(
            &listen.place,
            "every address of this machine: say with --relay-advertise which one others reach",
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
        None => Err(ConfigError::at(&setting.place, "want HOST:PORT")),
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
            settings.set("relay-advertise", text, Place::Flag("relay-advertise"));
        }
        let (text, place) = match listen {
            Some(text) => (text, Place::Flag("relay")),
            None => ("127.0.0.1:0", Place::Default("relay")),
        };
        let text = text.to_owned();
        take(&mut settings, &Setting { text, place }, store).map_err(|error| error.to_string())
    }

    #[test]
    fn gateways_that_share_a_store_can_be_reached() {
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
        assert!(error.starts_with("--relay: every address"), "{error}");
        for bad in ["", "10.0.0.1", "10.0.0.1:0", "a@b:1", ":1"] {
            let error = read(None, Some(bad), &shared).unwrap_err();
            assert_eq!(error, "--relay-advertise: want HOST:PORT", "{bad}");
        }
    }

    #[test]
    fn one_alone_relays_nothing() {
        assert_eq!(read(None, None, &StoreUrl::Memory), Ok((None, None)));
        assert_eq!(read(Some("off"), None, &StoreUrl::Memory), Ok((None, None)));
        assert!(read(Some("127.0.0.1:1"), None, &StoreUrl::Memory).is_err());
        assert!(read(None, Some("a:1"), &StoreUrl::Memory).is_err());
    }
}
