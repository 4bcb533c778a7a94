//! Body of `PUT /v1/session/create`, decoded as Go does.

use crate::face::consul::gateway_node::SERF_CHECK;
use crate::face::consul::json_decoder;
use crate::face::go::{Json, first_value, parse_duration};

/// The default lock-delay, in nanoseconds.
const DEFAULT_LOCK_DELAY: i64 = 15_000_000_000;
/// Lock-delays below this many nanoseconds are taken for seconds (Consul's `lockDelayMinThreshold`).
const MEANT_AS_SECONDS: i64 = 1_000;

/// A body with the fields as the client sent them, or their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionBody {
    /// `Name`
    pub(super) name: String,
    /// `Node`
    pub(super) node: String,
    /// `LockDelay`, in nanoseconds.
    pub(super) lock_delay: i64,
    /// `Behavior`
    pub(super) behavior: String,
    /// `TTL`
    pub(super) ttl: String,
    /// `NodeChecks`
    pub(super) node_checks: Option<Vec<String>>,
    /// `ServiceChecks`
    pub(super) service_checks: Option<Vec<ServiceCheck>>,
    /// `Checks`, which is deprecated.
    pub(super) checks: Option<Vec<String>>,
}

/// A check of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceCheck {
    /// `ID`
    pub(super) id: String,
    /// `Namespace`
    pub(super) namespace: String,
}

impl SessionBody {
    /// Decodes a body, for a node of this name. An empty body has the defaults.
    pub(super) fn parse(body: &[u8], node: &str) -> Result<Self, String> {
        let mut session = Self {
            name: String::new(),
            node: node.to_owned(),
            lock_delay: DEFAULT_LOCK_DELAY,
            behavior: "release".to_owned(),
            ttl: String::new(),
            node_checks: Some(vec![SERF_CHECK.to_owned()]),
            service_checks: None,
            checks: Some(vec![SERF_CHECK.to_owned()]),
        };
        if !body.is_empty() {
            session.decode(body)?;
        }
        Ok(session)
    }

    fn decode(&mut self, body: &[u8]) -> Result<(), String> {
        // The Go type that Consul decodes into: a session whose lock-delay may be of any type.
        const GO_TYPE: &str = "struct { LockDelay interface {}; *structs.Alias }";
        let body = first_value(body)?;
        let fields = json_decoder::object(body, "value", GO_TYPE)?;
        let mut lock_delay = Json::Null;
        for (name, value) in fields.into_iter().flatten() {
            match json_decoder::field_name(&name).as_str() {
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
                    let default = self.node_checks.take();
                    self.node_checks = strings(value, default, "NodeChecks", "string")?;
                }
                "checks" => {
                    let default = self.checks.take();
                    self.checks = strings(value, default, "Checks", "types.CheckID")?;
                }
                "servicechecks" => {
                    let before = self.service_checks.take();
                    self.service_checks = service_checks(value, before)?;
                }
                // The server assigns these; where a client sends them, Consul checks no more than their type.
                "id" => set_text(&mut String::new(), value, "ID", "string")?,
                "createindex" | "modifyindex" => {
                    json_decoder::number(&value, &place(&name))?;
                }
                _ => {}
            }
        }
        // Consul parses it last.
        self.set_lock_delay(&lock_delay)
    }

    /// Text is a duration; a number is in nanoseconds, or in seconds where it is small; anything else is 0.
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
}

/// A float converted to a duration as Go does on amd64: one out of range becomes the smallest integer.
fn truncate(number: f64) -> i64 {
    // 2^63, the first number out of range.
    if number.is_nan() || number.abs() >= 9_223_372_036_854_775_808.0 {
        return i64::MIN;
    }
    format!("{:.0}", number.trunc()).parse().unwrap_or(i64::MIN)
}

/// Go decodes a number of any type as a float, and refuses one out of range.
fn check_float(value: &Json) -> Result<(), String> {
    match value {
        Json::Number(number) if number.parse().is_ok_and(f64::is_infinite) => Err(
            json_decoder::mismatch(value, &place("LockDelay"), "float64"),
        ),
        Json::Array(items) => items.iter().try_for_each(check_float),
        Json::Object(fields) => fields.iter().try_for_each(|(_, value)| check_float(value)),
        Json::Null | Json::Bool | Json::Number(_) | Json::Text(_) => Ok(()),
    }
}

fn set_text(to: &mut String, value: Json, field: &str, wanted: &str) -> Result<(), String> {
    if let Some(text) = json_decoder::text(value, &place(field), wanted)? {
        *to = text;
    }
    Ok(())
}

fn place(field: &str) -> String {
    format!("struct field .{field}")
}

/// A list decoded over its default, as Go decodes into a list that has items: `null` keeps the item at its position.
fn strings(
    value: Json,
    default: Option<Vec<String>>,
    field: &str,
    wanted: &str,
) -> Result<Option<Vec<String>>, String> {
    let Some(items) = json_decoder::array(value, &place(field), &format!("[]{wanted}"))? else {
        return Ok(None);
    };
    let mut strings = Vec::with_capacity(items.len());
    let mut defaults = default.into_iter().flatten();
    for item in items {
        let mut text = defaults.next().unwrap_or_default();
        set_text(&mut text, item, field, wanted)?;
        strings.push(text);
    }
    Ok(Some(strings))
}

/// A list decoded over the one that was there before, as that of strings.
fn service_checks(
    value: Json,
    before: Option<Vec<ServiceCheck>>,
) -> Result<Option<Vec<ServiceCheck>>, String> {
    let place = place("ServiceChecks");
    let Some(items) = json_decoder::array(value, &place, "[]structs.ServiceCheck")? else {
        return Ok(None);
    };
    let mut checks = Vec::with_capacity(items.len());
    let mut before = before.into_iter().flatten();
    for item in items {
        let mut check = before.next().unwrap_or_default();
        let fields = json_decoder::object(item, &place, "structs.ServiceCheck")?;
        for (name, value) in fields.into_iter().flatten() {
            match json_decoder::field_name(&name).as_str() {
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
