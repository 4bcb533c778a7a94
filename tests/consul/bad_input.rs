//! Bad input: each request gets an error or reaches a documented limit, and no other client is affected.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Gateway;

/// Sends bytes and reads until the other side closes, or gives up after a while.
async fn send(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The other side may have closed already.
    let _sent = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _read = tokio::time::timeout(Duration::from_secs(5), read).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

async fn still_serves(gateway: &Gateway) {
    assert_eq!(gateway.put("kv/still", "here").await.text(), "true");
}

#[tokio::test]
async fn unprintable_keys_are_400_with_an_empty_body() {
    let gateway = Gateway::start().await;
    for key in ["a%00b", "%00", "a%0ab", "%7f", "%e2%80%8b", "%c2%a0"] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = gateway
                .ask(method, &format!("/v1/kv/{key}"), &[], b"")
                .await;
            assert_eq!(
                (answer.status, answer.body.len()),
                (400, 0),
                "{method} {key}"
            );
        }
    }
    assert_eq!(gateway.get("kv/?keys").await.text(), "[]");
}

#[tokio::test]
async fn keys_that_are_not_utf_8_are_stored_and_shown_with_replacement_characters() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.put("kv/a%ff%fe", "v").await.text(), "true");
    assert_eq!(gateway.get("kv/a%FF%FE?raw").await.text(), "v");
    assert_eq!(gateway.get("kv/a%ff?raw").await.status, 404);
    assert_eq!(gateway.get("kv/?keys").await.text(), r#"["a\ufffd\ufffd"]"#);
    assert_eq!(gateway.delete("kv/a%ff%fe").await.text(), "true");
}

#[tokio::test]
async fn a_key_longer_than_the_limit_is_refused_with_the_limit() {
    let gateway = Gateway::start().await;
    let longest = "k".repeat(4096);
    assert_eq!(
        gateway.put(&format!("kv/{longest}"), "v").await.text(),
        "true"
    );
    let answer = gateway.put(&format!("kv/{longest}k"), "v").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "key of 4097 bytes is longer than the limit of 4096 bytes"
    );
    assert_eq!(gateway.get(&format!("kv/{longest}k")).await.status, 404);
    let body = format!(r#"[{{"KV":{{"Verb":"set","Key":"{longest}k"}}}}]"#);
    assert_eq!(gateway.put("txn", body).await.status, 400);
    assert_eq!(
        gateway
            .put(&format!("kv/{longest}k?acquire=x"), "v")
            .await
            .status,
        500
    );
}

#[tokio::test]
async fn the_longest_key_can_be_locked_and_its_session_destroyed() {
    let gateway = Gateway::start().await;
    let longest = "k".repeat(4096);
    let id = gateway.session(r#"{"LockDelay":"5s"}"#).await;
    gateway.set(&format!("{longest}?acquire={id}"), "v").await;
    let answer = gateway.put(&format!("session/destroy/{id}"), "").await;
    assert_eq!((answer.status, answer.text()), (200, "true"));
    assert!(
        !gateway
            .get(&format!("kv/{longest}"))
            .await
            .text()
            .contains("Session")
    );
}

#[tokio::test]
async fn values_past_the_limit_are_413_with_either_body_encoding() {
    let gateway = Gateway::start().await;
    let long = vec![b'v'; (2 << 20) + 1];
    let mut chunked = b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    chunked.extend(format!("{:x}\r\n", long.len()).into_bytes());
    chunked.extend(&long);
    chunked.extend(b"\r\n0\r\n\r\n");
    let answer = send(gateway.address, &chunked).await;
    assert_eq!(status(&answer), "413");
    assert!(
        answer.contains("Request body too large, max size: 2097152 bytes."),
        "{answer}"
    );
    let announced = b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n";
    let answer = send(gateway.address, announced).await;
    assert_eq!(
        status(&answer),
        "413",
        "the refusal must precede the body: {answer}"
    );
    assert_eq!(
        gateway.put("txn", vec![b' '; (4 << 20) + 1]).await.status,
        413
    );
    assert_eq!(
        gateway
            .put("session/create", vec![b' '; (256 << 10) + 1])
            .await
            .status,
        413
    );
    assert_eq!(gateway.get("kv/a").await.status, 404);
    still_serves(&gateway).await;
}

#[tokio::test]
async fn a_chunked_value_is_accepted() {
    let gateway = Gateway::start().await;
    let request = b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert!(send(gateway.address, request).await.ends_with("true"));
    assert_eq!(gateway.get("kv/a?raw").await.text(), "abcde");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("true"), "{answer}");
}

