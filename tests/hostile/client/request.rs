//! Requests as bytes, complete unless an attack cuts them.

/// The type of a form.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A GET.
pub(crate) fn get(target: &str) -> Vec<u8> {
    request("GET", target, "", b"")
}

/// A GET of a client that accepts gzip.
pub(crate) fn get_gzip(target: &str) -> Vec<u8> {
    request("GET", target, "Accept-Encoding: gzip\r\n", b"")
}

/// A DELETE.
pub(crate) fn delete(target: &str) -> Vec<u8> {
    request("DELETE", target, "", b"")
}

/// A PUT of a body without a type.
pub(crate) fn put(target: &str, body: &[u8]) -> Vec<u8> {
    request("PUT", target, "", body)
}

/// A PUT of a form.
pub(crate) fn put_form(target: &str, body: &[u8]) -> Vec<u8> {
    request("PUT", target, FORM, body)
}

fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    // An address passes every rule about names of hosts.
    let length = match method {
        "GET" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{length}\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
