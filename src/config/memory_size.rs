//! Memory sizes: bytes, or a number with a unit such as `512MiB`.

use super::ConfigError;
use super::settings::Setting;

/// The least memory that a gateway runs in, in bytes.
const LEAST: u64 = 64 << 20;

/// Units, each with its bytes.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size of at least 64 MiB, in bytes; `None` for `auto`.
pub(super) fn parse(setting: &Setting) -> Result<Option<u64>, ConfigError> {
    let text = setting.text.trim();
    if text == "auto" {
        return Ok(None);
    }
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))
        .unwrap_or((text, 1));
    let number = number.trim_end().parse::<u64>().ok();
    let bytes = number.and_then(|number| number.checked_mul(unit));
    match bytes.filter(|bytes| *bytes >= LEAST) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(ConfigError::at(
            &setting.origin,
            format!("{text:?} is neither auto nor a size of at least 64MiB, such as 1GiB"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SettingOrigin;
    use super::*;

    fn read(text: &str) -> Result<Option<u64>, String> {
        let setting = Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("memory-limit"),
        };
        parse(&setting).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(read("auto"), Ok(None));
        assert_eq!(read("536870912"), Ok(Some(512 << 20)));
        assert_eq!(read("512MiB"), Ok(Some(512 << 20)));
        assert_eq!(read("65536 KiB"), Ok(Some(64 << 20)));
        assert_eq!(read("2GiB"), Ok(Some(2 << 30)));
        assert_eq!(read("1TiB"), Ok(Some(1 << 40)));
        for bad in [
            "",
            "0",
            "63MiB",
            "1GB",
            "-1",
            "1.5GiB",
            "99999999999TiB",
            "GiB",
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.starts_with("--memory-limit: "), "{error}");
        }
    }
}
