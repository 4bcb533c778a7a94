//! A request: its method, target, headers and body.

/// A request. The connection adds `Host`, `User-Agent`, `Accept-Encoding` and credentials.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path with its query, encoded.
    pub target: &'a str,
    /// The type of the body, where one is sent.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Whether the bytes of a successful answer are only counted: nobody reads them.
    pub is_counted: bool,
}

impl<'a> HttpRequest<'a> {
    /// A request without a body.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        Self {
            method,
            target,
            content_type: None,
            body: &[],
            is_counted: false,
        }
    }

    /// This request, of whose successful answer only the length matters.
    #[must_use]
    pub fn counted(self) -> Self {
        Self {
            is_counted: true,
            ..self
        }
    }

    /// A request with a body without a type, as Go's clients send bytes.
    pub fn with_body(method: &'a str, target: &'a str, body: &'a [u8]) -> Self {
        Self {
            body,
            ..Self::new(method, target)
        }
    }

    /// A request with the fields of a form.
    pub fn with_form(method: &'a str, target: &'a str, form: &'a str) -> Self {
        Self {
            content_type: Some("application/x-www-form-urlencoded"),
            body: form.as_bytes(),
            ..Self::new(method, target)
        }
    }

    /// Appends the request's bytes; `common` are header lines that every request of the connection has.
    pub(super) fn write(&self, common: &[u8], to: &mut Vec<u8>) {
        let mut text = |part: &str| to.extend_from_slice(part.as_bytes());
        text(self.method);
        text(" ");
        text(self.target);
        text(" HTTP/1.1\r\n");
        if let Some(content_type) = self.content_type {
            text("Content-Type: ");
            text(content_type);
            text("\r\n");
        }
        // As Go does: a method that usually has a body says that there is none.
        if !self.body.is_empty() || matches!(self.method, "PUT" | "POST") {
            text("Content-Length: ");
            text(&self.body.len().to_string());
            text("\r\n");
        }
        to.extend_from_slice(common);
        to.extend_from_slice(b"\r\n");
        to.extend_from_slice(self.body);
    }
}
