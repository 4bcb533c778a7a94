//! `--to`: the URL of a target store, and its credentials.

use std::ffi::OsString;

use super::super::settings::{SettingOrigin, Settings};
use super::super::{ConfigError, StoreAccess, StoreUrl, access, store};
use super::options::{TO, TO_OPTIONS};

/// The target store, if `--to` is given. The password may come from `environment`.
pub fn target(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Option<(StoreUrl, StoreAccess)>, ConfigError> {
    let Some(setting) = settings.take(TO) else {
        access::refuse(settings, &TO_OPTIONS, "needs --to")?;
        return Ok(None);
    };
    let url = store::parse(&setting)?;
    if url == StoreUrl::Memory {
        let why = "memory: would be lost when the command ends";
        return Err(ConfigError::at(&setting.origin, why));
    }
    let password = environment
        .into_iter()
        .find(|(name, _)| name == TO_OPTIONS.variable);
    if let (Some((_, value)), None) = (password, url.credentials_refusal()) {
        let origin = SettingOrigin::Variable(TO_OPTIONS.variable.to_owned());
        settings.set(TO_OPTIONS.password, value.to_string_lossy(), origin);
    }
    let access = access::parse_with(settings, &TO_OPTIONS, url.credentials_refusal())?;
    Ok(Some((url, access)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_memory_nor_zookeeper_is_a_target() {
        let mut settings = Settings::default();
        settings.set("to", "memory:", SettingOrigin::Flag("to"));
        let error = target(&mut settings, []).unwrap_err().to_string();
        assert_eq!(error, "--to: memory: would be lost when the command ends");
        let mut settings = Settings::default();
        settings.set("to", "zk://a:1/kv", SettingOrigin::Flag("to"));
        let error = target(&mut settings, []).unwrap_err().to_string();
        assert_eq!(
            error,
            "--to: zk: ZooKeeper is not a store of kubekv; import and export can read it, with --from"
        );
    }
}
