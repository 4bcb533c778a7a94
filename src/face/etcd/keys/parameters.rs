//! Parameters of a request to `/v2/keys`, parsed and checked in etcd's order.

use std::time::Duration;

use axum::body::Bytes;
use http::Method;

use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::go::Form;
use crate::face::go::{parse_bool, parse_u64};
use crate::model::{Deadline, DirMark, Mark, Record, time};
use crate::space::Draft;

/// The last second at which a TTL may end, since 1970: etcd stores the end in 63 bits of nanoseconds. It lets a later
/// end wrap around; kubekv refuses it.
const LAST_SECOND: u64 = 9_223_372_036;

/// The parameters that are read.
const NAMES: [&str; 14] = [
    "dir",
    "noValueOnSuccess",
    "prevExist",
    "prevIndex",
    "prevValue",
    "quorum",
    "recursive",
    "refresh",
    "sorted",
    "stream",
    "ttl",
    "value",
    "wait",
    "waitIndex",
];

/// The parameters of a request, and its path. Unknown parameters are ignored, as in etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the protocol's")]
pub(super) struct Parameters {
    /// The node, without slashes at its ends; the root is empty.
    pub(super) path: String,
    /// `recursive`
    pub(super) recursive: bool,
    /// `wait`
    pub(super) wait: bool,
    /// `waitIndex`; 0 watches from now on.
    pub(super) wait_index: u64,
    /// `stream`
    pub(super) stream: bool,
    /// `dir`
    pub(super) dir: bool,
    /// `quorum`: changes no read, as each sees every acknowledged write; but `wait` is ignored with it.
    pub(super) quorum: bool,
    /// `prevExist`, where it is given.
    pub(super) prev_exist: Option<bool>,
    /// `prevIndex`; 0 is no condition.
    pub(super) prev_index: u64,
    /// `prevValue`; empty is no condition.
    pub(super) prev_value: Bytes,
    /// `refresh`
    pub(super) refresh: bool,
    /// `ttl`, where it is given and not empty, in seconds.
    pub(super) ttl: Option<u64>,
    /// `value`
    pub(super) value: Bytes,
    /// `noValueOnSuccess`
    pub(super) no_value_on_success: bool,
}

impl Parameters {
    /// Parses the parameters of a body and a query, and the path. `content_type` is empty where the request has none.
    pub(super) fn parse(
        key: &[u8],
        method: &Method,
        content_type: &[u8],
        body: &[u8],
        query: &[u8],
    ) -> Result<Self, V2Error> {
        let form = Form::parse_only(&NAMES, content_type, body, query)
            .map_err(|bad| V2Error::new(V2ErrorCode::InvalidForm, bad.to_string()))?;
        Self::of_form(key, method, &form)
    }

    /// Parses the parameters in etcd's order, so that of two errors the client gets the same one.
    fn of_form(key: &[u8], method: &Method, form: &Form) -> Result<Self, V2Error> {
        let prev_index = index(form, "prevIndex")?;
        let wait_index = index(form, "waitIndex")?;
        let quoted = |name: &str| flag(form, name, &format!("\"{name}\""));
        let recursive = quoted("recursive")?;
        // Lists are always sorted; etcd sorts them only where this is given.
        let _sorted = quoted("sorted")?;
        let wait = quoted("wait")?;
        let dir = quoted("dir")?;
        let quorum = quoted("quorum")?;
        let stream = quoted("stream")?;
        if wait && *method != Method::GET {
            let cause = r#""wait" can only be used with GET requests"#;
            return Err(V2Error::new(V2ErrorCode::InvalidField, cause));
        }
        let prev_value = form.get("prevValue");
        if prev_value.is_some_and(<[u8]>::is_empty) {
            let cause = r#""prevValue" cannot be empty"#;
            return Err(V2Error::new(V2ErrorCode::PrevValueRequired, cause));
        }
        let no_value_on_success = quoted("noValueOnSuccess")?;
        let ttl = ttl(form)?;
        let nullable = |name: &str| form.get(name).map(|_| flag(form, name, name)).transpose();
        let prev_exist = nullable("prevExist")?;
        let refresh = nullable("refresh")?.unwrap_or(false);
        let value = form.get("value").unwrap_or_default();
        if refresh && !value.is_empty() {
            let cause = "A value was provided on a refresh";
            return Err(V2Error::new(V2ErrorCode::RefreshValue, cause));
        }
        if refresh && ttl.is_none() {
            return Err(V2Error::new(
                V2ErrorCode::RefreshTtlRequired,
                "No TTL value set",
            ));
        }
        // Trees consist of text: a key that is no text could be written, but never be shown.
        let path = std::str::from_utf8(key)
            .map_err(|_| V2Error::new(V2ErrorCode::InvalidField, "the key is not valid UTF-8"))?;
        Ok(Self {
            path: path.to_owned(),
            recursive,
            wait,
            wait_index,
            stream,
            dir,
            quorum,
            prev_exist,
            prev_index,
            prev_value: Bytes::copy_from_slice(prev_value.unwrap_or_default()),
            refresh,
            ttl,
            value: Bytes::copy_from_slice(value),
            no_value_on_success,
        })
    }

