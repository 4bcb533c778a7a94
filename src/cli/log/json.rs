//! JSON log lines: one object per line, each field once, numbers as numbers.

use std::fmt;
use std::io::{self, Write};

use kubekv::model::time;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The fields that every line begins with. A field of an event or span with one of these names gets the prefix `field_` or
/// the name of its span.
const STANDARD_FIELDS: [&str; 4] = ["timestamp", "level", "target", "message"];

/// Fields in their order. The last value of a name wins.
#[derive(Debug, Default)]
pub(super) struct JsonFields(Vec<(String, Value)>);

impl JsonFields {
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, existing)) => *existing = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let position = self.0.iter().position(|(existing, _)| existing == name)?;
        Some(self.0.remove(position).1)
    }

    /// A line with time, level, target and message, and then these fields.
    fn line(self, level: &str, target: &str, message: Value) -> JsonLine {
        let at = jiff::Timestamp::from_millisecond(time::unix_ms()).unwrap_or_default();
        let mut line = Self::default();
        line.set("timestamp", format!("{at:.3}"));
        line.set("level", level);
        line.set("target", target);
        line.set("message", message);
        line.0.extend(self.0);
        JsonLine(line)
    }
}

impl Serialize for JsonFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A line, serialized before it is written, so that it is written whole or not at all.
struct JsonLine(JsonFields);

impl JsonLine {
    fn write(&self, mut out: impl Write) {
        if let Ok(mut line) = serde_json::to_vec(&self.0) {
            line.push(b'\n');
            // Standard error may be closed.
            let _unwritable = out.write_all(&line);
        }
    }
}

/// Writes a line without the subscriber: before it is set up, or after it is dropped.
pub(super) fn write_directly(message: &str, fields: JsonFields) {
    fields
        .line("ERROR", "kubekv", message.into())
        .write(io::stderr().lock());
}

impl Visit for JsonFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity and no NaN.
        match serde_json::Number::from_f64(value) {
            Some(number) => self.set(field.name(), number),
            None => self.set(field.name(), value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.set(field.name(), value),
            Err(_) => self.set(field.name(), value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.set(field.name(), value),
            Err(_) => self.set(field.name(), value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

/// A layer that writes every event as a line, with the fields of its spans.
#[derive(Debug)]
pub(super) struct JsonLines<W>(pub(super) W);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = JsonFields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<JsonFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = JsonFields::default();
        event.record(&mut own);
        let message = own.take("message").unwrap_or_else(|| "".into());
        // Events of libraries that use the crate `log` name their origin in fields.
        let origin = own.take("log.target");
        own.0.retain(|(name, _)| !name.starts_with("log."));
        let mut all = JsonFields::default();
        let scope = context.event_scope(event).into_iter();
        for span in scope.flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<JsonFields>() {
                all.add(span.name(), fields);
            }
        }
        all.add("field", &own);
        let metadata = event.metadata();
        let target = origin
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_else(|| metadata.target());
        all.line(metadata.level().as_str(), target, message)
            .write(self.0.make_writer_for(metadata));
    }
}

impl JsonFields {
    /// Adds the fields of a span or event; `prefix` goes before names of standard fields.
    fn add(&mut self, prefix: &str, more: &Self) {
        for (name, value) in &more.0 {
            if STANDARD_FIELDS.contains(&name.as_str()) {
                self.set(&format!("{prefix}_{name}"), value.clone());
            } else {
                self.set(name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_a_line() {
        let written = Written::default();
        let out = written.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines(move || out.clone()));
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(super::super::log_panic));
        tracing::subscriber::with_default(subscriber, || {
            let _unwound = std::panic::catch_unwind(|| panic!("said {}", 1));
        });
        std::panic::set_hook(before);
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "ERROR", "{line}");
        assert_eq!(line["message"], "panic, a bug in kubekv: said 1");
        assert!(
            line["location"].as_str().unwrap().contains("json.rs:"),
            "{line}"
        );
    }

    #[test]
    fn a_line_has_each_field_once_and_numbers_are_numbers() {
        let written = Written::default();
        let out = written.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines(move || out.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("outer", a = 1, target = tracing::field::Empty);
            span.record("target", "/v1");
            let _in = span.entered();
            let _deeper = tracing::info_span!("inner", a = 2, b = "text").entered();
            let [big, small, time] = [u128::MAX, 7, 8];
            tracing::warn!(b = 2.5, small, big, c = true, d = -1, e = %"x\ny", level = time, "said {}", 1);
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        let (timestamp, rest) = text.split_once("Z\",").unwrap();
        assert!(timestamp.starts_with("{\"timestamp\":\"2"), "{text}");
        let big = u128::MAX;
        assert_eq!(
            rest,
            format!(
                "\"level\":\"WARN\",\"target\":\"{}\",\"message\":\"said 1\",\"a\":2,\"outer_target\":\"/v1\",\"b\":2.5,\
                 \"small\":7,\"big\":\"{big}\",\"c\":true,\"d\":-1,\"e\":\"x\\ny\",\"field_level\":8}}\n",
                module_path!()
            )
        );
    }
}
