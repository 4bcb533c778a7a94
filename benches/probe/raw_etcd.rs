//! Etcd's version 3 itself, asked by the client library that kubekv uses, over a connection of each client's own.

use etcd_client::{Client, Compare, CompareOp, GetOptions, Txn, TxnOp};

/// About as long as the gateway's own.
const ATTRIBUTES: &str = r#"{"term":1,"sequence":1000,"flags":0,"created":1000}"#;

pub struct RawEtcd {
    client: Client,
    /// Writes what kubekv does: a transaction that compares who leads and what was there, and puts the value, attributes
    /// beside it, and the name of the commit.
    whole: bool,
    /// The revision of the key that was written last.
    written: (String, i64),
}

impl RawEtcd {
    pub async fn connect(endpoint: &str, whole: bool) -> Self {
        Self {
            client: Client::connect([endpoint], None).await.unwrap(),
            whole,
            written: Default::default(),
        }
    }

    pub async fn put(&mut self, key: &str, value: &str) {
        if !self.whole {
            self.client.put(key, value, None).await.unwrap();
            return;
        }
        let was = if self.written.0 == key {
            self.written.1
        } else {
            0
        };
        let attributes = format!("{key}/.attributes");
        let txn = Txn::new()
            .when([
                Compare::mod_revision(key, CompareOp::Equal, was),
                Compare::mod_revision("lead", CompareOp::Equal, 0),
            ])
            .and_then([
                TxnOp::put(key, value, None),
                TxnOp::put(attributes, ATTRIBUTES, None),
                TxnOp::put("raw/commit", ATTRIBUTES, None),
            ]);
        let answer = self.client.txn(txn).await.unwrap();
        assert!(answer.succeeded(), "{key} was not as of {was}");
        let revision = answer.header().unwrap().revision();
        self.written = (key.to_owned(), revision);
    }

    /// A linearizable read of one key, or of all that begin with it; how many there are.
    pub async fn get(&mut self, key: &str, all: bool) -> usize {
        let options = all.then(|| GetOptions::new().with_prefix());
        self.client.get(key, options).await.unwrap().kvs().len()
    }
}
