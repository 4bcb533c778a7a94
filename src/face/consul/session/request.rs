//! What a client says of the session it wants.

use super::super::decode;
use super::super::node::SERF_CHECK;
use super::record::Session;
use crate::face::go::json_write::{Object, push_array, push_strings};
use crate::face::go::{Json, first_value, format_duration, parse_duration};
use crate::model::LeaseEnd;

/// The shortest TTL, in nanoseconds. Consul's own is 10 s unless it is told otherwise; libkv asks for less.
const TTL_MIN: i64 = 100_000_000;
/// The longest TTL, in nanoseconds (Consul's `SessionTTLMax`).
const TTL_MAX: i64 = 86_400_000_000_000;
/// What a session's lock-delay is that does not say, in nanoseconds.
const LOCK_DELAY: i64 = 15_000_000_000;
/// Lock-delays below this many nanoseconds were meant as seconds (Consul's `lockDelayMinThreshold`).
const MEANT_AS_SECONDS: i64 = 1_000;

/// Why a session cannot be made, in Consul's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The body makes no sense.
    #[error("Request decode failed: {0}")]
    Decode(String),
    /// It makes sense, but no session.
    #[error("{0}")]
    Invalid(String),
}

/// The body as Consul decodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    name: String,
    node: String,
    lock_delay: i64,
    behavior: String,
    ttl: String,
    node_checks: Option<Vec<String>>,
    service_checks: Option<Vec<ServiceCheck>>,
    checks: Option<Vec<String>>,
}

/// A check of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ServiceCheck {
    id: String,
    namespace: String,
}

/// The shortest TTL, as Consul shows it.
pub(in crate::face::consul) fn shortest_ttl() -> String {
    format_duration(TTL_MIN)
}

/// Reads a body, for a node of this name. An empty body asks for a session of the defaults.
pub(super) fn parse(body: &[u8], node: &str) -> Result<Session, Refusal> {
    let mut wish = Wish {
        name: String::new(),
        node: node.to_owned(),
        lock_delay: LOCK_DELAY,
        behavior: "release".to_owned(),
        ttl: String::new(),
        node_checks: Some(vec![SERF_CHECK.to_owned()]),
        service_checks: None,
        checks: Some(vec![SERF_CHECK.to_owned()]),
    };
    if !body.is_empty() {
        wish.decode(body).map_err(Refusal::Decode)?;
    }
    wish.settle_checks();
    wish.session(node).map_err(Refusal::Invalid)
}

impl Wish {
    fn decode(&mut self, body: &[u8]) -> Result<(), String> {
        // What Consul decodes into: a session whose lock-delay may be anything.
        const GO_TYPE: &str = "struct { LockDelay interface {}; *structs.Alias }";
        let body = first_value(body)?;
        let fields = decode::object(body, "value", GO_TYPE)?;
        let mut lock_delay = Json::Null;
        for (name, value) in fields.into_iter().flatten() {
            match name.to_lowercase().as_str() {
                "name" => set_text(&mut self.name, value, "Name", "string")?,
                "node" => set_text(&mut self.node, value, "Node", "string")?,
                "behavior" => {
                    set_text(
                        &mut self.behavior,
                        value,
                        "Behavior",
                        "structs.SessionBehavior",
                    )?;
                }
                "ttl" => set_text(&mut self.ttl, value, "TTL", "string")?,
                "lockdelay" => {
                    check_float(&value)?;
                    lock_delay = value;
                }
                "nodechecks" => {
                    let was = self.node_checks.take();
                    self.node_checks = texts(value, was, "NodeChecks", "string")?;
                }
                "checks" => {
                    let was = self.checks.take();
                    self.checks = texts(value, was, "Checks", "types.CheckID")?;
                }
                "servicechecks" => self.service_checks = service_checks(value)?,
                // Given by the server; Consul lets a client send them, and reads them to check their type.
                "id" => set_text(&mut String::new(), value, "ID", "string")?,
                "createindex" | "modifyindex" => {
                    decode::number(&value, &place(&name))?;
                }
                _ => {}
            }
        }
        // Consul looks at it last.
        self.set_lock_delay(&lock_delay)
    }

    /// A duration as text, or a number of nanoseconds, or of seconds where it is small. Anything else is 0.
    fn set_lock_delay(&mut self, value: &Json) -> Result<(), String> {
        let nanos = match value {
            Json::Null => return Ok(()),
            Json::Text(text) => parse_duration(text).map_err(|error| error.to_string())?,
            Json::Number(number) => number.parse().map_or(0, truncate),
            Json::Bool | Json::Array(_) | Json::Object(_) => 0,
        };
        self.lock_delay = if nanos < MEANT_AS_SECONDS {
            nanos.wrapping_mul(1_000_000_000)
        } else {
            nanos
        };
        Ok(())
    }

    /// One field for checks stands for the other, as Consul has it: the old one counts where both are given.
    fn settle_checks(&mut self) {
        let empty = |checks: &Option<Vec<String>>| checks.as_ref().is_none_or(Vec::is_empty);
        if empty(&self.checks) {
            self.node_checks = Some(Vec::new());
        } else if self.checks.as_deref() == Some(&[SERF_CHECK.to_owned()])
            || empty(&self.node_checks)
        {
            self.checks = None;
        }
    }

