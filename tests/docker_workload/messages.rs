//! Messages of HTTP, found in the bytes of a connection.

use support::recorder::message::MessageReader;

const ANSWERS: &[u8] = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nxy";

#[test]
fn messages_are_found_however_the_bytes_are_split() {
    for size in 1..ANSWERS.len() {
        let mut reader = MessageReader::of_answers();
        let parts = ANSWERS.chunks(size);
        let found: Vec<_> = parts.flat_map(|part| reader.take(part)).collect();
        let found: Vec<_> = found
            .iter()
            .map(|message| (message.head.status, message.head.index, &*message.body))
            .collect();
        assert_eq!(found, [(200, Some(7), &b"abcde"[..]), (404, None, b"xy")]);
    }
}

#[test]
fn a_watch_is_a_request_while_its_answer_has_no_end() {
    let mut requests = MessageReader::of_requests();
    let found = requests.take(b"GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(found[0].head.target, "/v2/keys/a?wait=true");
    let mut answers = MessageReader::of_answers();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(answers.take(head).is_empty());
    assert_eq!(answers.take(b"1\r\na\r\n0\r\n\r\n").len(), 1);
}
