//! Definition of a new session: the fields of its body, validated as Consul does.

use super::body::{ServiceCheck, SessionBody};
use super::lease::Session;
use crate::face::consul::gateway_node::SERF_CHECK;
use crate::face::go::json_writer::{JsonObject, push_array, push_strings};
use crate::face::go::{format_duration, parse_duration};
use crate::model::LeaseEnd;

/// The shortest TTL, in nanoseconds. Consul's default is 10 s; libkv asks for less.
const TTL_MIN: i64 = 100_000_000;
/// The longest TTL, in nanoseconds (Consul's `SessionTTLMax`).
const TTL_MAX: i64 = 86_400_000_000_000;

/// Reason why a session cannot be created, in Consul's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SessionError {
    /// The body cannot be decoded.
    #[error("Request decode failed: {0}")]
    Decode(String),
    /// A field has a value that Consul refuses.
    #[error("{0}")]
    Invalid(String),
}

/// The shortest TTL, as Consul formats it.
pub(in crate::face::consul) fn min_ttl() -> String {
    format_duration(TTL_MIN)
}

/// Parses and validates a body, for a node of this name. An empty body defines a session of the defaults.
pub(super) fn parse(body: &[u8], node: &str) -> Result<Session, SessionError> {
    let mut body = SessionBody::parse(body, node).map_err(SessionError::Decode)?;
    merge_checks(&mut body);
    validate(body, node).map_err(SessionError::Invalid)
}

/// Merges the two fields for checks as Consul does: the deprecated one wins where both are given.
fn merge_checks(body: &mut SessionBody) {
    let empty = |checks: &Option<Vec<String>>| checks.as_ref().is_none_or(Vec::is_empty);
    if empty(&body.checks) {
        body.node_checks = Some(Vec::new());
    } else if body.checks.as_deref() == Some(&[SERF_CHECK.to_owned()]) || empty(&body.node_checks) {
        body.checks = None;
    }
}

fn validate(body: SessionBody, node: &str) -> Result<Session, String> {
    if body.node.is_empty() {
        return Err("Must provide Node".to_owned());
    }
    let behavior = match body.behavior.as_str() {
        "" | "release" => LeaseEnd::Release,
        "delete" => LeaseEnd::Delete,
        other => return Err(format!("Invalid Behavior setting '{other}'")),
    };
    let ttl_nanos = ttl(&body.ttl)?;
    if body.node.to_lowercase() != node.to_lowercase() {
        return Err("Missing node registration".to_owned());
    }
    let services = body.service_checks.iter().flatten().map(|check| &check.id);
    let checks = body.checks.iter().flatten();
    let all = checks
        .chain(body.node_checks.iter().flatten())
        .chain(services);
    for check in all {
        // The node's own check is the only one that exists; Consul ignores the case of its name.
        if !check.eq_ignore_ascii_case(SERF_CHECK) {
            return Err(format!("Missing check '{check}' registration"));
        }
    }
    Ok(Session {
        lock_delay: body.lock_delay,
        behavior,
        ttl_nanos,
        node_checks: strings_json(body.node_checks.as_deref()),
        service_checks: service_checks_json(body.service_checks.as_deref()),
        checks: match body.checks.as_deref() {
            None | Some([]) => String::new(),
            some => strings_json(some),
        },
        name: body.name,
        node: body.node,
        ttl: body.ttl,
    })
}

fn ttl(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let nanos =
        parse_duration(text).map_err(|error| format!("Session TTL '{text}' invalid: {error}"))?;
    if nanos != 0 && !(TTL_MIN..=TTL_MAX).contains(&nanos) {
        return Err(format!(
            "Invalid Session TTL '{nanos}', must be between [{}={}]",
            format_duration(TTL_MIN),
            format_duration(TTL_MAX)
        ));
    }
    Ok(u64::try_from(nanos).unwrap_or(0))
}

fn strings_json(strings: Option<&[String]>) -> String {
    let mut out = Vec::new();
    match strings {
        None => out.extend_from_slice(b"null"),
        Some(strings) => push_strings(&mut out, strings),
    }
    String::from_utf8(out).unwrap_or_default()
}

