//! Renewals beside a real etcd 3.4: the same answers, but for the indexes, which etcd moves and kubekv does not.

use super::client::{Gateway, ask};
use super::real::Etcd;

const HOST: &str = "/docker/nodes/10.0.0.1:2376";

/// What hosts at rest and holders of locks send, with the conditions that a renewal may have.
const STEPS: [&str; 16] = [
    "PUT /docker/nodes/10.0.0.1:2376 ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376 ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376 ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?prevExist=true ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?prevValue=10.0.0.1:2376 ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?prevExist=false ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?prevValue=x ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?noValueOnSuccess=true ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?refresh=true ttl=60",
    "PUT /docker/nodes/10.0.0.1:2376?refresh=true&prevExist=true ttl=60",
    "PUT /docker/nodes/10.0.0.1:2376?refresh=true&prevExist=true ttl=60&value=10.0.0.1:2376",
    "PUT /docker/nodes/10.0.0.1:2376?refresh=true&prevExist=false ttl=60",
    "PUT /docker/nodes/10.0.0.2:2376?refresh=true&prevExist=true ttl=60",
    "PUT /lock?prevExist=false ttl=60&value=me",
    "PUT /lock?refresh=true&prevValue=me ttl=60",
    "PUT /lock?refresh=true&prevValue=me ttl=60",
];

/// A body without the numbers of indexes and the times of ends.
fn without_indexes(mut body: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = body.as_object_mut() {
        for (name, value) in fields {
            match name.as_str() {
                "modifiedIndex" | "createdIndex" | "index" => *value = 0.into(),
                "expiration" => *value = "T".into(),
                _ => *value = without_indexes(value.take()),
            }
        }
    }
    body
}

#[tokio::test]
#[ignore = "needs etcd: tests/run"]
async fn renewals_are_answered_as_etcd_does_but_for_indexes() {
    let (gateway, etcd) = (Gateway::start().await, Etcd::start().await);
    gateway.space.renew_under(&["docker/nodes".to_owned()]);
    for step in STEPS {
        let (own, real) = (gateway.ask(step).await, ask(etcd.address, step).await);
        let told = [own, real].map(|answer| (answer.status, without_indexes(answer.json())));
        assert_eq!(told[0], told[1], "{step}");
    }
    // The same is read afterwards, and the renewals moved one server's indexes only.
    let [own, real] = [gateway.address, etcd.address]
        .map(async |server| ask(server, &format!("GET {HOST}")).await.json());
    let (own, real) = (own.await, real.await);
    let index = |body: &serde_json::Value| body["node"]["modifiedIndex"].as_u64().unwrap();
    assert!(index(&own) < index(&real), "{own} {real}");
    assert_eq!(without_indexes(own), without_indexes(real));
}
