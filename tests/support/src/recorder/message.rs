//! `MessageReader`: the messages of HTTP in one direction of a connection, found in its bytes.

use crate::http_client::unpack;

/// The first line and the header fields of a message.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub method: String,
    pub target: String,
    pub status: u16,
    pub index: Option<i64>,
    gzipped: bool,
}

/// A message that has arrived whole.
#[derive(Debug)]
pub struct Message {
    pub head: Head,
    /// Unpacked, if it was packed.
    pub body: Vec<u8>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum Length {
    Bytes(usize),
    Chunked,
}

/// A reader of requests or of answers.
#[derive(Debug)]
pub struct MessageReader {
    answers: bool,
    bytes: Vec<u8>,
    /// Of the message whose body is arriving.
    head: Option<(Head, Length)>,
    body: Vec<u8>,
}

impl MessageReader {
    pub fn of_requests() -> Self {
        Self::new(false)
    }

    pub fn of_answers() -> Self {
        Self::new(true)
    }

    fn new(answers: bool) -> Self {
        Self {
            answers,
            bytes: Vec::new(),
            head: None,
            body: Vec::new(),
        }
    }

    /// Takes bytes, and returns the messages that are whole with them.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.bytes.extend_from_slice(bytes);
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<Message> {
        if self.head.is_none() {
            self.head = Some(self.take_head()?);
        }
        let (_, length) = self.head.as_ref()?;
        match *length {
            Length::Bytes(length) => {
                if self.bytes.len() < length {
                    return None;
                }
                self.body = self.bytes.drain(..length).collect();
            }
            Length::Chunked => while !self.take_chunk()? {},
        }
        let (head, _) = self.head.take()?;
        let mut body = std::mem::take(&mut self.body);
        if head.gzipped {
            body = unpack(&body);
        }
        Some(Message { head, body })
    }

    fn take_head(&mut self) -> Option<(Head, Length)> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let (end, mut head, fields) = if self.answers {
            let mut answer = httparse::Response::new(&mut fields);
            let end = answer.parse(&self.bytes).unwrap();
            let head = Head {
                status: answer.code.unwrap_or_default(),
                ..Head::default()
            };
            (end, head, &*answer.headers)
        } else {
            let mut request = httparse::Request::new(&mut fields);
            let end = request.parse(&self.bytes).unwrap();
            let head = Head {
                method: request.method.unwrap_or_default().to_owned(),
                target: request.path.unwrap_or_default().to_owned(),
                ..Head::default()
            };
            (end, head, &*request.headers)
        };
        if end.is_partial() {
            return None;
        }
        let mut length = Length::Bytes(0);
        for field in fields {
            let value = String::from_utf8_lossy(field.value);
            match field.name.to_ascii_lowercase().as_str() {
                "content-length" => length = Length::Bytes(value.parse().unwrap()),
                "transfer-encoding" => length = Length::Chunked,
                "content-encoding" => head.gzipped = value == "gzip",
                "x-consul-index" | "x-etcd-index" => head.index = value.parse().ok(),
                _ => {}
            }
        }
        self.bytes.drain(..end.unwrap());
        Some((head, length))
    }

    /// Takes one chunk, and returns whether it was the last.
    fn take_chunk(&mut self) -> Option<bool> {
        let httparse::Status::Complete((start, length)) =
            httparse::parse_chunk_size(&self.bytes).unwrap()
        else {
            return None;
        };
        let length = usize::try_from(length).unwrap();
        // The empty line after it; neither server sends trailers.
        if self.bytes.len() < start + length + 2 {
            return None;
        }
        self.body
            .extend_from_slice(&self.bytes[start..start + length]);
        self.bytes.drain(..start + length + 2);
        Some(length == 0)
    }
}
