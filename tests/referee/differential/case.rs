//! A case: a sequence of requests of several clients, told in a way that can be shortened and printed.
//!
//! In texts, `$` is the case's own prefix and `@{key}` the index a server last told of a key (`@{}`: its index when
//! the case began); `@{key+1}` is one more. `#{name}` is the id of the session of that name.

use std::fmt;

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Pairs of a form.
    Form(Vec<String>),
    /// The elements of a JSON list.
    List(Vec<String>),
    /// Anything.
    Text(String),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which connection it goes by.
    pub client: usize,
    pub method: &'static str,
    pub path: String,
    /// Pairs of the query.
    pub query: Vec<String>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// One step of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask and compare the answers.
    Ask(Request),
    /// Ask for what may have to wait; whatever comes is compared when it comes.
    Park(Request),
    /// Ask, then wait until what is asked next answers that something is gone.
    Gone(Request, Request),
}

impl Request {
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            client: 0,
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Text(String::new()),
        }
    }

    /// Whether it changes nothing.
    pub fn reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Path and query.
    pub fn target(&self) -> String {
        let mut target = self.path.clone();
        if !self.query.is_empty() {
            target.push('?');
            target += &self.query.join("&");
        }
        target
    }

    pub fn content(&self) -> String {
        match &self.body {
            Body::Form(pairs) => pairs.join("&"),
            Body::List(elements) => format!("[{}]", elements.join(",")),
            Body::Text(text) => text.clone(),
        }
    }

    /// Every request with one part less.
    pub fn lesser(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut with = |change: &dyn Fn(&mut Self)| {
            let mut less = self.clone();
            change(&mut less);
            if less != *self {
                all.push(less);
            }
        };
        with(&|less| less.client = 0);
        for at in 0..self.query.len() {
            with(&|less| drop(less.query.remove(at)));
        }
        for at in 0..self.headers.len() {
            with(&|less| drop(less.headers.remove(at)));
        }
        if let Body::Form(parts) | Body::List(parts) = &self.body {
            for at in 0..parts.len() {
                with(&|less| {
                    if let Body::Form(parts) | Body::List(parts) = &mut less.body {
                        parts.remove(at);
                    }
                });
            }
        }
        if matches!(&self.body, Body::Text(text) if !text.is_empty()) {
            with(&|less| less.body = Body::Text(String::new()));
        }
        all
    }
}

impl Step {
    /// Every step with one part less.
    pub fn lesser(&self) -> Vec<Self> {
        match self {
            Self::Ask(request) => request.lesser().into_iter().map(Self::Ask).collect(),
            Self::Park(request) => request.lesser().into_iter().map(Self::Park).collect(),
            Self::Gone(request, gone) => {
                let less = request.lesser().into_iter();
                less.map(|less| Self::Gone(less, gone.clone())).collect()
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "curl")?;
        match self.method {
            "GET" => {}
            "HEAD" => write!(out, " -I")?,
            method => write!(out, " -X {method}")?,
        }
        write!(
            out,
            " {}",
            quoted(&format!("http://$SERVER{}", self.target()))
        )?;
        for (name, value) in &self.headers {
            write!(out, " -H {}", quoted(&format!("{name}: {value}")))?;
        }
        let content = self.content();
        if !content.is_empty() {
            write!(out, " --data-binary {}", quoted(&content))?;
        }
        if self.client > 0 {
            write!(out, "  # client {}", self.client)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(request) => write!(out, "{request}"),
            Self::Park(request) => write!(out, "{request} &"),
            Self::Gone(request, gone) => write!(out, "{request}; until gone: {gone}"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", short(text).replace('\'', r"'\''"))
}

/// A text that is not too long to be read.
pub fn short(text: &str) -> String {
    const LONGEST: usize = 600;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}
