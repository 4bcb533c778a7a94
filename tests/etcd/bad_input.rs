//! Bad input: requests that no well-behaved client sends.

use proptest::prelude::*;
use support::http_client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Gateway;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn raw(gateway: &Gateway, request: &[u8]) -> String {
    let answer = http_client::raw(gateway.address, request).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_chunked_form_is_read() {
    let gateway = Gateway::start().await;
    let request = b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n4\r\nvalu\r\n5\r\ne=1%2\r\n1\r\n0\r\n0\r\n\r\n";
    let answer = raw(&gateway, request).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(gateway.ok("GET /a").await["node"]["value"], "1 ");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all(b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\n\r\n")
        .await
        .unwrap();
    let mut first = vec![0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"value=1").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn an_incomplete_request_changes_nothing() {
    let gateway = Gateway::start().await;
    for half in [
        &b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nvalue=1"[..],
        b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n7\r\nvalue=1\r\n",
        // etcd itself ignores such a body, and sets an empty value.
        b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nvalue=1",
        b"PUT /v2/keys/a HTT",
    ] {
        raw(&gateway, half).await;
    }
    assert_eq!(gateway.ask("GET /a").await.status, 404);
}

#[tokio::test]
async fn a_form_past_gos_limit_is_refused() {
    let gateway = Gateway::start().await;
    let form = format!("value={}", "v".repeat(10 << 20));
    let answer = http_client::request(
        gateway.address,
        "PUT",
        "/v2/keys/a",
        &[FORM],
        form.as_bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, &answer.json()["errorCode"]),
        (400, &210.into())
    );
    assert_eq!(answer.json()["cause"], "http: POST too large");
}

#[tokio::test]
async fn a_value_past_the_limit_is_refused_by_its_size() {
    let gateway = Gateway::start().await;
    let limit = gateway.space.limits().value_bytes;
    assert!(limit >= 3 << 19, "1.5 MiB must fit");
    let value = |len: usize| format!("value={}", "v".repeat(len));
    let put = async |form: String| {
        http_client::request(
            gateway.address,
            "PUT",
            "/v2/keys/a",
            &[FORM],
            form.as_bytes(),
        )
        .await
    };
    assert_eq!(put(value(limit)).await.status, 201);
    let refused = put(value(limit + 1)).await;
    assert_eq!(
        (refused.status, &refused.json()["errorCode"]),
        (400, &209.into())
    );
    let cause = refused.json()["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains(&limit.to_string()), "{cause}");
}

#[tokio::test]
async fn a_key_past_the_limit_is_refused_by_its_length() {
    let gateway = Gateway::start().await;
    let limit = gateway.space.limits().key_bytes;
    let long = "k".repeat(limit + 1);
    let refused = gateway.ask(&format!("PUT /{long} value=1")).await;
    assert_eq!(
        (refused.status, &refused.json()["errorCode"]),
        (400, &209.into())
    );
    assert!(
        refused.json()["cause"]
            .as_str()
            .unwrap()
            .contains(&limit.to_string())
    );
    assert_eq!(gateway.ask(&format!("GET /{long}")).await.status, 404);
    let fits = "k".repeat(limit);
    assert_eq!(
        gateway.ask(&format!("PUT /{fits} value=1")).await.status,
        201
    );
}

#[tokio::test]
async fn a_write_with_dots_in_its_path_changes_nothing() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /app/x value=1").await;
    gateway.ok("PUT /y value=2").await;
    for path in [
        "/app/x/..",
        "/app/./x",
        "/app%2f..%2fy",
        "/app/%2e%2e",
        "/../keys/app/",
    ] {
        for request in [
            format!("DELETE {path}?recursive=true"),
            format!("PUT {path} value=3"),
            format!("POST {path} value=3"),
        ] {
            let answer = gateway.ask(&request).await;
            assert_eq!(answer.status, 400, "{request}");
            assert_eq!(answer.header("location"), "", "{request}");
            assert_eq!(answer.json()["errorCode"], 209, "{request}");
        }
    }
    assert_eq!(gateway.ok("GET /app/x").await["node"]["value"], "1");
    assert_eq!(gateway.ok("GET /y").await["node"]["value"], "2");
}

#[tokio::test]
async fn unclean_paths_reach_the_key_that_etcd_redirects_to() {
    let gateway = Gateway::start().await;
    for path in ["//a//b", "/a%2Fb", "/%61/b", "/a/b/", "/a/b//"] {
        let put = gateway.ok(&format!("PUT {path} value=1")).await;
        assert_eq!(put["node"]["key"], "/a/b", "{path}");
    }
    let answer = gateway.ask("GET /x/../a/b?quorum=true").await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), "/v2/keys/a/b?quorum=true");
    assert_eq!(gateway.ask("GET /%zz").await.status, 400);
    assert_eq!(gateway.ask("GET /%").await.status, 400);
    assert_eq!(
        gateway.ask("PUT /%ff value=1").await.json()["cause"],
        "the key is not valid UTF-8"
    );
}

#[tokio::test]
async fn control_characters_are_keys_like_any_other() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /d/a%00b value=%00").await;
    gateway.ok("PUT /d/a%0ab value=1").await;
    let (_, body) = gateway.status_and_body("GET /d?sorted=true").await;
    assert!(
        body.contains(r#""key":"/d/a\u0000b","value":"\u0000""#),
        "{body}"
    );
    assert!(body.contains(r#""key":"/d/a\nb""#), "{body}");
}

#[tokio::test]
async fn bytes_that_are_not_http_are_answered_or_the_connection_is_closed() {
    let gateway = Gateway::start().await;
    for bytes in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v2/keys/a HTTP/9.9\r\n\r\n",
        b"GET /v2/keys/a b HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v2/keys/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"PUT /v2/keys/a HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ] {
        let answer = raw(&gateway, bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{bytes:?}: {answer}"
        );
    }
    assert_eq!(gateway.ask("PUT /a value=1").await.status, 201);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every request gets an answer of etcd's, and the gateway keeps serving.
    #[test]
    fn any_request_is_answered(
        method in prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
        path in "[a-c_./%0-9]{0,12}",
        query in "[a-zA-Z=&;%0-9]{0,30}",
        known in prop::sample::subsequence(
            vec!["recursive=true", "dir=true", "prevExist=true", "prevIndex=1", "ttl=5", "refresh=true", "sorted=x"], 0..4),
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gateway = Gateway::start().await;
            let uri = format!("/v2/keys/{path}?{query}&{}", known.join("&"));
            let answer = http_client::request(gateway.address, method, &uri, &[FORM], &body).await;
            prop_assert!(answer.status < 500, "{method} {uri}: {answer:?}");
            let is_json = serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok();
            let is_text = answer.header("content-type").starts_with("text/plain");
            // A path with dots, read.
            let is_redirect = answer.status == 301;
            prop_assert!(is_json || answer.body.is_empty() || is_text || is_redirect);
            prop_assert_eq!(gateway.ask("PUT /after value=1").await.status, 201);
            Ok(())
        })?;
    }
}