    /// Whether the change is conditional on the node's index or value.
    pub(super) fn compares(&self) -> bool {
        self.prev_index > 0 || !self.prev_value.is_empty()
    }

    /// The end of the TTL, where there is one.
    pub(super) fn deadline(&self, draft: &Draft<'_>) -> Option<Deadline> {
        self.ttl
            .map(|seconds| draft.deadline_in(Duration::from_secs(seconds)))
    }

    /// Writes value, directory flag and TTL into a record. Attributes that etcd does not have (flags, a lock) stay.
    pub(super) fn fill(&self, draft: &Draft<'_>, record: &mut Record) {
        record.attrs.placed = Mark::ThisWrite;
        record.attrs.deadline = self.deadline(draft);
        if self.dir {
            record.attrs.dir = DirMark::Made;
            record.value = Bytes::new();
        } else {
            record.attrs.dir = DirMark::No;
            record.value = self.value.clone();
        }
    }
}

fn index(form: &Form, name: &str) -> Result<u64, V2Error> {
    let Some(text) = form.get(name) else {
        return Ok(0);
    };
    parse_u64(text).ok_or_else(|| {
        V2Error::new(
            V2ErrorCode::IndexNotANumber,
            format!("invalid value for \"{name}\""),
        )
    })
}

fn flag(form: &Form, name: &str, shown: &str) -> Result<bool, V2Error> {
    let Some(text) = form.get(name) else {
        return Ok(false);
    };
    parse_bool(text).ok_or_else(|| {
        V2Error::new(
            V2ErrorCode::InvalidField,
            format!("invalid value for {shown}"),
        )
    })
}

fn ttl(form: &Form) -> Result<Option<u64>, V2Error> {
    let text = form.get("ttl").unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let now = u64::try_from(time::unix_ms() / 1_000).unwrap_or_default();
    parse_u64(text)
        .filter(|seconds| *seconds <= LAST_SECOND.saturating_sub(now))
        .map(Some)
        .ok_or_else(|| V2Error::new(V2ErrorCode::TtlNotANumber, r#"invalid value for "ttl""#))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(method: &Method, query: &str) -> Result<Parameters, V2Error> {
        Parameters::parse(b"a", method, b"", b"", query.as_bytes())
    }

    #[test]
    fn of_two_errors_etcds_first_is_answered() {
        let bad = parse(&Method::PUT, "ttl=x&recursive=x&prevIndex=x").unwrap_err();
        assert_eq!(bad.cause, br#"invalid value for "prevIndex""#);
        let bad = parse(&Method::PUT, "refresh=x&prevExist=x").unwrap_err();
        assert_eq!(bad.cause, b"invalid value for prevExist");
    }

    #[test]
    fn ttl_that_etcd_could_not_store_is_refused() {
        assert_eq!(parse(&Method::PUT, "ttl=").unwrap().ttl, None);
        assert_eq!(
            parse(&Method::PUT, "ttl=7000000000").unwrap().ttl,
            Some(7_000_000_000)
        );
        for bad in ["9223372036", "18446744073709551615", "-1", "1.5"] {
            let error = parse(&Method::PUT, &format!("ttl={bad}")).unwrap_err();
            assert_eq!(error.code, V2ErrorCode::TtlNotANumber, "{bad}");
        }
    }

    #[test]
    fn every_parameter_that_is_read_is_named() {
        let query = NAMES.map(|name| match name {
            "prevIndex" | "waitIndex" | "ttl" => format!("{name}=7"),
            "value" | "prevValue" => format!("{name}=v"),
            "refresh" => format!("{name}=false"),
            flag => format!("{flag}=true"),
        });
        let expected = Parameters {
            path: "a".to_owned(),
            recursive: true,
            wait: true,
            wait_index: 7,
            stream: true,
            dir: true,
            quorum: true,
            prev_exist: Some(true),
            prev_index: 7,
            prev_value: Bytes::from_static(b"v"),
            refresh: false,
            ttl: Some(7),
            value: Bytes::from_static(b"v"),
            no_value_on_success: true,
        };
        let query = format!("other=1&{}&value=second", query.join("&"));
        assert_eq!(parse(&Method::GET, &query), Ok(expected));
    }

    proptest! {
        #[test]
        fn no_query_causes_a_panic(query in "[ -~]{0,60}") {
            let _parameters = parse(&Method::PUT, &query);
        }

        #[test]
        fn indexes_and_flags_are_parsed(prev: u64, wait: u64, dir: bool, recursive: bool) {
            let query = format!("prevIndex={prev}&waitIndex={wait}&dir={dir}&recursive={recursive}");
            let parameters = parse(&Method::GET, &query).unwrap();
            prop_assert_eq!(
                (parameters.prev_index, parameters.wait_index, parameters.dir, parameters.recursive),
                (prev, wait, dir, recursive)
            );
        }
    }
}
