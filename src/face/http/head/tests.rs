//! Tests of request heads, by Go's rules.

use proptest::prelude::*;

use super::*;
use crate::face::http::framing::Chunk;

/// The head in bytes that come in pieces of this length, and what follows it.
fn read(bytes: &[u8], piece: usize) -> Result<(Box<Head>, Vec<u8>), Option<RequestRefusal>> {
    let mut reader = Reader::default();
    let mut input = BytesMut::new();
    let mut pieces = bytes.chunks(piece.max(1));
    for next in pieces.by_ref() {
        input.extend_from_slice(next);
        match reader.read(&mut input, 1 << 20).map_err(Some)? {
            Found::Head(head) => {
                let mut rest = input.to_vec();
                rest.extend(pieces.flatten());
                return Ok((head, rest));
            }
            Found::Http2 => return Err(None),
            Found::More => {}
        }
    }
    Err(None)
}

fn head(text: &str) -> Box<Head> {
    let bytes = text.replace('\n', "\r\n").into_bytes();
    let (head, rest) = read(&bytes, bytes.len()).unwrap();
    assert!(rest.is_empty());
    head
}

fn refused(text: &str) -> RequestRefusal {
    let bytes = text.replace('\n', "\r\n").into_bytes();
    read(&bytes, bytes.len()).unwrap_err().unwrap()
}

#[test]
fn a_head_is_read_in_any_pieces() {
    let bytes = b"PUT /v1/kv/a#b?c=<d> HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    for piece in 1..=bytes.len() {
        let (head, rest) = read(bytes, piece).unwrap();
        assert_eq!(head.method, Method::PUT);
        assert_eq!(head.target.path, "/v1/kv/a#b");
        assert_eq!(head.target.query(), b"c=<d>");
        assert_eq!(head.framing, Framing::Length(3));
        assert!(head.keep_alive);
        assert_eq!(rest, b"abc");
    }
}

#[test]
fn targets_keep_every_byte_except_controls() {
    for byte in 0x21..=0xff_u8 {
        let bytes = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        if byte == 0x7f {
            assert_eq!(
                read(&bytes, 99).unwrap_err(),
                Some(RequestRefusal::MALFORMED)
            );
        } else if byte != b'?' && byte != b'%' {
            let (head, _) = read(&bytes, 99).unwrap();
            assert_eq!(head.target.path, &[b"/a", &[byte][..], b"b"].concat()[..]);
        }
    }
}

#[test]
fn request_lines_are_read_as_go_reads_them() {
    for (target, path) in [
        ("http://x/a?b", "/a"),
        ("x://y:1/a", "/a"),
        ("*", "*"),
        ("//a", "//a"),
    ] {
        assert_eq!(
            head(&format!("GET {target} HTTP/1.1\nHost: x\n\n"))
                .target
                .path,
            path
        );
    }
    assert_eq!(head("CONNECT a:80 HTTP/1.1\n\n").target.path, "");
    assert_eq!(head("GET / HTTP/1.9\nHost: x\n\n").version, Version::Http11);
    assert!(!head("GET / HTTP/1.0\n\n").keep_alive);
    assert!(head("GET / HTTP/1.0\nConnection: Keep-Alive\n\n").keep_alive);
    assert!(!head("GET / HTTP/1.1\nHost: x\nConnection: a, Close\n\n").keep_alive);
    for line in [
        "",
        "hello",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / x HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET a HTTP/1.1",
        "GET x:y HTTP/1.1",
        "GET h/x://y/version HTTP/1.1",
        "GET ://y/a HTTP/1.1",
        "GET / HTTP/1",
        "GET / http/1.1",
        "GET /\u{1} HTTP/1.1",
    ] {
        assert_eq!(
            refused(&format!("{line}\n")),
            RequestRefusal::MALFORMED,
            "{line:?}"
        );
    }
    assert_eq!(refused("GET / HTTP/2.0\n"), RequestRefusal::VERSION);
    assert_eq!(
        read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 99).unwrap_err(),
        None
    );
}

#[test]
fn bytes_that_begin_no_request_are_refused_before_the_line_ends() {
    // The begin of a TLS handshake, and of a ZooKeeper session.
    for bytes in [&b"\x16\x03\x01"[..], b"\0\0\0\x2c\0\0", b"GE\x80"] {
        let refused = read(bytes, 99).unwrap_err();
        assert_eq!(refused, Some(RequestRefusal::MALFORMED), "{bytes:?}");
    }
    assert_eq!(read(b"GET /\x80", 99).unwrap_err(), None);
}

