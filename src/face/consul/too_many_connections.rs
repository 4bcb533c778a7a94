//! Answer to a connection above the limit of its address (`http_max_conns_per_client`), of Consul from 1.9 on: 1.8.7 closes it
//! without a word, which shows nobody what to change.

/// The bytes that the client gets, whatever it asks, before its connection is closed.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 81\r\n\
    Connection: close\r\n\r\n\
    Your IP is issuing too many concurrent connections, please rate limit your calls\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_length_is_that_of_its_sentence() {
        let text = std::str::from_utf8(TOO_MANY_CONNECTIONS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{text}"
        );
    }
}