#[tokio::test]
async fn an_incomplete_request_changes_nothing_and_delays_no_other() {
    let gateway = Gateway::start().await;
    let mut halves = Vec::new();
    for half in [
        &b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"[..],
        b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"PUT /v1/txn HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n[{\"KV\":",
        b"PUT /v1/kv/a HTTP/1.1\r\nHo",
        b"PU",
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(half).await.unwrap();
        halves.push(stream);
    }
    still_serves(&gateway).await;
    drop(halves);
    still_serves(&gateway).await;
    assert_eq!(gateway.get("kv/a").await.status, 404);
}

#[tokio::test]
async fn bytes_that_are_not_http_are_400() {
    let gateway = Gateway::start().await;
    for request in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /v1/kv/a b HTTP/1.1\r\n\r\n",
        b"GET /v1/kv/a HTTP/9.9\r\n\r\n",
        b"GET /v1/kv/a HTTP/1.1\r\nNo colon\r\n\r\n",
        b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let answer = send(gateway.address, request).await;
        assert_eq!(
            status(&answer),
            "400",
            "{} {answer}",
            request.escape_ascii()
        );
    }
    still_serves(&gateway).await;
}

#[tokio::test]
async fn a_bad_chunk_changes_nothing() {
    let gateway = Gateway::start().await;
    let request = b"PUT /v1/kv/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n";
    let answer = send(gateway.address, request).await;
    assert_eq!(status(&answer), "500", "{answer}");
    assert!(
        answer.ends_with("\r\n\r\ninvalid byte in chunk length"),
        "{answer}"
    );
    assert_eq!(gateway.get("kv/a").await.status, 404);
}

#[tokio::test]
async fn endless_headers_are_431() {
    let gateway = Gateway::start().await;
    let request = format!(
        "GET /v1/kv/a HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(4 << 20)
    );
    let answer = send(gateway.address, request.as_bytes()).await;
    assert!(["431", "none"].contains(&status(&answer)), "{answer}");
    still_serves(&gateway).await;
}

const DOTS: [&str; 8] = [
    "/v1/kv/app/..",
    "/v1/kv/app/../other",
    "/v1/kv/%2e%2e/kv/app/",
    "/v1/kv/app%2f..%2f",
    "/v1/./kv/app/",
    "/v1/kv/app/.",
    "/../../v1/kv/other",
    "/v1/kv/app/%2E/%2E%2e/",
];