#[test]
fn invalid_headers_are_refused_with_gos_message() {
    for (headers, detail) in [
        ("A: b", "missing required Host header"),
        ("Host: a\nHost: b", "too many Host headers"),
        ("Host: a{b", "malformed Host header"),
        ("Host: a b", "malformed Host header"),
        ("Host: a\nX Y: b", "invalid header name"),
        ("Host: a\nX : b", "invalid header name"),
        ("Host: a\nX: b\u{1}", "invalid header value"),
    ] {
        let refusal = refused(&format!("GET / HTTP/1.1\n{headers}\n\n"));
        assert_eq!(refusal, RequestRefusal::bad_request(detail), "{headers:?}");
    }
    let no_header = refused("GET / HTTP/1.1\nHost: a\nX\n\n");
    assert_eq!(no_header, RequestRefusal::MALFORMED);
    let many = "X: 1\n".repeat(5_000);
    let refusal = refused(&format!("GET / HTTP/1.1\nHost: a\n{many}\n"));
    assert_eq!(refusal, RequestRefusal::TOO_LARGE);
    let some = head(&format!(
        "GET / HTTP/1.1\nHost: a\n{}\n",
        "X: 1\n".repeat(500)
    ));
    assert_eq!(some.headers.get_all("x").iter().count(), 500);
}

#[test]
fn folded_headers_are_joined() {
    let head = head("GET / HTTP/1.1\nHost: a\nX: b \n\t c\n   d\nY: e\n\n");
    assert_eq!(head.headers["x"], "b c d");
    assert_eq!(head.headers["y"], "e");
}

#[test]
fn headers_define_the_framing_of_the_body() {
    let framing = |headers: &str| head(&format!("PUT / HTTP/1.1\nHost: a\n{headers}\n\n")).framing;
    let chunked = Framing::Chunked(Chunk::Size);
    assert_eq!(framing("X: y"), Framing::DONE);
    assert_eq!(
        framing("Content-Length: 3\nContent-Length: 3"),
        Framing::Length(3)
    );
    assert_eq!(framing("Content-Length:"), Framing::DONE);
    assert_eq!(
        framing("Transfer-Encoding: Chunked\nContent-Length: 3"),
        chunked
    );
    let both = head("PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 3\n\n");
    assert!(!both.headers.contains_key("content-length"));
    let old = head("PUT / HTTP/1.0\nTransfer-Encoding: chunked\nContent-Length: 3\n\n");
    assert_eq!(old.framing, Framing::Length(3));
    let refused = |headers: &str| refused(&format!("PUT / HTTP/1.1\nHost: a\n{headers}\n\n"));
    for lengths in [
        "Content-Length: 3\nContent-Length: 4",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 0x3",
        "Content-Length: 3, 3",
        "Content-Length: 9223372036854775808",
    ] {
        assert_eq!(refused(lengths), RequestRefusal::MALFORMED, "{lengths}");
    }
    let with_body = read(
        b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        99,
    );
    assert_eq!(with_body.unwrap_err(), Some(RequestRefusal::MALFORMED));
    let without = head("HEAD / HTTP/1.1\nHost: a\nContent-Length: 0\n\n");
    assert_eq!(without.framing, Framing::DONE);
    for encoding in [
        "gzip, chunked",
        "identity",
        "chunked\nTransfer-Encoding: chunked",
    ] {
        let refusal = refused(&format!("Transfer-Encoding: {encoding}"));
        assert_eq!(refusal, RequestRefusal::ENCODING, "{encoding}");
    }
}

#[test]
fn a_head_past_the_size_limit_is_refused() {
    let mut reader = Reader::default();
    let mut input = BytesMut::from(&b"GET /"[..]);
    input.extend_from_slice(&[b'a'; 100]);
    assert_eq!(
        reader.read(&mut input, 64).unwrap_err(),
        RequestRefusal::TOO_LARGE
    );
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes: Vec<u8>, piece in 1_usize..20) {
        let _read = read(&bytes, piece);
    }

    #[test]
    fn no_head_causes_a_panic(
        first in "[A-Z(]{0,4} [ -~]{0,9} HTTP/[0-9.]{1,3}",
        lines in proptest::collection::vec("[ -~\t]{0,12}", 0..6),
        piece in 1_usize..20,
    ) {
        let text = format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n"));
        let one = read(text.as_bytes(), text.len()).map_err(|refusal| refusal.is_some());
        let many = read(text.as_bytes(), piece).map_err(|refusal| refusal.is_some());
        prop_assert_eq!(one.is_ok(), many.is_ok());
    }
}
