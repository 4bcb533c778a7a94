//! Direct writes to the API server, as kubekv makes them: with the kube crate's client, one object per request.

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::{Client, Config};
use kubekv::store::kubernetes::object_name;
use serde::Deserialize;
use serde_json::{Value, json};

/// The query of each write, with the field manager that kubekv uses.
const QUERY: &str = "fieldManager=kubekv&timeout=5s";

#[derive(Clone)]
pub struct RawApiServer {
    client: Client,
    path: String,
    /// An object as kubekv writes it.
    object: Value,
}

#[derive(Deserialize)]
struct WrittenObject {
    metadata: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    resource_version: String,
}

impl RawApiServer {
    /// Connects to the cluster of KUBECONFIG; objects will be like the given one.
    pub async fn connect(namespace: &str, object: &str) -> Self {
        let mut config = Config::infer().await.unwrap();
        config.default_retry = false;
        config.read_timeout = None;
        let mut object: Value = serde_json::from_str(object).unwrap();
        let labels = object["metadata"]["labels"].take();
        object["metadata"] = json!({"labels": labels});
        Self {
            client: Client::try_from(config).unwrap(),
            path: format!("/apis/kubekv.io/v1/namespaces/{namespace}/entries"),
            object,
        }
    }

    /// Creates the object of a key, or replaces the one of this version; returns its new version.
    pub async fn put(&self, key: &str, count: u64, version: Option<&str>) -> String {
        let name = object_name(key.as_bytes());
        let mut object = self.object.clone();
        object["metadata"]["name"] = name.as_str().into();
        object["spec"]["key"] = key.into();
        object["spec"]["stamp"]["sequence"] = count.into();
        let (method, uri) = match version {
            None => (Method::POST, format!("{}?{QUERY}", self.path)),
            Some(version) => {
                object["metadata"]["resourceVersion"] = version.into();
                object["metadata"]["managedFields"] = json!([{}]);
                (Method::PUT, format!("{}/{name}?{QUERY}", self.path))
            }
        };
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Body::from(object.to_string().into_bytes()))
            .unwrap();
        let answer = self.client.send(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        let written: WrittenObject = serde_json::from_slice(&body).unwrap();
        written.metadata.resource_version
    }
}
