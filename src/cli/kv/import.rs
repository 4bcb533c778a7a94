//! `kubekv import`.

use std::ffi::OsString;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use super::export::Exported;
use super::{input, print};
use crate::cli::client::Target;
use crate::cli::exit::{Failure, USAGE};

/// The options of `kubekv import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// What kubekv export or consul kv export wrote: - for standard input, @FILE for a file, or the JSON itself
    #[arg(default_value = "-")]
    data: OsString,
    #[command(flatten)]
    target: Target,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self { data, target } = self;
        let entries = parse(&input::read(&data)?)?;
        let gateway = target.connect()?;
        let count = entries.len();
        for (done, Ready { key, flags, value }) in entries.into_iter().enumerate() {
            let flags = flags.to_string();
            let put = gateway.put(key.as_bytes(), &value, &[("flags", Some(&flags))]);
            put.map_err(|failure| Failure {
                line: failure
                    .line
                    .map(|line| format!("{line} (imported {done} of {count} entries before)")),
                ..failure
            })?;
            print::bytes(format!("Imported: {key}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// An entry to be written.
#[derive(Debug)]
struct Ready {
    key: String,
    flags: u64,
    value: Vec<u8>,
}

/// Reads all of it before anything is written.
fn parse(data: &[u8]) -> Result<Vec<Ready>, Failure> {
    let wrong = |what: String| Failure::new(USAGE, format!("the data is no export: {what}"));
    let entries: Vec<Exported> =
        serde_json::from_slice(data).map_err(|error| wrong(error.to_string()))?;
    let ready = entries.into_iter().map(|entry| {
        let Exported {
            key,
            flags,
            value,
            namespace,
            partition,
        } = entry;
        let default = |name: &str| matches!(name, "" | "default");
        if !default(&namespace) || !default(&partition) {
            return Err(wrong(format!("{key}: there are no namespaces here")));
        }
        if key.trim_start_matches('/').is_empty() {
            return Err(wrong("an entry has no key".to_owned()));
        }
        let value = STANDARD.decode(value);
        let value = value.map_err(|error| wrong(format!("{key}: {error}")))?;
        Ok(Ready { key, flags, value })
    });
    ready.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_export_is_refused_before_anything_is_written() {
        for data in [
            &b"{}"[..],
            b"[{}]",
            br#"[{"key":"a","flags":-1,"value":""}]"#,
            br#"[{"key":"a","flags":0,"value":"*"}]"#,
            br#"[{"key":"","flags":0,"value":""}]"#,
            br#"[{"key":"a","flags":0,"value":"","namespace":"n"}]"#,
            b"\xff",
        ] {
            assert_eq!(parse(data).unwrap_err().code, USAGE);
        }
        let good =
            br#"[{"key":"a","flags":18446744073709551615,"value":"/w==","namespace":"default"}]"#;
        let entries = parse(good).unwrap();
        assert_eq!(
            (entries[0].flags, &entries[0].value[..]),
            (u64::MAX, &b"\xff"[..])
        );
    }
}
