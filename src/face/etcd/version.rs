//! `GET /version`: the version of etcd.

use http::{Method, StatusCode};

use super::reply::Reply;
use super::request::check_method;

/// The version of etcd whose answers these are.
const SERVER: &str = "3.4.23";

/// Answers with the version of server and cluster.
pub(super) fn serve(method: &Method) -> Result<Reply, Reply> {
    check_method(method, "GET")?;
    let body = format!(r#"{{"etcdserver":"{SERVER}","etcdcluster":"3.4.0"}}"#);
    Ok(Reply::json(StatusCode::OK, body))
}
