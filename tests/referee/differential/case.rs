//! A case: a sequence of requests of several clients, in a form that can be shortened and printed.
//!
//! In texts, `$` is the case's own prefix and `@{key}` the index a server last answered for a key (`@{}`: its index when
//! the case began); `@{key+1}` is one more. `#{name}` is the id of the session of that name.

use std::fmt;

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Pairs of a form.
    Form(Vec<String>),
    /// The elements of a JSON list.
    List(Vec<String>),
    /// Any other text.
    Text(String),
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client whose connection it uses.
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
    /// Send and compare the answers.
    Ask(Request),
    /// Send a request that may block; its answer is compared when it arrives.
    Park(Request),
    /// Send, then repeat the second request until its answer says that the key or session is gone.
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

    /// Whether it is a read.
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

    /// The requests with one part removed.
    pub fn reductions(&self) -> Vec<Self> {
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
    /// The steps with one part removed.
    pub fn reductions(&self) -> Vec<Self> {
        match self {
            Self::Ask(request) => request.reductions().into_iter().map(Self::Ask).collect(),
            Self::Park(request) => request.reductions().into_iter().map(Self::Park).collect(),
            Self::Gone(request, gone) => {
                let less = request.reductions().into_iter();
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

/// The text, cut after a readable length.
pub fn short(text: &str) -> String {
    const LONGEST: usize = 600;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}
