//! Direct requests to etcd version 3, with the client library that kubekv uses, over one connection per client.

use etcd_client::{Client, Compare, CompareOp, Txn, TxnOp};

/// Attributes of about the same length as kubekv's.
const ATTRIBUTES: &str = r#"{"commit":{"stamp":{"term":1,"sequence":1000},"cause":"set"},"attrs":{"version":1000,"ctime_ms":1700000000000,"mtime_ms":1700000000000,"created":{"at":1000},"placed":{"at":1000}}}"#;

/// The form of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// One put.
    Put,
    /// A transaction of one put without comparisons.
    Txn,
    /// As kubekv writes: a transaction that compares the leader record and the previous revision, and puts the value and
    /// its attributes.
    Whole,
}

pub struct RawEtcd {
    client: Client,
    form: Form,
    /// The key that was written last, and its revision.
    written: (String, i64),
}

impl RawEtcd {
    pub async fn connect(endpoint: &str, form: Form) -> Self {
        Self {
            client: Client::connect([endpoint], None).await.unwrap(),
            form,
            written: Default::default(),
        }
    }

    pub async fn put(&mut self, key: &str, value: &str) {
        let txn = match self.form {
            Form::Put => {
                self.client.put(key, value, None).await.unwrap();
                return;
            }
            Form::Txn => Txn::new().and_then([TxnOp::put(key, value, None)]),
            Form::Whole => self.whole(key, value),
        };
        let answer = self.client.txn(txn).await.unwrap();
        assert!(answer.succeeded(), "{key} was not as of {:?}", self.written);
        let revision = answer.header().unwrap().revision();
        self.written = (key.to_owned(), revision);
    }

    fn whole(&self, key: &str, value: &str) -> Txn {
        let was = if self.written.0 == key {
            self.written.1
        } else {
            0
        };
        Txn::new()
            .when([
                Compare::mod_revision("lead", CompareOp::Equal, 0),
                Compare::mod_revision(key, CompareOp::Equal, was),
            ])
            .and_then([
                TxnOp::put(key, value, None),
                TxnOp::put(format!("{key}/.attributes"), ATTRIBUTES, None),
            ])
    }
}