fn service_checks_json(checks: Option<&[ServiceCheck]>) -> String {
    let mut out = Vec::new();
    match checks {
        None => out.extend_from_slice(b"null"),
        Some(checks) => push_array(&mut out, checks, |out, check| {
            JsonObject::new(out)
                .text("ID", &check.id)
                .text("Namespace", &check.namespace)
                .end();
        }),
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(body: &str) -> Session {
        parse(body.as_bytes(), "host").unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    fn error_text(body: &str) -> String {
        parse(body.as_bytes(), "host").unwrap_err().to_string()
    }

    #[test]
    fn empty_body_defines_a_session_of_the_defaults() {
        for body in ["", "{}", "null", r#"{"LockDelay":null,"Name":null}"#] {
            let session = session(body);
            assert_eq!(session.lock_delay, 15_000_000_000);
            assert_eq!(
                (session.behavior, session.ttl_nanos),
                (LeaseEnd::Release, 0)
            );
            assert_eq!((session.node.as_str(), session.ttl.as_str()), ("host", ""));
            assert_eq!(session.node_checks, r#"["serfHealth"]"#);
            assert_eq!(
                (session.service_checks.as_str(), session.checks.as_str()),
                ("null", "")
            );
        }
    }

    #[test]
    fn fields_are_named_in_any_case_and_decoded_over_themselves() {
        let body = "{\"Loc\u{212a}Delay\":\"0s\",\"NAME\":\"a\",\"name\":null}";
        assert_eq!(
            (session(body).lock_delay, session(body).name),
            (0, "a".to_owned())
        );
        for body in [
            "{\"\u{17f}ervicechecks\":[{\"ID\":\"x\"}]}",
            r#"{"ServiceChecks":[{"ID":"x"}],"serviceChecks":[{"Namespace":"n"}]}"#,
        ] {
            assert_eq!(error_text(body), "Missing check 'x' registration", "{body}");
        }
    }

    #[test]
    fn null_in_a_list_of_checks_keeps_the_default() {
        for body in [
            r#"{"NodeChecks":[null]}"#,
            r#"{"Checks":[null]}"#,
            r#"{"Checks":["serfHealth"],"NodeChecks":[null]}"#,
        ] {
            assert_eq!(session(body).node_checks, r#"["serfHealth"]"#, "{body}");
        }
        for body in [
            r#"{"NodeChecks":[""]}"#,
            r#"{"NodeChecks":["serfHealth",null]}"#,
        ] {
            assert_eq!(error_text(body), "Missing check '' registration", "{body}");
        }
    }

    #[test]
    fn lock_delays_are_durations_or_numbers() {
        for (json, nanos) in [
            (r#""1ms""#, 1_000_000),
            (r#""15s""#, 15_000_000_000),
            ("5", 5_000_000_000),
            ("1.9", 1_000_000_000),
            ("15000000000", 15_000_000_000),
            ("-5", -5_000_000_000),
            ("true", 0),
            ("1e300", 0),
        ] {
            let session = session(&format!(r#"{{"LockDelay":{json}}}"#));
            assert_eq!(session.lock_delay, nanos, "{json}");
        }
    }

    #[test]
    fn fields_for_checks_are_merged_as_in_consul() {
        for (json, node_checks, checks) in [
            (r#"{"Checks":[]}"#, "[]", ""),
            (r#"{"NodeChecks":[]}"#, "[]", ""),
            (r#"{"Checks":["serfHealth"],"NodeChecks":null}"#, "null", ""),
            (
                r#"{"Checks":["SerfHealth"]}"#,
                r#"["serfHealth"]"#,
                r#"["SerfHealth"]"#,
            ),
        ] {
            let session = session(json);
            assert_eq!(
                (session.node_checks.as_str(), session.checks.as_str()),
                (node_checks, checks),
                "{json}"
            );
        }
    }

    #[test]
    fn refusals_have_consuls_messages() {
        for (body, expected) in [
            ("{", "Request decode failed: unexpected EOF"),
            (
                r#"{"Name":1}"#,
                "Request decode failed: json: cannot unmarshal number into Go struct field .Name of type string",
            ),
            (
                r#"{"LockDelay":"x"}"#,
                r#"Request decode failed: time: invalid duration "x""#,
            ),
            (r#"{"Node":""}"#, "Must provide Node"),
            (r#"{"Node":"other"}"#, "Missing node registration"),
            (r#"{"Behavior":"x"}"#, "Invalid Behavior setting 'x'"),
            (
                r#"{"TTL":"x"}"#,
                r#"Session TTL 'x' invalid: time: invalid duration "x""#,
            ),
            (
                r#"{"TTL":"25h"}"#,
                "Invalid Session TTL '90000000000000', must be between [100ms=24h0m0s]",
            ),
            (
                r#"{"TTL":"-1s"}"#,
                "Invalid Session TTL '-1000000000', must be between [100ms=24h0m0s]",
            ),
            (r#"{"Checks":["x"]}"#, "Missing check 'x' registration"),
            (
                r#"{"ServiceChecks":[{"ID":"x"}]}"#,
                "Missing check 'x' registration",
            ),
        ] {
            assert_eq!(error_text(body), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _session = parse(&bytes, "host");
        }

        #[test]
        fn no_json_like_a_session_causes_a_panic(
            field in "(Name|Node|LockDelay|TTL|Behavior|NodeChecks|Checks|ServiceChecks|ID|x)",
            value in "(null|true|-?[0-9]{1,22}(\\.5)?(e[0-9]{1,3})?|\"[0-9a-z.]{0,8}\"|\\[(\"serfHealth\"|\\{\\}|1)?\\])",
        ) {
            let _session = parse(format!(r#"{{"{field}":{value}}}"#).as_bytes(), "host");
        }
    }
}
