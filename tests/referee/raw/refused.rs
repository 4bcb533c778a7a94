//! Requests that a server must refuse, or must not take for others: without a host or with two, with an encoding that it does
//! not undo, and CONNECT.

use super::grammar::{Case, Face, probe};

/// What is sent: `KEYS` stands for the path of the case's keys.
const REQUESTS: [(&str, &[&str]); 14] = [
    ("GET", &["GET KEYS/a HTTP/1.1", "", ""]),
    (
        "PUT",
        &["PUT KEYS/a?value=v HTTP/1.1", "Content-Length: 1", "", "v"],
    ),
    (
        "GET",
        &["GET KEYS/a HTTP/1.1", "Host: a", "Host: a", "", ""],
    ),
    (
        "GET",
        &["GET KEYS/a HTTP/1.1", "host: a", "HOST: b", "", ""],
    ),
    (
        "PUT",
        &[
            "PUT KEYS/a?value=v HTTP/1.1",
            "Host: a",
            "Host: b",
            "Content-Length: 1",
            "",
            "v",
        ],
    ),
    ("GET", &["GET KEYS/a HTTP/1.0", "", ""]),
    (
        "GET",
        &["GET KEYS/a HTTP/1.0", "Host: a", "Host: b", "", ""],
    ),
    ("GET", &["GET KEYS/a HTTP/1.1", "Host: a b", "", ""]),
    (
        "CONNECT",
        &["CONNECT KEYS/a HTTP/1.1", "Host: case", "", ""],
    ),
    (
        "CONNECT",
        &["CONNECT case:1 HTTP/1.1", "Host: case:1", "", ""],
    ),
    (
        "PUT",
        &[
            "PUT KEYS/a HTTP/1.1",
            "Host: case",
            FORM,
            "Transfer-Encoding: gzip, chunked",
            "",
            CHUNKS,
        ],
    ),
    (
        "PUT",
        &[
            "PUT KEYS/a HTTP/1.1",
            "Host: case",
            FORM,
            "Transfer-Encoding: gzip",
            "",
            CHUNKS,
        ],
    ),
    (
        "PUT",
        &[
            "PUT KEYS/a HTTP/1.1",
            "Host: case",
            FORM,
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: chunked",
            "",
            CHUNKS,
        ],
    ),
    (
        "PUT",
        &[
            "PUT KEYS/a HTTP/1.1",
            "Host: case",
            FORM,
            "Transfer-Encoding: CHUNKED",
            "",
            CHUNKS,
        ],
    ),
];

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const CHUNKS: &str = "7\r\nvalue=v\r\n0\r\n\r\n";

/// The cases, each a request and the probe.
pub fn cases(face: Face) -> impl Iterator<Item = Case> {
    REQUESTS
        .iter()
        .enumerate()
        .map(move |(number, (method, lines))| {
            let prefix = format!("f{number:02}");
            let keys = format!("{}{prefix}", face.keys());
            let request = lines.join("\r\n").replace("KEYS", &keys);
            let bytes = format!("{request}{}", probe(face)).into_bytes();
            Case {
                bytes,
                prefix,
                methods: vec![method, "GET"],
                faults: Vec::new(),
            }
        })
}
