//! The users of an etcd with version 2 of the API: the client's certificate names the one who may do everything, and others may do
//! nothing.

use tokio::runtime::Builder;

use super::credentials::{client_files, client_name};
use super::error::FieldError;
use super::running::FieldPlace;
use crate::bench::client::Failure;
use crate::bench::http::{HttpConnection, HttpRequest};
use crate::bench::target::LoadTarget;
use crate::config::{SourceAccess, SourceUrl, StoreAccess};

/// Makes the users of the etcd at HOST:PORT, and turns its access lists on.
pub(super) fn make(place: &FieldPlace<'_>, address: &str) -> Result<(), FieldError> {
    let failed = |why: String| FieldError::io("etcd: users", std::io::Error::other(why));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let [certificate, key] = client_files(&place.directory);
    let access = SourceAccess {
        access: StoreAccess {
            authorities: Some(place.directory.join("ca.crt")),
            certificate: Some((certificate, key)),
            ..StoreAccess::default()
        },
        token: None,
    };
    let url = SourceUrl::Etcd2(vec![address.to_owned()]);
    runtime.block_on(async {
        let target = LoadTarget::resolve(&url, &access, None, false).await;
        let target = target.map_err(|error| failed(error.to_string()))?;
        ask(&target)
            .await
            .map_err(|error| failed(error.to_string()))
    })
}

async fn ask(target: &LoadTarget) -> Result<(), Failure> {
    let server = target.server(0, 0)?;
    let mut connection = HttpConnection::open(target, server, 0).await?;
    let client = client_name();
    let user = format!(r#"{{"user": "{client}", "password": "x", "roles": ["root"]}}"#);
    let user_path = format!("/v2/auth/users/{client}");
    let guest = r#"{"role": "guest", "revoke": {"kv": {"read": ["/*"], "write": ["/*"]}}}"#;
    for (path, body) in [
        (
            "/v2/auth/users/root",
            r#"{"user": "root", "password": "root"}"#,
        ),
        (&user_path, &user),
        ("/v2/auth/enable", ""),
        // Everybody else may do everything until that is taken away.
        ("/v2/auth/roles/guest", guest),
    ] {
        let request = HttpRequest {
            content_type: Some("application/json"),
            ..HttpRequest::with_body("PUT", path, body.as_bytes())
        };
        let response = connection.send(&request).await?;
        if response.status >= 300 {
            return Err(response.refusal());
        }
    }
    Ok(())
}
