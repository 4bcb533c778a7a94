//! Generator of random cases for Consul.
//!
//! No two writes have the same value: writing an equal value is a known difference, which only its own cases contain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::super::case::{Body, Request, Step};

/// Keys beneath the case's own prefix. The first ones are used most.
const KEYS: &[&str] = &[
    "/a", "/b", "/a/b", "/a/", "/a/b/c", "/lock", "/d/e", "/d/", "/ab", "/d/e/f",
];

/// Other spellings, and unusual keys.
const ODD_KEYS: &[&str] = &[
    "//a",
    "/./a",
    "/a/../d",
    "/a//b",
    "/x%20y",
    "/x+y",
    "/%C3%A9",
    "/a%2Fb",
    "/%7E",
    "/a;b",
    "/a:b",
    "/-._~",
    "/!*'()",
    "/%25",
    "/%E2%80%A8",
    "/%zz",
    "/%",
    "/%2",
    "/%22%3C%3E%26",
    "/[x]",
    "/%ff",
    "/%C0%80",
    "/%00",
    "/%0a",
    "/%e2%80%8b",
    "/%F0%9F%90%B3",
    "/a=b",
    "/a&b",
    "/A",
    "/a%2F",
    "/%2Fa",
    "/a/..",
    "/%c2%a0",
    "/%2E%2E/zz",
    "/x%09",
];

const NUMBERS: &[&str] = &[
    "x",
    "-1",
    "18446744073709551616",
    "1.5",
    "",
    "+1",
    "0x1",
    "01",
    "1e3",
    "99999999999999999999999",
    "-0",
    "1_0",
    "%20",
    "%ff",
    "9223372036854775808",
    "18446744073709551615",
];

const DURATIONS: &[&str] = &[
    "10s", "1m", "x", "10", "-5s", "0", "1h1m1.5s", "1ns", "9999999h", "", "1 s", "5S", ".5s",
    "1us", "1%C2%B5s", "+1s", "1d",
];

/// Fields of a new session: one in how many sessions has it, its name, its values.
const SESSION_FIELDS: &[(u32, &str, &[&str])] = &[
    (
        3,
        "Behavior",
        &[
            "\"release\"",
            "\"delete\"",
            "\"delete\"",
            "\"\"",
            "\"x\"",
            "1",
            "null",
        ],
    ),
    (
        2,
        "LockDelay",
        &[
            "\"0s\"",
            "\"0s\"",
            "\"60s\"",
            "0",
            "60",
            "60000000000",
            "\"x\"",
            "-1",
            "\"-1s\"",
            "1.5",
            "true",
            "null",
            "[]",
            "\"\"",
            "1e10",
            "\"60\"",
            "1e400",
        ],
    ),
    (
        3,
        "TTL",
        &[
            "\"3600s\"",
            "\"1h\"",
            "\"100h\"",
            "\"24h\"",
            "\"24h0m0.1s\"",
            "\"1ms\"",
            "\"x\"",
            "\"-10s\"",
            "\"\"",
            "10",
            "null",
            "\"0s\"",
            "\"86400s\"",
            "\"1h30m\"",
        ],
    ),
    (
        12,
        "Node",
        &["\"host\"", "\"HOST\"", "\"none\"", "\"\"", "1", "null"],
    ),
    (
        12,
        "Checks",
        &[
            "[]",
            "[\"serfHealth\"]",
            "[\"none\"]",
            "null",
            "\"x\"",
            "[1]",
            "[\"serfHealth\",\"serfHealth\"]",
        ],
    ),
    (
        12,
        "NodeChecks",
        &[
            "[]",
            "[\"serfHealth\"]",
            "[\"none\"]",
            "null",
            "{}",
            "[null]",
        ],
    ),
    (
        15,
        "ServiceChecks",
        &[
            "[]",
            "null",
            "[{\"ID\":\"x\"}]",
            "[{}]",
            "{}",
            "[1]",
            "[\"x\"]",
        ],
    ),
];

const ODD_SESSION_FIELDS: &[&str] = &[
    "\"Unknown\":1",
    "\"name\":\"other\"",
    "\"ID\":\"x\"",
    "\"ID\":1",
    "\"CreateIndex\":5",
    "\"CreateIndex\":\"x\"",
    "\"ModifyIndex\":-1",
    "\"Name\":1",
    "\"Namespace\":\"x\"",
    "\"LOCKDELAY\":\"0s\"",
    "\"lockdelay\":60",
];

