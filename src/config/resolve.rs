//! From texts to what they mean.

use std::time::Duration;

use super::settings::{Place, Setting, Settings};
use super::{
    Config, ConfigError, Listen, Log, access, address, advertise, log, names, options, relay, store,
};

/// The most connections anybody may ask for.
const MOST_CONNECTIONS: u64 = 1_000_000;

/// The longest a lead may last, in seconds: so long nobody is served after a crash.
const LONGEST_LEAD: u64 = 300;

/// Makes a configuration of settings, and of defaults where there are none.
pub(super) fn resolve(settings: Settings) -> Result<Config, ConfigError> {
    let mut given = Given(settings);
    let store = store::parse(&given.or_default("store")?)?;
    let mut listen = listen(&mut given)?;
    let relay = given.or_default("relay")?;
    let relay_advertise;
    (listen.relay, relay_advertise) = relay::take(&mut given.0, &relay, &store)?;
    let config = Config {
        store_access: access::parse(&mut given.0, &store)?,
        store,
        listen,
        relay_advertise,
        etcd_advertise: match given.0.take("etcd-advertise") {
            Some(setting) => advertise::parse(&setting)?,
            None => Vec::new(),
        },
        node_name: match given.0.take("node-name") {
            Some(setting) => names::node(&setting)?,
            None => names::host(),
        },
        datacenter: names::datacenter(&given.or_default("datacenter")?)?,
        max_connections: usize::try_from(number(
            &given.or_default("max-connections")?,
            MOST_CONNECTIONS,
        )?)
        .unwrap_or(usize::MAX),
        lead_duration: Duration::from_secs(number(
            &given.or_default("lead-duration")?,
            LONGEST_LEAD,
        )?),
        log: Log {
            filter: log::filter(&given.or_default("log-level")?)?,
            format: log::format(&given.or_default("log-format")?)?,
        },
    };
    match given.0.left() {
        // An option that is read nowhere would be ignored; the tests set each one.
        Some(name) => Err(ConfigError(format!(
            "--{name}: not an option of this command"
        ))),
        None => Ok(config),
    }
}

fn listen(given: &mut Given) -> Result<Listen, ConfigError> {
    let zookeeper = given.or_default("zookeeper")?;
    if address::parse(&zookeeper)?.is_some() {
        return Err(ConfigError::at(
            &zookeeper.place,
            "this build has no ZooKeeper face",
        ));
    }
    let allow_plaintext = switch(&given.or_default("allow-plaintext")?)?;
    let mut port = |name| {
        let setting = given.or_default(name)?;
        let address = address::parse(&setting)?;
        if !allow_plaintext {
            address::need_loopback(address, &setting)?;
        }
        Ok(address)
    };
    Ok(Listen {
        consul: port("consul")?,
        etcd: port("etcd")?,
        admin: port("admin")?,
        relay: None,
    })
}

/// What was given.
struct Given(Settings);

impl Given {
    /// What an option was given, or its default.
    fn or_default(&mut self, name: &'static str) -> Result<Setting, ConfigError> {
        if let Some(setting) = self.0.take(name) {
            return Ok(setting);
        }
        let option =
            options::find(name).ok_or_else(|| ConfigError(format!("--{name}: no such option")))?;
        Ok(Setting {
            text: option.default.to_owned(),
            place: Place::Default(option.name),
        })
    }
}

fn switch(setting: &Setting) -> Result<bool, ConfigError> {
    match setting.text.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(ConfigError::at(
            &setting.place,
            format!("{other:?} is neither true nor false"),
        )),
    }
}

/// A number from 1 to the most there may be.
fn number(setting: &Setting, most: u64) -> Result<u64, ConfigError> {
    let number = setting.text.parse::<u64>().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| {
            let what = format!("{:?} is no number from 1 to {most}", setting.text);
            ConfigError::at(&setting.place, what)
        })
}

#[cfg(test)]
mod tests {
    use super::super::OPTIONS;
    use super::*;

    #[test]
    fn every_option_is_read() {
        for option in OPTIONS.iter().filter(|option| option.name != "config") {
            let mut settings = Settings::default();
            settings.set(option.name, "\u{1}", Place::Flag(option.name));
            let error = resolve(settings).unwrap_err().to_string();
            let place = format!("--{}: ", option.name);
            assert!(error.starts_with(&place), "{error}");
            assert!(!error.contains("not an option"), "{error}");
        }
    }

    #[test]
    fn defaults_are_loopback() {
        let config = resolve(Settings::default()).unwrap();
        let Listen {
            consul,
            etcd,
            admin,
            relay,
        } = config.listen;
        assert_eq!(relay, None);
        let ports = [consul, etcd, admin].map(|address| address.unwrap().to_string());
        assert_eq!(
            ports,
            ["127.0.0.1:8500", "127.0.0.1:2379", "127.0.0.1:9280"]
        );
        assert!(config.max_connections >= 20_000);
    }
}