    fn session(self, node: &str) -> Result<Session, String> {
        if self.node.is_empty() {
            return Err("Must provide Node".to_owned());
        }
        let behavior = match self.behavior.as_str() {
            "" | "release" => LeaseEnd::Release,
            "delete" => LeaseEnd::Delete,
            other => return Err(format!("Invalid Behavior setting '{other}'")),
        };
        let ttl_nanos = ttl(&self.ttl)?;
        if self.node.to_lowercase() != node.to_lowercase() {
            return Err("Missing node registration".to_owned());
        }
        let services = self.service_checks.iter().flatten().map(|check| &check.id);
        let checks = self.checks.iter().flatten();
        let all = checks
            .chain(self.node_checks.iter().flatten())
            .chain(services);
        for check in all {
            // The node's own check is the only one there is; Consul takes small letters for capitals there.
            if !check.eq_ignore_ascii_case(SERF_CHECK) {
                return Err(format!("Missing check '{check}' registration"));
            }
        }
        Ok(Session {
            lock_delay: self.lock_delay,
            behavior,
            ttl_nanos,
            node_checks: texts_json(self.node_checks.as_deref()),
            service_checks: service_checks_json(self.service_checks.as_deref()),
            checks: match self.checks.as_deref() {
                None | Some([]) => String::new(),
                some => texts_json(some),
            },
            name: self.name,
            node: self.node,
            ttl: self.ttl,
        })
    }
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

/// A float as Go makes it a duration on amd64: what does not fit is the least there is.
fn truncate(number: f64) -> i64 {
    // 2^63, the first that does not fit.
    if number.is_nan() || number.abs() >= 9_223_372_036_854_775_808.0 {
        return i64::MIN;
    }
    format!("{:.0}", number.trunc()).parse().unwrap_or(i64::MIN)
}

/// A number in a place for anything becomes a float; one that does not fit is told.
fn check_float(value: &Json) -> Result<(), String> {
    match value {
        Json::Number(number) if number.parse().is_ok_and(f64::is_infinite) => {
            Err(decode::mismatch(value, &place("LockDelay"), "float64"))
        }
        Json::Array(items) => items.iter().try_for_each(check_float),
        Json::Object(fields) => fields.iter().try_for_each(|(_, value)| check_float(value)),
        Json::Null | Json::Bool | Json::Number(_) | Json::Text(_) => Ok(()),
    }
}

fn set_text(to: &mut String, value: Json, field: &str, wanted: &str) -> Result<(), String> {
    if let Some(text) = decode::text(value, &place(field), wanted)? {
        *to = text;
    }
    Ok(())
}

fn place(field: &str) -> String {
    format!("struct field .{field}")
}

/// A list over what was there: as Go reads into a list it has, `null` leaves the item that is in its place.
fn texts(
    value: Json,
    was: Option<Vec<String>>,
    field: &str,
    wanted: &str,
) -> Result<Option<Vec<String>>, String> {
    let Some(items) = decode::array(value, &place(field), &format!("[]{wanted}"))? else {
        return Ok(None);
    };
    let mut texts = Vec::with_capacity(items.len());
    let mut was = was.into_iter().flatten();
    for item in items {
        let mut text = was.next().unwrap_or_default();
        set_text(&mut text, item, field, wanted)?;
        texts.push(text);
    }
    Ok(Some(texts))
}

fn service_checks(value: Json) -> Result<Option<Vec<ServiceCheck>>, String> {
    let place = place("ServiceChecks");
    let Some(items) = decode::array(value, &place, "[]structs.ServiceCheck")? else {
        return Ok(None);
    };
    let mut checks = Vec::with_capacity(items.len());
    for item in items {
        let mut check = ServiceCheck::default();
        let fields = decode::object(item, &place, "structs.ServiceCheck")?;
        for (name, value) in fields.into_iter().flatten() {
            match name.to_lowercase().as_str() {
                "id" => set_text(&mut check.id, value, "ServiceChecks.ID", "string")?,
                "namespace" => {
                    let field = "ServiceChecks.Namespace";
                    set_text(&mut check.namespace, value, field, "string")?;
                }
                _ => {}
            }
        }
        checks.push(check);
    }
    Ok(Some(checks))
}

fn texts_json(texts: Option<&[String]>) -> String {
    let mut out = Vec::new();
    match texts {
        None => out.extend_from_slice(b"null"),
        Some(texts) => push_strings(&mut out, texts),
    }
    String::from_utf8(out).unwrap_or_default()
}

fn service_checks_json(checks: Option<&[ServiceCheck]>) -> String {
    let mut out = Vec::new();
    match checks {
        None => out.extend_from_slice(b"null"),
        Some(checks) => push_array(&mut out, checks, |out, check| {
            Object::new(out)
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
        parse(body.as_bytes(), "host").unwrap_or_else(|refusal| panic!("{body}: {refusal}"))
    }

    fn words(body: &str) -> String {
        parse(body.as_bytes(), "host").unwrap_err().to_string()
    }

    #[test]
    fn an_empty_body_asks_for_the_defaults() {
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
    fn null_in_a_list_of_checks_leaves_the_default() {
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
            assert_eq!(words(body), "Missing check '' registration", "{body}");
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
    fn checks_are_settled_as_consul_does() {
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
    fn what_can_be_no_session_is_refused_in_consuls_words() {
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
            assert_eq!(words(body), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _session = parse(&bytes, "host");
        }

        #[test]
        fn nothing_like_a_session_makes_it_panic(
            field in "(Name|Node|LockDelay|TTL|Behavior|NodeChecks|Checks|ServiceChecks|ID|x)",
            value in "(null|true|-?[0-9]{1,22}(\\.5)?(e[0-9]{1,3})?|\"[0-9a-z.]{0,8}\"|\\[(\"serfHealth\"|\\{\\}|1)?\\])",
        ) {
            let _session = parse(format!(r#"{{"{field}":{value}}}"#).as_bytes(), "host");
        }
    }
}
