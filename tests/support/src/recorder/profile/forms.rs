//! The form of a request: its text with placeholders, and that of its value.

use serde_json::Value;

use super::names::Names;
use crate::recorder::form::is_write;
use crate::recorder::record::Record;

impl Names {
    /// A request's form, without its result.
    pub(super) fn request(&self, record: &Record) -> String {
        let mut words = vec![
            record.method.clone(),
            self.target(&record.host, &record.target),
        ];
        if record.watch == Some(true) {
            words.push("watch".to_owned());
        }
        words.extend(record.flags.map(|flags| format!("flags={flags}")));
        words.extend(record.version.map(|version| match version {
            -1 => "version=-1".to_owned(),
            _ => "version={index}".to_owned(),
        }));
        words.extend(record.body.as_ref().map(|body| self.body(record, body)));
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }

    fn body(&self, record: &Record, body: &str) -> String {
        if record.target.starts_with("/v2/") {
            let fields = form_urlencoded::parse(body.as_bytes());
            let names: Vec<_> = fields.map(|(name, _)| name.into_owned()).collect();
            return names.join("&");
        }
        if record.target.starts_with("/v1/session/") {
            let Ok(mut session) = serde_json::from_str::<Value>(body) else {
                return body.to_owned();
            };
            session["TTL"] = "{ttl}".into();
            return session.to_string();
        }
        let is_value = is_write(record) && !body.is_empty();
        let text = if is_value { "value" } else { body };
        self.text(&record.host, text)
    }

    /// A request's form with its result: the status, and Consul's word on a change.
    pub(super) fn exchange(&self, record: &Record) -> String {
        let status = match record.status {
            Some(status) => status.to_string(),
            None if record.lost => "lost".to_owned(),
            None => "no answer".to_owned(),
        };
        let word = record.answer.as_deref();
        let word = word.filter(|word| is_write(record) && ["true", "false"].contains(word));
        let word = word.map(|word| format!(" {word}")).unwrap_or_default();
        format!("{} -> {status}{word}", self.request(record))
    }

    /// The form of a value of a host: names and types of JSON, and the numbers that count endpoints.
    pub(super) fn shape(&self, host: &str, value: &str) -> String {
        match serde_json::from_str::<Value>(value) {
            Ok(json) if json.is_object() || json.is_array() => self.json(host, &json),
            _ => self.text(host, value),
        }
    }

    fn json(&self, host: &str, json: &Value) -> String {
        match json {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(_) => "number".to_owned(),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(json) if json.is_object() || json.is_array() => {
                    format!("text of {}", self.json(host, &json))
                }
                _ => "text".to_owned(),
            },
            Value::Array(all) => {
                let mut shapes: Vec<_> = all.iter().map(|one| self.json(host, one)).collect();
                shapes.dedup();
                format!("[{}]", shapes.join(", "))
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| {
                    let shape = match name.as_str() {
                        "Count" => field.to_string(),
                        _ => self.json(host, field),
                    };
                    format!("{}: {shape}", self.text(host, name))
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
