//! The same requests in each protocol.

use super::client::Answer;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Protocol {
    Consul,
    Etcd,
}

impl Protocol {
    pub fn key(self, key: &str) -> String {
        match self {
            Self::Consul => format!("/v1/kv/{key}"),
            Self::Etcd => format!("/v2/keys/{key}"),
        }
    }

    /// The body of a write.
    pub fn value(self, value: &str) -> String {
        match self {
            Self::Consul => value.to_owned(),
            Self::Etcd => form_urlencoded::Serializer::new(String::new())
                .append_pair("value", value)
                .finish(),
        }
    }

    /// The index that a later compare-and-swap compares with, if the answer is about a key.
    pub fn index(self, answer: &Answer) -> Option<u64> {
        match self {
            Self::Consul => answer
                .headers
                .get("x-consul-index")?
                .to_str()
                .ok()?
                .parse()
                .ok(),
            Self::Etcd => {
                let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
                body["node"]["modifiedIndex"].as_u64()
            }
        }
    }
}
