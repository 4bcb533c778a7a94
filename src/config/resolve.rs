//! Resolution of settings: texts and defaults become a `Config`, or one error.

use std::time::Duration;

use super::settings::{Setting, SettingOrigin, Settings};
use super::{
    Config, ConfigError, ConnectionsPerAddress, Listen, LogConfig, TlsConfig, access, address,
    advertise, audit, directories, guard, hosts, log, memory_size, names, options, policy, relay,
    store, tls, zookeeper,
};

/// The upper limit of `max-connections`.
const MAX_CONNECTIONS: u64 = 1_000_000;

/// The upper limit of `lead-duration`, in seconds. After a crash of the leader clients wait this long.
const MAX_LEAD_DURATION: u64 = 300;

/// Makes a configuration of the settings, with defaults for the rest.
pub(super) fn resolve(settings: Settings) -> Result<Config, ConfigError> {
    let mut given = GivenSettings(settings);
    let store = store::parse(&given.or_default("store")?)?;
    let tls = tls::parse(&mut given.0)?;
    let mut listen = listen(&mut given, &tls)?;
    let relay = given.or_default("relay")?;
    let relay_advertise;
    (listen.relay, relay_advertise) = relay::parse(&mut given.0, &relay, &store)?;
    let config = Config {
        store_access: access::parse(&mut given.0, &store)?,
        policy: policy::parse(&mut given.0, &store)?,
        store,
        listen,
        tls,
        guard: guard::parse(&given.or_default("guard")?)?,
        relay_advertise,
        etcd_advertise: given.or_empty("etcd-advertise", advertise::parse)?,
        node_name: match given.0.take("node-name") {
            Some(setting) => names::node(&setting)?,
            None => names::host(),
        },
        datacenter: names::datacenter(&given.or_default("datacenter")?)?,
        hosts: given.or_empty("host", hosts::parse)?,
        max_connections: connections(&given.or_default("max-connections")?)?,
        connections_per_address: connections_per_address(&mut given)?,
        connections_per_identity: count_or_none(&given.or_default("connections-per-identity")?)?,
        memory_limit: memory_size::parse(&given.or_default("memory-limit")?)?,
        lead_duration: Duration::from_secs(number(
            &given.or_default("lead-duration")?,
            MAX_LEAD_DURATION,
        )?),
        renew_under: directories::parse(&given.or_default("renew-under")?)?,
        zookeeper_words: zookeeper::words(&given.or_default("zookeeper-words")?)?,
        zookeeper_docker: zookeeper::docker(&given.or_default("zookeeper-docker")?)?,
        zookeeper_super: match given.0.take("zookeeper-super") {
            Some(setting) => Some(zookeeper::super_digest(&setting)?),
            None => None,
        },
        audit: audit::parse(&mut given.0, switch)?,
        log: LogConfig {
            filter: log::filter(&given.or_default("log-level")?)?,
            format: log::format(&given.or_default("log-format")?)?,
        },
    };
    match given.0.first_unused() {
        // An option that no line above reads would be ignored; the tests set each option.
        Some(name) => Err(ConfigError(format!(
            "--{name}: not an option of this command"
        ))),
        None => Ok(config),
    }
}

fn connections(setting: &Setting) -> Result<usize, ConfigError> {
    let most = number(setting, MAX_CONNECTIONS)?;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn connections_per_address(
    given: &mut GivenSettings,
) -> Result<ConnectionsPerAddress, ConfigError> {
    Ok(ConnectionsPerAddress {
        consul: count_or_none(&given.or_default("consul-connections-per-address")?)?,
        etcd: count_or_none(&given.or_default("etcd-connections-per-address")?)?,
        zookeeper: count_or_none(&given.or_default("zookeeper-connections-per-address")?)?,
    })
}

fn listen(given: &mut GivenSettings, tls: &TlsConfig) -> Result<Listen, ConfigError> {
    let allow_plaintext = switch(&given.or_default("allow-plaintext")?)?;
    let mut port = |name, has_tls: bool| {
        let setting = given.or_default(name)?;
        let address = address::parse(&setting)?;
        if !has_tls && !allow_plaintext {
            address::require_loopback(address, &setting)?;
        }
        Ok(address)
    };
    Ok(Listen {
        consul: port("consul", tls.consul.is_some())?,
        etcd: port("etcd", tls.etcd.is_some())?,
        zookeeper: port("zookeeper", tls.zookeeper.is_some())?,
        admin: port("admin", tls.admin.is_some())?,
        relay: None,
    })
}

/// The settings that were given.
struct GivenSettings(Settings);

impl GivenSettings {
    /// What an option that has no default lists; nothing where it is not given.
    fn or_empty<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Setting) -> Result<Vec<T>, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        match self.0.take(name) {
            Some(setting) => parse(&setting),
            None => Ok(Vec::new()),
        }
    }

    /// The setting of an option, or its default.
    fn or_default(&mut self, name: &'static str) -> Result<Setting, ConfigError> {
        if let Some(setting) = self.0.take(name) {
            return Ok(setting);
        }
        let option =
            options::find(name).ok_or_else(|| ConfigError(format!("--{name}: no such option")))?;
        Ok(Setting {
            text: option.default.to_owned(),
            origin: SettingOrigin::Default(option.name),
        })
    }
}

fn switch(setting: &Setting) -> Result<bool, ConfigError> {
    match setting.text.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(ConfigError::at(
            &setting.origin,
            format!("{other:?} is neither true nor false"),
        )),
    }
}

/// A number of connections; `None` for 0.
fn count_or_none(setting: &Setting) -> Result<Option<usize>, ConfigError> {
    let count = setting.text.parse::<usize>().ok();
    let most = usize::try_from(MAX_CONNECTIONS).unwrap_or(usize::MAX);
    let count = count.filter(|count| *count <= most).ok_or_else(|| {
        let what = format!("{:?} is not a number from 0 to {most}", setting.text);
        ConfigError::at(&setting.origin, what)
    })?;
    Ok((count > 0).then_some(count))
}

/// A number from 1 to `max`.
fn number(setting: &Setting, max: u64) -> Result<u64, ConfigError> {
    let number = setting.text.parse::<u64>().ok();
    number
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| {
            let what = format!("{:?} is not a number from 1 to {max}", setting.text);
            ConfigError::at(&setting.origin, what)
        })
}

#[cfg(test)]
mod tests {
    use super::super::OPTIONS;
    use super::*;

    #[test]
    fn every_option_of_the_table_is_read() {
        for option in OPTIONS.iter().filter(|option| option.name != "config") {
            let mut settings = Settings::default();
            settings.set(option.name, "\u{1}", SettingOrigin::Flag(option.name));
            let error = resolve(settings).unwrap_err().to_string();
            let origin = format!("--{}: ", option.name);
            assert!(error.starts_with(&origin), "{error}");
            assert!(!error.contains("not an option"), "{error}");
        }
    }

    #[test]
    fn default_addresses_are_loopback() {
        let config = resolve(Settings::default()).unwrap();
        let Listen {
            consul,
            etcd,
            zookeeper,
            admin,
            relay,
        } = config.listen;
        assert_eq!((relay, zookeeper), (None, None));
        let ports = [consul, etcd, admin].map(|address| address.unwrap().to_string());
        assert_eq!(
            ports,
            ["127.0.0.1:8500", "127.0.0.1:2379", "127.0.0.1:9280"]
        );
        assert!(config.max_connections >= 20_000);
    }
}