const VERBS: &[&str] = &[
    "get",
    "get",
    "get-tree",
    "check-index",
    "check-session",
    "check-not-exists",
    "delete",
    "delete-tree",
    "delete-cas",
    "cas",
    "cas",
    "lock",
    "lock",
    "unlock",
    "unlock",
];

/// Additional fields of an operation of a transaction.
const ODD_FIELDS: &[&str] = &[
    "\"Unknown\":1",
    "\"key\":\"x\"",
    "\"Namespace\":\"\"",
    "\"CreateIndex\":1",
    "\"LockIndex\":5",
];

/// A case of a few dozen steps.
pub fn case(rng: &mut Rng) -> Vec<Step> {
    let mut generator = Generator {
        rng,
        value: 0,
        sessions: 0,
        steps: Vec::new(),
    };
    let steps = generator.rng.usize(5..45);
    while generator.steps.len() < steps {
        generator.step();
    }
    generator.steps
}

struct Generator<'a> {
    rng: &'a mut Rng,
    value: u64,
    sessions: u64,
    steps: Vec<Step>,
}

impl Generator<'_> {
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.rng.usize(0..from.len())]
    }

    fn key(&mut self) -> String {
        let key = if self.one_in(20) {
            self.pick(ODD_KEYS)
        } else if self.one_in(3) {
            self.pick(KEYS)
        } else {
            self.pick(&KEYS[..6])
        };
        format!("${key}")
    }

    /// Prefixes of lists.
    fn prefix(&mut self) -> String {
        match self.rng.u32(0..4) {
            0 => "$".to_owned(),
            1 => "$/".to_owned(),
            _ => self.key(),
        }
    }

    fn value(&mut self) -> String {
        self.value += 1;
        let odd = match self.rng.u32(0..30) {
            0 => "<b>&\u{2028}\u{e9}\"\\".to_owned(),
            1 => "v".repeat(self.rng.usize(200..9_000)),
            2 => "\u{0}\u{1}\n".to_owned(),
            _ => String::new(),
        };
        format!("v{}{odd}", self.value)
    }

    /// The name of a session that may exist.
    fn session(&mut self) -> String {
        if self.sessions > 0 && !self.one_in(15) {
            return format!("#{{s{}}}", self.rng.u64(1..=self.sessions));
        }
        let odd = [
            "11111111-1111-1111-1111-111111111111",
            "x",
            "",
            "11111111-1111-1111-1111-11111111111",
            "%00",
            "1111111111111111111111111111111111111",
            "11111111-1111-1111-1111-11111111111g",
            "AAAAAAAA-1111-1111-1111-111111111111",
        ];
        self.pick(&odd).to_owned()
    }

    fn request(&mut self, method: &'static str, path: String) -> Request {
        let mut request = Request::new(method, path);
        request.client = self.rng.usize(0..3);
        if self.one_in(40) {
            let headers = [
                ("accept-encoding", "gzip"),
                ("accept-encoding", "gzip;q=0"),
                ("accept-encoding", "deflate, gzip;q=0.5"),
                ("x-consul-token", "x"),
                ("authorization", "Bearer x"),
                ("cache-control", "max-age=x"),
                ("cache-control", "no-cache, max-age=5"),
                ("x-consul-namespace", "x"),
                ("x-consul-namespace", "default"),
                ("content-type", "text/plain"),
                ("sec-fetch-site", "none"),
            ];
            let (name, value) = headers[self.rng.usize(0..headers.len())];
            request.headers.push((name, value.to_owned()));
        }
        if self.one_in(30) {
            let unrelated = match self.rng.u32(0..18) {
                0 => "token=x".to_owned(),
                1 => "dc=dc1".to_owned(),
                2 => "dc=dc2".to_owned(),
                3 => "pretty".to_owned(),
                4 => format!("wait={}", self.pick(DURATIONS)),
                5 => format!("index={}", self.pick(&NUMBERS[..NUMBERS.len() - 2])),
                6 => format!("flags={}", self.pick(NUMBERS)),
                7 => format!("cas={}", self.pick(NUMBERS)),
                8 => format!("max_stale={}", self.pick(DURATIONS)),
                9 => "stale&consistent".to_owned(),
                10 => "cached&consistent".to_owned(),
                11 => "ns=x".to_owned(),
                12 => "unknown=%zz".to_owned(),
                13 => "a;b".to_owned(),
                14 => "acquire".to_owned(),
                15 => "release=x".to_owned(),
                16 => "recurse".to_owned(),
                _ => "keys".to_owned(),
            };
            request.query.push(unrelated);
        }
        request
    }

    fn ask(&mut self, request: Request) {
        self.steps.push(Step::Ask(request));
    }

    fn step(&mut self) {
        if self.one_in(150) {
            return self.expiry();
        }
        match self.rng.u32(0..100) {
            0..28 => self.put(),
            28..38 => self.delete(),
            38..58 => {
                let request = self.get();
                self.ask(request);
            }
            58..68 => self.session_step(),
            68..82 => self.transaction(),
            82..85 => self.odd(),
            _ => {
                let mut request = self.get();
                request.headers.clear();
                self.steps.push(Step::Park(request));
            }
        }
    }

    fn put(&mut self) {
        let key = self.key();
        let kind = self.rng.u32(0..10);
        if kind < 3 && self.rng.bool() {
            // The index that the check-and-set needs.
            let get = self.request("GET", format!("/v1/kv/{key}"));
            self.ask(get);
        }
        let mut request = self.request("PUT", format!("/v1/kv/{key}"));
        match kind {
            0..3 => {
                let index = self.index(&key);
                request.query.push(format!("cas={index}"));
            }
            3 | 4 => {
                let session = self.session();
                request.query.push(format!("acquire={session}"));
            }
            5 => {
                let session = self.session();
                request.query.push(format!("release={session}"));
            }
            _ => {}
        }
        if self.one_in(4) {
            let flags = if self.one_in(8) {
                self.pick(NUMBERS).to_owned()
            } else {
                self.rng.u64(..).to_string()
            };
            request.query.push(format!("flags={flags}"));
        }
        request.body = Body::Text(self.value());
        self.ask(request);
    }

    fn index(&mut self, key: &str) -> String {
        match self.rng.u32(0..14) {
            0 => self.pick(NUMBERS).to_owned(),
            1 | 2 => "0".to_owned(),
            3 => "999999999".to_owned(),
            4 => format!("@{{${}}}", self.pick(&KEYS[..6])),
            _ => format!("@{{{key}}}"),
        }
    }

    fn delete(&mut self) {
        let recurse = self.one_in(3);
        let key = self.key();
        let mut request = self.request("DELETE", format!("/v1/kv/{key}"));
        if recurse {
            request.query.push(
                self.pick(&["recurse", "recurse=", "recurse=false", "recurse=true"])
                    .to_owned(),
            );
        }
        if self.one_in(4) {
            let index = self.index(&key);
            request.query.push(format!("cas={index}"));
        }
        self.ask(request);
    }

    fn get(&mut self) -> Request {
        let method = if self.one_in(20) { "HEAD" } else { "GET" };
        let lists = self.rng.bool();
        let key = if lists { self.prefix() } else { self.key() };
        let mut request = self.request(method, format!("/v1/kv/{key}"));
        if lists && self.rng.bool() {
            request.query.push("recurse".to_owned());
        } else if lists {
            request.query.push("keys".to_owned());
            if self.rng.bool() {
                let separator = self
                    .pick(&["/", "", "b", "%2F", "$", "//", "a/", "%ff", "d0"])
                    .to_owned();
                request.query.push(format!("separator={separator}"));
            }
        }
        if self.one_in(8) {
            let option = self.pick(&[
                "raw",
                "pretty",
                "consistent",
                "stale",
                "consistent=",
                "cached",
                "max_stale=1s",
                "dc=dc1",
            ]);
            request.query.push(option.to_owned());
        }
        request
    }

    fn session_step(&mut self) {
        let session = self.session();
        let request = match self.rng.u32(0..12) {
            0..5 => {
                let create = self.create();
                return self.ask(create);
            }
            5 | 6 => self.request("PUT", format!("/v1/session/destroy/{session}")),
            7 => self.request("PUT", format!("/v1/session/renew/{session}")),
            8 | 9 => self.request("GET", format!("/v1/session/info/{session}")),
            10 => self.request("GET", "/v1/session/list".to_owned()),
            _ => {
                let node = self.pick(&["host", "HOST", "none", ""]).to_owned();
                self.request("GET", format!("/v1/session/node/{node}"))
            }
        };
        self.ask(request);
    }

    fn create(&mut self) -> Request {
        self.sessions += 1;
        let mut fields = vec![format!("\"Name\":\"s{}\"", self.sessions)];
        for (rarity, name, values) in SESSION_FIELDS {
            if self.one_in(*rarity) {
                fields.push(format!("\"{name}\":{}", self.pick(values)));
            }
        }
        if self.one_in(12) {
            fields.push(self.pick(ODD_SESSION_FIELDS).to_owned());
        }
        let mut body = format!("{{{}}}", fields.join(","));
        self.corrupt(&mut body);
        let mut request = self.request("PUT", "/v1/session/create".to_owned());
        request.body = Body::Text(body);
        request
    }

    /// Corrupts a text, sometimes.
    fn corrupt(&mut self, text: &mut String) {
        if !self.one_in(12) {
            return;
        }
        let at = self.rng.usize(0..=text.len());
        if !text.is_char_boundary(at) {
            return;
        }
        match self.rng.u32(0..4) {
            0 => text.truncate(at),
            1 => text.insert_str(
                at,
                self.pick(&[
                    ",", "}", "]", "\"", "{", "[", ":", " ", "\n", "null", "1", "\u{1}", "\\",
                    "\u{e9}", "x",
                ]),
            ),
            2 => {
                if at < text.len() {
                    let _cut = text.remove(at);
                }
            }
            _ => text.push_str(self.pick(&[" ", " x", "{}", ",", "]", "\n\n"])),
        }
    }

    fn transaction(&mut self) {
        let many = self.rng.usize(1..6);
        let many = if self.one_in(80) {
            self.rng.usize(60..68)
        } else {
            many
        };
        let mut operations: Vec<_> = (0..many).map(|_| self.operation()).collect();
        // A key that is created and deleted in one transaction moves indexes in Consul only ("made and removed").
        operations.sort_by_key(|operation| !operation.contains("\"Verb\":\"delete"));
        let method = if self.one_in(40) {
            self.pick(&["GET", "POST", "DELETE"])
        } else {
            "PUT"
        };
        let method = ["GET", "POST", "DELETE", "PUT"]
            .into_iter()
            .find(|known| *known == method)
            .unwrap();
        let mut request = self.request(method, "/v1/txn".to_owned());
        request.body = Body::List(operations);
        if self.one_in(15) {
            let mut body = request.content();
            self.corrupt(&mut body);
            request.body = Body::Text(body);
        }
        self.ask(request);
    }

    fn operation(&mut self) -> String {
        let verb = match self.rng.u32(0..40) {
            0 => self.pick(&["", "x", "SET", "get ", "Get", "check"]),
            1..12 => "set",
            _ => self.pick(VERBS),
        };
        let key = match self.rng.u32(0..30) {
            0 => String::new(),
            1 => "$/\\u00e9\\n\\\"<".to_owned(),
            _ => format!("${}", self.pick(&KEYS[..8])),
        };
        let mut fields = vec![format!("\"Verb\":\"{verb}\""), format!("\"Key\":\"{key}\"")];
        let writes = ["set", "cas", "lock", "unlock"].contains(&verb);
        if writes || self.one_in(12) {
            fields.extend(self.operation_value(writes));
        }
        if self.one_in(6) {
            let flags = if self.one_in(6) {
                self.pick(&[
                    "-1",
                    "1.5",
                    "\"1\"",
                    "null",
                    "true",
                    "1e2",
                    "18446744073709551615",
                ])
                .to_owned()
            } else {
                self.rng.u64(..1 << 60).to_string()
            };
            fields.push(format!("\"Flags\":{flags}"));
        }
        if ["cas", "check-index", "delete-cas"].contains(&verb) || self.one_in(12) {
            let index = match self.rng.u32(0..12) {
                0 => "0".to_owned(),
                1 => self
                    .pick(&["-1", "1.5", "\"1\"", "null", "[]", "1e2"])
                    .to_owned(),
                2 => "999999999".to_owned(),
                _ if key.len() < 3 => "1".to_owned(),
                _ => format!("@{{{key}}}"),
            };
            fields.push(format!("\"Index\":{index}"));
        }
        if ["lock", "unlock", "check-session"].contains(&verb) || self.one_in(15) {
            let session = self.session();
            fields.push(format!("\"Session\":\"{session}\""));
        }
        if self.one_in(60) {
            fields.push(self.pick(ODD_FIELDS).to_owned());
        }
        self.wrapped(format!("{{{}}}", fields.join(",")))
    }

    /// A write, as fields of an operation.
    fn operation_value(&mut self, writes: bool) -> Vec<String> {
        if !self.one_in(25) {
            let value = STANDARD.encode(self.value());
            return vec![format!("\"Value\":\"{value}\"")];
        }
        let value = self.pick(&["null", "1", "\"!\"", "\"YQ\"", "[97]", "{}"]);
        let mut fields = vec![format!("\"Value\":{value}")];
        if writes {
            // Its flags make it distinct.
            fields.push(format!("\"Flags\":{}", self.rng.u64(..)));
        }
        fields
    }

    fn wrapped(&mut self, inner: String) -> String {
        match self.rng.u32(0..150) {
            0 => format!("{{\"kv\":{inner}}}"),
            1 => format!("{{\"KV\":{inner},\"Unknown\":{{}}}}"),
            2 => inner,
            3 => "{}".to_owned(),
            4 => "1".to_owned(),
            5 => "{\"KV\":null}".to_owned(),
            6 => "{\"KV\":{}}".to_owned(),
            7 => "[]".to_owned(),
            _ => format!("{{\"KV\":{inner}}}"),
        }
    }

    fn odd(&mut self) {
        let methods = [
            "PATCH", "OPTIONS", "POST", "TRACE", "HEAD", "get", "GET", "PUT", "DELETE",
        ];
        let method = methods[self.rng.usize(0..methods.len())];
        let path = match self.rng.u32(0..4) {
            0 | 1 => format!("/v1/kv/{}", self.key()),
            2 => format!(
                "/v1/session/{}/{}",
                self.pick(&[
                    "create", "destroy", "renew", "info", "node", "list", "x", ""
                ]),
                self.session()
            ),
            _ => {
                let paths = [
                    "/v1",
                    "/v1/",
                    "/",
                    "/v1/kvx",
                    "/v1/kv",
                    "/v1/txn/",
                    "/v1/txn/x",
                    "/v1/status/leaderx",
                    "/v1/session",
                    "/v1/sessions",
                    "/v2/keys",
                    "/v1/session/create/",
                    "/v1/catalog/datacenters",
                    "/nope",
                    "/ui",
                    "/v1/session/list/",
                    "/v1/session/info",
                    "/v1/session/node/",
                ];
                self.pick(&paths).to_owned()
            }
        };
        let mut request = self.request(method, path);
        if method != "GET" && method != "HEAD" && self.rng.bool() {
            request.body = Body::Text(self.value());
        }
        self.ask(request);
    }

    /// A session that expires while it holds locks.
    fn expiry(&mut self) {
        self.sessions += 1;
        let name = format!("s{}", self.sessions);
        let behavior = self.pick(&["release", "delete"]);
        let delay = self.pick(&["0s", "60s"]);
        let mut create = Request::new("PUT", "/v1/session/create");
        create.body = Body::Text(format!(
            "{{\"Name\":\"{name}\",\"TTL\":\"1s\",\"Behavior\":\"{behavior}\",\"LockDelay\":\"{delay}\"}}"
        ));
        self.ask(create);
        let key = format!("/v1/kv/${}", self.pick(&KEYS[..6]));
        let mut lock = Request::new("PUT", key.clone());
        lock.query.push(format!("acquire=#{{{name}}}"));
        lock.body = Body::Text(self.value());
        self.ask(lock.clone());
        let mut recurse = Request::new("GET", "/v1/kv/$/");
        recurse.query.push("recurse".to_owned());
        self.steps
            .push(Step::Park(Request::new("GET", key.clone())));
        self.steps.push(Step::Gone(
            Request::new("PUT", format!("/v1/session/renew/#{{{name}}}")),
            Request::new("GET", format!("/v1/session/info/#{{{name}}}")),
        ));
        self.ask(Request::new("GET", key));
        self.ask(recurse);
        lock.body = Body::Text(self.value());
        self.ask(lock);
    }
}
