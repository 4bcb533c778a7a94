//! Grammar of raw requests: mostly valid, each part sometimes faulty.

use fastrand::Rng;

/// The server that gets the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Consul,
    Etcd,
}

impl Face {
    /// The path of the keys.
    pub fn keys(self) -> &'static str {
        match self {
            Self::Consul => "/v1/kv/",
            Self::Etcd => "/v2/keys/",
        }
    }

    /// A request whose answer is always the same, short, and identified by its body.
    pub fn probe(self) -> &'static str {
        match self {
            Self::Consul => "/v1/acl/list",
            Self::Etcd => "/v2/machines/",
        }
    }

    /// Targets that list and delete everything under a prefix.
    pub fn list_and_delete(self, prefix: &str) -> (String, String) {
        let keys = self.keys();
        match self {
            Self::Consul => {
                let all = format!("{keys}{prefix}/?recurse");
                (all.clone(), all)
            }
            Self::Etcd => {
                let all = format!("{keys}{prefix}?recursive=true");
                (format!("{all}&sorted=true"), all)
            }
        }
    }
}

/// The bytes that one connection sends.
#[derive(Clone, Debug)]
pub struct Case {
    pub bytes: Vec<u8>,
    /// The prefix of its keys.
    pub prefix: String,
    /// The methods of its requests, the probe's included.
    pub methods: Vec<&'static str>,
    /// Its faults, which rules look at.
    pub(super) faults: Vec<Fault>,
}

/// A fault for which a rule allows a different answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A header without a name.
    NamelessHeader,
    /// A target of more than 4 KiB.
    LongTarget,
    /// A target that does not begin with a slash.
    OddTarget,
    /// More than one slash in a row.
    Slashes,
    /// Bytes in a key that are not UTF-8.
    NotUtf8,
    /// A body without the content type of a form.
    NoForm,
    /// A body in a request that may have none.
    HeadBody,
}

const METHODS: [&str; 12] = [
    "GET", "HEAD", "GET", "PUT", "PUT", "PUT", "DELETE", "POST", "OPTIONS", "PATCH", "get",
    "CONNECT",
];

const QUERIES: [&str; 16] = [
    "raw",
    "cas=0",
    "cas=abc",
    "recurse",
    "keys",
    "value=1",
    "recursive=true",
    "dir=true",
    "prevExist=false",
    "flags=7",
    "a=%zz",
    "a;b",
    "<x>=`y`",
    "x#y",
    "pretty",
    "prevIndex=x",
];

/// Cases of one byte each, from `!` on: in the path of a write, then in the query of a read.
pub fn every_byte(face: Face) -> impl Iterator<Item = Case> {
    (0x21..=0xff_u8).map(move |byte| {
        let prefix = format!("b{byte:02x}");
        let at = format!("{}{prefix}/a", face.keys());
        let host = "Host: case\r\n";
        let mut bytes = Vec::new();
        for (begin, end) in [
            (
                format!("PUT {at}"),
                format!("b?value=v HTTP/1.1\r\n{host}Content-Length: 1\r\n\r\nv"),
            ),
            (
                format!("GET {at}?x"),
                format!("raw=y&z HTTP/1.1\r\n{host}\r\n"),
            ),
        ] {
            bytes.extend_from_slice(begin.as_bytes());
            bytes.push(byte);
            bytes.extend_from_slice(end.as_bytes());
        }
        bytes.extend_from_slice(probe(face).as_bytes());
        Case {
            bytes,
            prefix,
            methods: vec!["PUT", "GET", "GET"],
            faults: if byte >= 0x80 {
                vec![Fault::NotUtf8]
            } else {
                Vec::new()
            },
        }
    })
}

/// The request that shows whether a connection is still open.
pub(super) fn probe(face: Face) -> String {
    let target = face.probe();
    format!("GET {target} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
}

/// One in this number of parts is faulty.
const FAULTY: u32 = 9;

struct Writer<'a> {
    rng: &'a mut Rng,
    out: Vec<u8>,
    faults: Vec<Fault>,
    end: &'static str,
}

