//! Objects of a list that is answered in one piece, as they arrive: its text may be longer than a gateway has memory for.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;

use super::error::ApiError;
use super::list_page::ListPage;

/// The longest object, with the largest value.
const LONGEST: usize = 16 << 20;

/// The longest list without its objects.
const LONGEST_REST: usize = 1 << 20;

/// How long the next bytes may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The depth of brackets between the objects of a list: its own, and those of `items`.
const BETWEEN_ITEMS: usize = 2;

/// A list whose answer arrives.
pub(crate) struct ListStream {
    body: Body,
    splitter: ItemSplitter,
}

impl std::fmt::Debug for ListStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListStream")
            .field("depth", &self.splitter.depth)
            .finish_non_exhaustive()
    }
}

impl ListStream {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            splitter: ItemSplitter::default(),
        }
    }

    /// The objects that have arrived, at least one; `None` at the end of the answer.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Bytes>>, ApiError> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| {
                ApiError::Unknown(format!("a list that stops for {} s", PATIENCE.as_secs()))
            })?;
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| ApiError::Unknown(error.to_string()))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let items = self.splitter.split(data)?;
            if !items.is_empty() {
                return Ok(Some(items));
            }
        }
    }

    /// The list without its objects, once all of it has arrived.
    pub(crate) fn finish(self) -> Result<ListPage, ApiError> {
        let page: Result<ListPage, _> = serde_json::from_slice(&self.splitter.rest);
        let page = page.map_err(|error| ApiError::Unknown(error.to_string()))?;
        // Objects that are still in it were not split off, and nobody has read them.
        if page.items.is_empty() && page.metadata.next_page.is_empty() {
            Ok(page)
        } else {
            Err(ApiError::Unknown("a list that is not whole".to_owned()))
        }
    }
}

/// Splits the JSON text of a list into its objects and the rest, wherever it is cut into pieces.
#[derive(Debug, Default)]
struct ItemSplitter {
    /// The list without its objects.
    rest: Vec<u8>,
    /// An object that is not whole yet.
    item: Vec<u8>,
    /// The number of open brackets.
    depth: usize,
    is_in_items: bool,
    is_in_string: bool,
    is_escaped: bool,
}

impl ItemSplitter {
    /// Takes the next bytes; returns the objects that end in them.
    fn split(&mut self, bytes: &[u8]) -> Result<Vec<Bytes>, ApiError> {
        let mut items = Vec::new();
        for byte in bytes {
            let (was_in_items, was_in_item) = (self.is_in_items, self.is_in_item());
            self.advance(*byte);
            if was_in_item || self.is_in_item() {
                self.item.push(*byte);
                if !self.is_in_item() {
                    items.push(Bytes::from(std::mem::take(&mut self.item)));
                }
            } else if !(was_in_items && self.is_in_items) {
                // What stands between two objects belongs to neither, nor to the rest.
                self.rest.push(*byte);
            }
        }
        if self.item.len() > LONGEST || self.rest.len() > LONGEST_REST {
            let long = "a list with more than an object may have, or beside its objects";
            return Err(ApiError::Unknown(long.to_owned()));
        }
        Ok(items)
    }

    fn is_in_item(&self) -> bool {
        self.is_in_items && self.depth > BETWEEN_ITEMS
    }

    fn advance(&mut self, byte: u8) {
        if self.is_in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.is_in_string = true,
            b'{' | b'[' => {
                self.is_in_items |= self.depth == 1 && self.rest.ends_with(b"\"items\":");
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_in_items &= self.depth >= BETWEEN_ITEMS;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list whose strings, and a nested `items`, look like the ends of objects.
    const LIST: &str = r#"{"apiVersion":"v1","items":[{"a":"}],\"{\\"},{"items":[{},[]],"b":{}},{}],"metadata":{"resourceVersion":"7","note":"\"items\":["}}"#;

    const ITEMS: [&str; 3] = [r#"{"a":"}],\"{\\"}"#, r#"{"items":[{},[]],"b":{}}"#, "{}"];

    #[test]
    fn objects_are_whole_wherever_the_text_is_cut() {
        for cut in 0..LIST.len() {
            let mut splitter = ItemSplitter::default();
            let (first, second) = LIST.as_bytes().split_at(cut);
            let mut items = splitter.split(first).unwrap();
            items.extend(splitter.split(second).unwrap());
            assert_eq!(items, ITEMS, "cut at {cut}");
            let rest: ListPage = serde_json::from_slice(&splitter.rest).unwrap();
            assert_eq!((rest.version(), rest.items.len()), (Ok(7), 0));
        }
    }

    async fn read(text: &str) -> Result<(usize, u64), ApiError> {
        let mut stream = ListStream::new(Body::from(text.as_bytes().to_vec()));
        let mut items = 0;
        while let Some(some) = stream.next().await? {
            items += some.len();
        }
        Ok((items, stream.finish()?.version()?))
    }

    #[tokio::test]
    async fn list_that_is_cut_off_or_was_not_split_is_an_error() {
        assert_eq!(read(LIST).await, Ok((3, 7)));
        let empty = r#"{"items":[],"metadata":{"resourceVersion":"7"}}"#;
        assert_eq!(read(empty).await, Ok((0, 7)));
        let page = r#"{"items":[{}],"metadata":{"resourceVersion":"7","continue":"x"}}"#;
        assert!(read(page).await.is_err(), "there are more objects");
        let spaced = r#"{"items" : [{}],"metadata":{"resourceVersion":"7"}}"#;
        assert!(read(spaced).await.is_err(), "its object was not split off");
        for cut in 0..LIST.len() {
            let text = LIST.get(..cut).unwrap();
            assert!(read(text).await.is_err(), "cut at {cut}");
        }
    }
}