#[tokio::test]
async fn a_write_with_dots_in_its_path_changes_nothing() {
    let gateway = Gateway::start().await;
    gateway.set("app/a", "1").await;
    gateway.set("other", "2").await;
    for path in DOTS {
        for (method, query) in [
            ("DELETE", "?recurse"),
            ("DELETE", ""),
            ("PUT", ""),
            ("PUT", "?cas=0"),
            ("POST", ""),
            ("OPTIONS", ""),
        ] {
            let answer = gateway
                .ask(method, &format!("{path}{query}"), &[], b"3")
                .await;
            assert_eq!(answer.status, 400, "{method} {path}");
            // A client that follows a redirect with the same method would delete after all.
            assert_eq!(answer.header("location"), "", "{method} {path}");
            assert!(
                answer.text().contains("never acted on"),
                "{}",
                answer.text()
            );
        }
    }
    let keys = gateway.get("kv/?keys").await;
    assert_eq!(keys.text(), r#"["app/a","other"]"#);
    assert_eq!(gateway.get("kv/other?raw").await.text(), "2");
}

#[tokio::test]
async fn a_path_without_its_last_slash_is_not_taken_for_the_one_with_it() {
    let gateway = Gateway::start().await;
    gateway.set("a", "1").await;
    for (method, path) in [
        ("DELETE", "/v1/kv?recurse"),
        ("DELETE", "/v1//kv?recurse"),
        ("PUT", "/v1/session/destroy"),
        ("OPTIONS", "/v1/kv"),
    ] {
        let answer = gateway.ask(method, path, &[], b"").await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, ""),
            "{path}"
        );
        assert!(
            answer.text().contains("never acted on"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(gateway.get("kv/?keys").await.text(), r#"["a"]"#);
    let answer = gateway.ask("GET", "/v1/kv?keys&x=y", &[], b"").await;
    let location = answer.header("location");
    assert_eq!((answer.status, location), (301, "/v1/kv/?keys&x=y"));
}

#[tokio::test]
async fn a_read_with_dots_in_its_path_is_redirected_as_go_does() {
    let gateway = Gateway::start().await;
    gateway.set("app/a", "1").await;
    for path in DOTS {
        for method in ["GET", "HEAD"] {
            let answer = gateway.ask(method, path, &[], b"").await;
            assert_eq!(answer.status, 301, "{method} {path}");
        }
    }
    let request =
        b"GET /v1/kv/x/../app/a?raw&x=<y> HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = send(gateway.address, request).await;
    assert!(
        answer.contains("\r\nLocation: /v1/kv/app/a?raw&x=<y>\r\n"),
        "{answer}"
    );
    let body = "<a href=\"/v1/kv/app/a?raw&amp;x=&lt;y&gt;\">Moved Permanently</a>.\n\n";
    assert!(answer.ends_with(body), "{answer}");
}

#[tokio::test]
async fn a_recursive_delete_of_all_keys_keeps_the_sessions() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    gateway.set(&format!("a?acquire={id}"), "v").await;
    assert_eq!(gateway.delete("kv/?recurse").await.text(), "true");
    assert_eq!(gateway.get("kv/?keys").await.text(), "[]");
    assert_eq!(
        gateway.get(&format!("session/info/{id}")).await.field("ID"),
        id
    );
}

#[tokio::test]
async fn no_key_reaches_internal_records() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    for key in [
        format!("lease/{id}"),
        format!("%ff%fflease/{id}"),
        "delay/a".to_owned(),
    ] {
        assert_eq!(gateway.get(&format!("kv/{key}")).await.status, 404);
        gateway.put(&format!("kv/{key}"), "x").await;
        gateway.delete(&format!("kv/{key}")).await;
    }
    assert_eq!(gateway.get("kv/?recurse").await.status, 404);
    assert_eq!(
        gateway.get(&format!("session/info/{id}")).await.field("ID"),
        id
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every request gets an answer, and none is an internal error.
    #[test]
    fn every_request_is_answered(
        method in "(GET|PUT|DELETE|POST|HEAD|OPTIONS|X)",
        path in "(kv|txn|session/(create|destroy|renew|info|node|list)|agent/self|catalog/nodes|x)(/[a-z%0-9./:-]{0,12})?",
        query in "(\\?(recurse|keys|raw|cas|flags|acquire|release|index|wait|separator|stale|consistent|pretty|dc)(=[a-z0-9%+.-]{0,6})?(&(cas|keys|wait|index|pretty|recurse)(=[0-9a-z-]{0,4})?)?)?",
        body in "[\\[\\]{}\",:a-zA-Z0-9]{0,24}",
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
            let gateway = Gateway::start().await;
            let answer = gateway.call(&method, &format!("{path}{query}"), body.clone()).await;
            let known = [200, 301, 400, 401, 404, 405, 409, 500, 501];
            assert!(known.contains(&answer.status), "{method} {path}{query}: {}", answer.status);
        });
    }

    #[test]
    fn every_value_round_trips(value: Vec<u8>, flags: u64) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let gateway = Gateway::start().await;
            gateway.call("PUT", &format!("kv/a?flags={flags}"), value.clone()).await;
            assert_eq!(gateway.call("GET", "kv/a?raw", "").await.body, value);
            let answer = gateway.call("GET", "kv/a", "").await;
            assert_eq!(answer.field("Flags"), flags);
            let shown = answer.field("Value");
            let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, shown.as_str().unwrap_or(""));
            assert_eq!(decoded.unwrap(), value);
        });
    }
}
