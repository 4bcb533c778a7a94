//! Lines of a response body that has no end yet.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;

/// The longest line: an object with the largest value.
const LONGEST: usize = 16 << 20;

/// The lines of a body, as they arrive.
pub(crate) struct ResponseLines {
    body: Body,
    /// Bytes that are not a whole line yet.
    rest: BytesMut,
    /// How many of them were searched for the end of a line.
    searched: usize,
}

impl std::fmt::Debug for ResponseLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("rest", &self.rest.len())
            .finish_non_exhaustive()
    }
}

impl ResponseLines {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            rest: BytesMut::new(),
            searched: 0,
        }
    }

    /// The lines that have arrived, at least one; `None` at the end of the body. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<Bytes>, String>> {
        loop {
            let lines = self.whole_lines();
            if !lines.is_empty() {
                return Some(Ok(lines));
            }
            if self.rest.len() > LONGEST {
                return Some(Err(format!("a line of more than {LONGEST} bytes")));
            }
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    }

    fn whole_lines(&mut self) -> Vec<Bytes> {
        let mut lines = Vec::new();
        while let Some(end) = self
            .rest
            .get(self.searched..)
            .and_then(|unread| unread.iter().position(|byte| *byte == b'\n'))
        {
            let mut line = self.rest.split_to(self.searched + end + 1);
            line.truncate(line.len().saturating_sub(1));
            self.searched = 0;
            lines.push(line.freeze());
        }
        self.searched = self.rest.len();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_whole_however_frames_cut_them() {
        let mut lines = ResponseLines::new(Body::from(b"{\"a\":1}\n{\"b\"".to_vec()));
        assert_eq!(lines.next().await.unwrap().unwrap(), ["{\"a\":1}"]);
        lines.rest.extend_from_slice(b":2}\n\n");
        assert_eq!(lines.next().await.unwrap().unwrap(), ["{\"b\":2}", ""]);
        assert!(lines.next().await.is_none(), "the body has ended");
    }
}
