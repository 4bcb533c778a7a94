//! Directories beneath which equal writes are renewals (`--renew-under`).

use super::ConfigError;
use super::settings::Setting;

/// Reads `PATH[,PATH...]`, each a directory without slashes at its ends, `*/` before which stands for any path; nothing, or
/// `off`, for none.
pub(super) fn parse(setting: &Setting) -> Result<Vec<String>, ConfigError> {
    let text = setting.text.trim();
    if text.is_empty() || text == "off" {
        return Ok(Vec::new());
    }
    let paths = text.split(',').map(|path| path.trim().trim_matches('/'));
    paths
        .map(|path| {
            let is_segment = |segment: &str| {
                !segment.is_empty() && segment != "*" && !segment.contains(is_control)
            };
            let named = path.strip_prefix("*/").unwrap_or(path);
            let is_path = named.split('/').all(is_segment);
            is_path.then(|| path.to_owned()).ok_or_else(|| {
                let what = format!("{path:?} is not a directory of entries, such as docker/nodes");
                ConfigError::at(&setting.origin, what)
            })
        })
        .collect()
}

fn is_control(letter: char) -> bool {
    letter.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn read(text: &str) -> Result<Vec<String>, ConfigError> {
        parse(&Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("renew-under"),
        })
    }

    #[test]
    fn directories_are_paths_without_slashes_at_their_ends() {
        assert_eq!(
            read("docker/nodes, /swarm/docker/nodes/,*/docker/nodes").unwrap(),
            ["docker/nodes", "swarm/docker/nodes", "*/docker/nodes"]
        );
        for off in ["", " ", "off"] {
            assert!(read(off).unwrap().is_empty(), "{off:?}");
        }
        for bad in ["a,", "/", "a//b", "a\nb", "*", "*/", "a/*", "*/*/a"] {
            let error = read(bad).map(|_| ()).unwrap_err().to_string();
            assert!(error.starts_with("--renew-under: "), "{bad:?}: {error}");
        }
    }
}