impl Case {
    /// The case of this number.
    pub fn generate(face: Face, rng: &mut Rng, number: u64) -> Self {
        let prefix = format!("r{number:07}");
        let mut methods = Vec::new();
        let mut writer = Writer {
            end: "\r\n",
            rng,
            out: Vec::new(),
            faults: Vec::new(),
        };
        for _ in 0..=writer.rng.usize(0..3) {
            writer.end = if writer.wrong() { "\n" } else { "\r\n" };
            methods.push(writer.request(face, &prefix));
        }
        if writer.rng.u32(0..12) == 0 {
            let length = writer.rng.usize(0..writer.out.len());
            writer.out.truncate(length);
        } else {
            writer.out.extend_from_slice(probe(face).as_bytes());
            methods.push("GET");
        }
        Self {
            bytes: writer.out,
            prefix,
            methods,
            faults: writer.faults,
        }
    }
}

impl Case {
    /// Whether it has this fault in any request.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether its bodies are longer than a server reads and discards.
    pub fn is_long(&self) -> bool {
        self.bytes.len() > 200_000
    }

    /// Whether one of its requests expects 100 Continue.
    pub fn expects(&self) -> bool {
        self.bytes.windows(8).any(|eight| eight == b"Expect: ")
    }
}

impl Writer<'_> {
    fn wrong(&mut self) -> bool {
        self.rng.u32(0..FAULTY) == 0
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.rng.usize(0..all.len())]
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self, text: &str) {
        let end = self.end;
        self.push(text);
        self.push(end);
    }

    fn request(&mut self, face: Face, prefix: &str) -> &'static str {
        let method = if self.rng.u32(0..40) == 0 {
            self.one_of(&["G(T", "", "P T", "\u{1}"])
        } else {
            self.one_of(&METHODS)
        };
        self.push(method);
        let blank = if self.rng.u32(0..40) == 0 { "  " } else { " " };
        self.push(blank);
        self.target(face, prefix);
        let version = if self.rng.u32(0..15) == 0 {
            self.one_of(&[
                "HTTP/1.0",
                "HTTP/1.0",
                "HTTP/1.9",
                "HTTP/2.0",
                "HTTP/1",
                "http/1.1",
                "HTTP/1.1 ",
            ])
        } else {
            "HTTP/1.1"
        };
        let blank = if self.rng.u32(0..60) == 0 { " x " } else { " " };
        self.push(blank);
        self.line(version);
        let from = self.out.len();
        self.headers();
        self.body();
        let says = |what: &[u8]| {
            self.out[from..]
                .windows(what.len())
                .any(|text| text == what)
        };
        if method == "HEAD" && (says(b"Content-Length") || says(b"Transfer-Encoding")) {
            self.faults.push(Fault::HeadBody);
        }
        method
    }

    fn target(&mut self, face: Face, prefix: &str) {
        let from = self.out.len();
        let before = match self.rng.u32(0..60) {
            0 => "*",
            1 => "http://host:1",
            2 => "x:y",
            3 => "noslash",
            _ => "",
        };
        if !before.is_empty() {
            self.faults.push(Fault::OddTarget);
        }
        self.push(before);
        self.push(face.keys());
        self.push(prefix);
        self.push("/");
        for _ in 0..self.rng.usize(0..4) {
            self.segment();
        }
        if self.rng.bool() {
            self.push("?");
            for place in 0..self.rng.usize(1..4) {
                if place > 0 {
                    self.push("&");
                }
                let query = self.one_of(&QUERIES);
                self.push(query);
                if self.wrong() {
                    self.any_byte();
                }
            }
        }
        if self.rng.u32(0..100) == 0 {
            self.faults.push(Fault::LongTarget);
            self.push("?x=");
            let length = self.rng.usize(5_000..200_000);
            self.out.resize(self.out.len() + length, b'x');
        }
        if self.out[from..].windows(2).any(|pair| pair == b"//") {
            self.faults.push(Fault::Slashes);
        }
    }

    fn segment(&mut self) {
        match self.rng.u32(0..24) {
            0 => self.push("../"),
            1 => self.push("./"),
            2 => self.push("%2e%2E/"),
            3 => {
                self.faults.push(Fault::Slashes);
                self.push("%2f");
            }
            4 => {
                self.faults.push(Fault::Slashes);
                self.push("//");
            }
            5 => {
                self.faults.push(Fault::NotUtf8);
                self.push("%ff");
            }
            6 => self.push("%zz"),
            7 | 8 => self.push("#"),
            9..=14 => self.any_byte(),
            15 => self.push("%20%3f"),
            _ => {
                let letter = self.one_of(&["a", "b", "c/", "d"]);
                self.push(letter);
            }
        }
    }

    fn any_byte(&mut self) {
        let byte = self.rng.u8(0x21..=0xff);
        if byte >= 0x80 {
            self.faults.push(Fault::NotUtf8);
        }
        // A question mark, an escape or an ampersand would change the meaning of the rest.
        if !b"?%&/".contains(&byte) {
            self.out.push(byte);
        }
    }

    fn headers(&mut self) {
        match self.rng.u32(0..50) {
            0 => {}
            1 => {
                self.line("Host: a");
                self.line("Host: b");
            }
            2 => self.line("Host: a{b"),
            3 => self.line("Host:"),
            _ => self.line("Host: case"),
        }
        for _ in 0..self.rng.usize(0..3) {
            let header = self.one_of(&[
                "X-A: b",
                "x-a:b",
                "Accept: */*",
                "Connection: keep-alive",
                "X-Token: \t blanks \t",
                "X-High: \u{e9}",
            ]);
            self.line(header);
        }
        if self.wrong() {
            let odd = self.rng.u32(0..9);
            if odd == 0 {
                self.faults.push(Fault::NamelessHeader);
            }
            let line = match odd {
                0 => ": nothing",
                1 => "no colon",
                2 => "X Y: b",
                3 => "X : b",
                4 => "X: \u{1}",
                5 => "X: a\u{7f}",
                6 => "X:\n folded",
                7 => "Connection: close",
                _ => "X(: b",
            };
            self.line(line);
        }
    }

    fn body(&mut self) {
        let length = match self.rng.u32(0..20) {
            0 => self.rng.usize(20_000..40_000),
            1 => self.rng.usize(100_000..400_000),
            _ => self.rng.usize(0..12),
        };
        if self.rng.bool() {
            self.line("Content-Type: application/x-www-form-urlencoded");
        } else {
            self.faults.push(Fault::NoForm);
        }
        let body = format!("value={}", "v".repeat(length));
        self.framed(&body);
    }

    /// A body, and the headers that define its end.
    fn framed(&mut self, body: &str) {
        match self.rng.u32(0..24) {
            0..=5 => {
                self.line("");
            }
            6..=14 => {
                self.line(&format!("Content-Length: {}", body.len()));
                self.line("");
                self.push(body);
            }
            15 => {
                self.line(&format!("Content-Length: {}", body.len() + 500_000));
                self.line("");
                self.push(body);
            }
            16 => {
                let bad =
                    self.one_of(&["-1", "+3", "x", "3, 3", "99999999999999999999", "", "0x3"]);
                self.line(&format!("Content-Length: {bad}"));
                self.line("");
            }
            17 => {
                self.line(&format!("Content-Length: {}", body.len()));
                let other = body.len() + self.rng.usize(0..2);
                self.line(&format!("Content-Length: {other}"));
                self.line("");
                self.push(body);
            }
            18 => {
                let encoding = self.one_of(&[
                    "gzip, chunked",
                    "identity",
                    "chunked, chunked",
                    "\tchunked ",
                ]);
                self.line(&format!("Transfer-Encoding: {encoding}"));
                self.chunks(body);
            }
            19 => {
                self.line("Transfer-Encoding: chunked");
                self.line("Content-Length: 3");
                self.chunks(body);
            }
            20 => {
                let expected = self.one_of(&["100-continue", "100-Continue", "more"]);
                self.line(&format!("Expect: {expected}"));
                self.line(&format!("Content-Length: {}", body.len()));
                self.line("");
                self.push(body);
            }
            _ => {
                self.line("Transfer-Encoding: chunked");
                self.chunks(body);
            }
        }
    }

    fn chunks(&mut self, body: &str) {
        self.line("");
        let half = body.len() / 2;
        for part in [&body[..half], &body[half..]] {
            let (size, extension) = if self.wrong() {
                let size = self.one_of(&["zz", "", "-1", "ffffffffffffffffff", "0 x"]);
                (size.to_owned(), "")
            } else {
                (
                    format!("{:x}", part.len()),
                    self.one_of(&["", "", ";x=y", " "]),
                )
            };
            self.push(&format!("{size}{extension}\r\n{part}"));
            if !self.wrong() {
                self.push("\r\n");
            }
        }
        self.push("0\r\n");
        if self.wrong() {
            self.push("Trailer: x\r\n");
        }
        self.push("\r\n");
    }
}
