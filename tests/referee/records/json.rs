//! `Json`: values of JSON that may have several fields of one name, which Go takes.

use serde_json::Value;

/// A value of JSON.
#[derive(Clone, Debug)]
pub enum Json {
    /// Written as it stands: a number, a literal, or what is none.
    Plain(String),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Json {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes)
            .ok()
            .map(|value| Self::of(&value))
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(value.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(values) => Self::List(values.iter().map(Self::of).collect()),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| (name.clone(), Self::of(value));
                Self::Map(fields.iter().map(field).collect())
            }
        }
    }

    pub fn write(&self, to: &mut String) {
        let quoted = |text: &str| Value::from(text).to_string();
        match self {
            Self::Plain(text) => to.push_str(text),
            Self::Text(text) => to.push_str(&quoted(text)),
            Self::List(values) => {
                to.push('[');
                for (at, value) in values.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    value.write(to);
                }
                to.push(']');
            }
            Self::Map(fields) => {
                to.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    to.push_str(if at == 0 { "" } else { "," });
                    to.push_str(&quoted(name));
                    to.push(':');
                    value.write(to);
                }
                to.push('}');
            }
        }
    }

    /// How many values there are, this one among them.
    pub fn count(&self) -> usize {
        1 + match self {
            Self::Plain(_) | Self::Text(_) => 0,
            Self::List(values) => values.iter().map(Self::count).sum(),
            Self::Map(fields) => fields.iter().map(|(_, value)| value.count()).sum(),
        }
    }

    /// The value of a number, counted from this one as 0.
    pub fn nth(&mut self, number: usize) -> &mut Self {
        if number == 0 {
            return self;
        }
        let mut left = number - 1;
        let values: Vec<&mut Self> = match self {
            Self::Plain(_) | Self::Text(_) => panic!("no such value"),
            Self::List(values) => values.iter_mut().collect(),
            Self::Map(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
        };
        for value in values {
            let count = value.count();
            if left < count {
                return value.nth(left);
            }
            left -= count;
        }
        panic!("no such value");
    }
}
