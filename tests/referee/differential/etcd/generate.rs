//! Generator of random cases for etcd v2.

use fastrand::Rng;

use super::super::case::{Body, Request, Step};

/// Keys beneath the case's own directory. The first ones are used most.
const KEYS: &[&str] = &[
    "/a", "/b", "/a/b", "/a/b/c", "/d", "/d/e", "/d/e/f", "/q", "", "/_h", "/_h/x", "/d/_y",
];

/// Other spellings, and unusual keys.
const ODD_KEYS: &[&str] = &[
    "/a/",
    "/d//",
    "//a",
    "/./a",
    "/a/../d",
    "/a/b/..",
    "/..",
    "/x%20y",
    "/x+y",
    "/%C3%A9",
    "/a%2Fb",
    "/a%2fb",
    "/%00",
    "/%7F",
    "/%20",
    "/a;b",
    "/a:b",
    "/-._~",
    "/!*'()",
    "/%25",
    "/%E2%80%A8",
    "/_",
    "/_/a",
    "/__",
    "/a._b",
    "/%zz",
    "/%",
    "/%2",
    "/%22%3C%3E%26",
    "/[x]",
    "/%5B",
    "/a=b",
    "/a&b",
    "/A",
    "/a%2F",
    "/%2Fa",
    "/%2E",
    "/%2E%2E/zz",
];

const BOOLS: &[&str] = &[
    "true", "false", "true", "true", "", "1", "0", "t", "F", "TRUE", "yes", "x", "2",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "x",
    "",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "9223372036854775808",
    "1.5",
    "+1",
    "0x1",
    "01",
    "1e3",
    "%31",
    "+",
    "99999999999999999999999",
    "-0",
    "1_000",
];

/// A case of a few dozen steps.
pub fn case(rng: &mut Rng) -> Vec<Step> {
    let mut generator = Generator { rng, value: 0 };
    let steps = generator.rng.usize(5..50);
    (0..steps).map(|_| generator.step()).collect()
}

struct Generator<'a> {
    rng: &'a mut Rng,
    value: u64,
}

impl Generator<'_> {
    fn one_in(&mut self, many: u32) -> bool {
        self.rng.u32(0..many) == 0
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.rng.usize(0..from.len())]
    }

    fn key(&mut self) -> &'static str {
        if self.one_in(15) {
            self.pick(ODD_KEYS)
        } else if self.one_in(4) {
            self.pick(KEYS)
        } else {
            self.pick(&KEYS[..8])
        }
    }

    fn path(&mut self) -> String {
        if self.one_in(150) {
            let elsewhere = [
                "/v2/keys",
                "/v2/keys/",
                "/v2/keyz",
                "/v2",
                "/version",
                "/health",
                "/v2/machines",
                "/",
                "/v2/keys/_hidden",
                "/v2/stats/zzz",
                "/v2/members/zz",
                "/v2/keys/_etcd/x",
                "/v2/auth/enable",
                "/v2/keys/_coreos.com/x",
                "/nope%20",
            ];
            return self.pick(&elsewhere).to_owned();
        }
        if self.one_in(300) {
            return format!("/v2/keys/$/{}", "k".repeat(self.rng.usize(100..4_000)));
        }
        format!("/v2/keys/${}", self.key())
    }

    fn bool(&mut self) -> &'static str {
        if self.one_in(12) {
            self.pick(BOOLS)
        } else {
            self.pick(&BOOLS[..2])
        }
    }

    /// An index: of this key, of another one, or an invalid one.
    fn index(&mut self, path: &str) -> String {
        let own = path.strip_prefix("/v2/keys").unwrap_or_default().to_owned();
        match self.rng.u32(0..20) {
            0 => self.pick(NUMBERS).to_owned(),
            1..4 => format!("@{{/${}}}", self.pick(&KEYS[..8])),
            4 => format!("@{{{own}+1}}"),
            _ => format!("@{{{own}}}"),
        }
    }

    fn wait_index(&mut self, path: &str) -> String {
        match self.rng.u32(0..12) {
            0 => self.pick(NUMBERS).to_owned(),
            1 => "@{+1}".to_owned(),
            2 => "@{+3}".to_owned(),
            3 => "@{+12}".to_owned(),
            4 => format!("@{{/${}+1}}", self.pick(&KEYS[..8])),
            5 => "0".to_owned(),
            _ => self.index(path),
        }
    }

    fn value(&mut self) -> String {
        self.value += 1;
        match self.rng.u32(0..40) {
            0 => String::new(),
            1 => "a+b%20c%2Bd".to_owned(),
            2 => "%3Cb%3E%26%22%5C%27".to_owned(),
            3 => "%zz".to_owned(),
            4 => "%E2%80%A8%C3%A9%F0%9F%90%B3".to_owned(),
            5 => "%00%01%1f%7f".to_owned(),
            6 => "a=b=c".to_owned(),
            7 => "v".repeat(self.rng.usize(500..20_000)),
            8 => "%ff%fe%80".to_owned(),
            9 => "a;b".to_owned(),
            10 => "{\"a\":[1]}".to_owned(),
            _ => format!("v{}", self.value),
        }
    }

    fn ttl(&mut self) -> String {
        if self.one_in(10) {
            let odd = [
                "x",
                "-1",
                "1.5",
                "",
                "18446744073709551616",
                "+100",
                "-0",
                "1000000000",
                " 5",
                "%20",
                "1e2",
            ];
            return self.pick(&odd).to_owned();
        }
        // Never the same twice: a refresh with the TTL of the last one moves etcd's index alone (`tests/etcd/renewals.rs`).
        self.value += 1;
        (100 + self.value).to_string()
    }

    fn step(&mut self) -> Step {
        if self.one_in(400) {
            return self.expiry();
        }
        match self.rng.u32(0..100) {
            0..40 => Step::Ask(self.put()),
            40..47 => Step::Ask(self.post()),
            47..60 => Step::Ask(self.delete()),
            60..78 => Step::Ask(self.get()),
            78..80 => Step::Ask(self.odd_method()),
            _ => Step::Park(self.watch()),
        }
    }

    fn request(&mut self, method: &'static str) -> Request {
        let path = self.path();
        let mut request = Request::new(method, path);
        request.client = self.rng.usize(0..3);
        if self.one_in(60) {
            let header = [
                ("accept-encoding", "gzip"),
                ("accept", "text/html"),
                ("authorization", "Basic eDp5"),
                ("authorization", "Bearer x"),
                ("content-type", "text/plain"),
                ("content-type", "application/json"),
                ("sec-fetch-site", "none"),
                ("if-none-match", "*"),
                ("x-etcd-index", "5"),
            ];
            let (name, value) = header[self.rng.usize(0..header.len())];
            request.headers.push((name, value.to_owned()));
        }
        request
    }

    /// Puts fields into the query or the form.
    fn fields(&mut self, request: &mut Request, fields: Vec<String>) {
        let mut form = Vec::new();
        for field in fields {
            if self.rng.bool() {
                request.query.push(field);
            } else {
                form.push(field);
            }
        }
        self.form(request, form);
    }

    fn form(&mut self, request: &mut Request, form: Vec<String>) {
        if form.is_empty() && self.rng.bool() {
            return;
        }
        let kind = match self.rng.u32(0..60) {
            0 => return request.body = Body::Form(form),
            1 => {
                let odd = [
                    "application/x-www-form-urlencoded; charset=utf-8",
                    "APPLICATION/X-WWW-FORM-URLENCODED",
                    "text/plain",
                    "multipart/form-data",
                    "multipart/form-data; boundary=x",
                    ";",
                    "x",
                    "application/x-www-form-urlencoded;",
                    "application/x-www-form-urlencoded; a",
                    "application/json",
                    "",
                ];
                self.pick(&odd)
            }
            _ => "application/x-www-form-urlencoded",
        };
        if request
            .headers
            .iter()
            .all(|(name, _)| *name != "content-type")
        {
            request.headers.push(("content-type", kind.to_owned()));
        }
        request.body = Body::Form(form);
    }

    /// Adds fields that any request may have, most of them without effect.
    fn add_unrelated_fields(&mut self, fields: &mut Vec<String>, path: &str) {
        if !self.one_in(25) {
            return;
        }
        let field = match self.rng.u32(0..16) {
            0 => format!("recursive={}", self.bool()),
            1 => format!("sorted={}", self.bool()),
            2 => format!("quorum={}", self.bool()),
            3 => format!("dir={}", self.bool()),
            4 => format!("prevExist={}", self.bool()),
            5 => format!("prevIndex={}", self.index(path)),
            6 => format!("prevValue={}", self.value()),
            7 => format!("refresh={}", self.bool()),
            8 => format!("noValueOnSuccess={}", self.bool()),
            9 => format!("ttl={}", self.ttl()),
            10 => format!("value={}", self.value()),
            11 => format!("waitIndex={}", self.wait_index(path)),
            12 => format!("stream={}", self.bool()),
            13 => "wait=false".to_owned(),
            14 => "unknown=1".to_owned(),
            _ => self
                .pick(&[
                    "",
                    "=",
                    "=1",
                    "&",
                    "a;b=1",
                    "%zz=1",
                    "x=%zz",
                    "dir",
                    "recursive",
                    "value",
                    "prevExist",
                    "ttl",
                    "PrevExist=true",
                ])
                .to_owned(),
        };
        let at = self.rng.usize(0..=fields.len());
        fields.insert(at, field);
    }

    fn put(&mut self) -> Request {
        let mut request = self.request("PUT");
        let path = request.path.clone();
        let mut fields = Vec::new();
        if self.one_in(4) {
            fields.push(format!("dir={}", self.bool()));
        }
        if !self.one_in(5) {
            fields.push(format!("value={}", self.value()));
        }
        if self.one_in(4) {
            fields.push(format!("prevExist={}", self.bool()));
        }
        if self.one_in(4) {
            fields.push(format!("prevIndex={}", self.index(&path)));
        }
        if self.one_in(8) {
            let value = if self.rng.bool() {
                self.value()
            } else {
                format!("v{}", self.rng.u64(0..=self.value))
            };
            fields.push(format!("prevValue={value}"));
        }
        if self.one_in(6) {
            fields.push(format!("ttl={}", self.ttl()));
        }
        if self.one_in(12) {
            fields.push(format!("refresh={}", self.bool()));
        }
        if self.one_in(15) {
            fields.push(format!("noValueOnSuccess={}", self.bool()));
        }
        self.add_unrelated_fields(&mut fields, &path);
        self.fields(&mut request, fields);
        request
    }

    fn post(&mut self) -> Request {
        let mut request = self.request("POST");
        let path = request.path.clone();
        let mut fields = vec![format!("value={}", self.value())];
        if self.one_in(5) {
            fields.push(format!("dir={}", self.bool()));
        }
        if self.one_in(5) {
            fields.push(format!("ttl={}", self.ttl()));
        }
        self.add_unrelated_fields(&mut fields, &path);
        self.fields(&mut request, fields);
        request
    }

    fn delete(&mut self) -> Request {
        let mut request = self.request("DELETE");
        let path = request.path.clone();
        let mut fields = Vec::new();
        if self.one_in(3) {
            fields.push(format!("recursive={}", self.bool()));
        }
        if self.one_in(4) {
            fields.push(format!("dir={}", self.bool()));
        }
        if self.one_in(4) {
            fields.push(format!("prevIndex={}", self.index(&path)));
        }
        if self.one_in(8) {
            fields.push(format!("prevValue=v{}", self.rng.u64(0..=self.value)));
        }
        self.add_unrelated_fields(&mut fields, &path);
        request.query = fields;
        request
    }

    fn get(&mut self) -> Request {
        let method = if self.one_in(12) { "HEAD" } else { "GET" };
        let mut request = self.request(method);
        let path = request.path.clone();
        let mut fields = Vec::new();
        if self.one_in(2) {
            fields.push(format!("recursive={}", self.bool()));
        }
        if !self.one_in(3) {
            fields.push(format!("sorted={}", self.bool()));
        }
        if self.one_in(3) {
            fields.push(format!("quorum={}", self.bool()));
        }
        self.add_unrelated_fields(&mut fields, &path);
        request.query = fields;
        request
    }

    fn watch(&mut self) -> Request {
        let mut request = self.request("GET");
        request.headers.clear();
        let path = request.path.clone();
        let mut fields = vec![format!(
            "wait={}",
            if self.one_in(25) { self.bool() } else { "true" }
        )];
        if self.rng.bool() {
            fields.push(format!("recursive={}", self.bool()));
        }
        if self.rng.bool() {
            fields.push(format!("waitIndex={}", self.wait_index(&path)));
        }
        if self.one_in(3) {
            fields.push(format!("stream={}", self.bool()));
        }
        if self.one_in(12) {
            fields.push(format!("quorum={}", self.bool()));
        }
        self.add_unrelated_fields(&mut fields, &path);
        request.query = fields;
        request
    }

    fn odd_method(&mut self) -> Request {
        let methods = ["PATCH", "OPTIONS", "TRACE", "get", "PROPFIND", "LINK"];
        let method = methods[self.rng.usize(0..methods.len())];
        let mut request = self.request(method);
        if self.rng.bool() {
            request.body = Body::Form(vec![format!("value={}", self.value())]);
        }
        request
    }

    /// A node with a short TTL, until it has expired.
    fn expiry(&mut self) -> Step {
        let path = format!("/v2/keys/${}", self.pick(&KEYS[..8]));
        let mut request = Request::new("PUT", path.clone());
        let mut fields = vec![format!("ttl={}", self.pick(&["0", "1"]))];
        if self.one_in(3) {
            fields.push("dir=true".to_owned());
        } else {
            fields.push(format!("value={}", self.value()));
        }
        self.form(&mut request, fields);
        Step::Gone(request, Request::new("GET", path))
    }
}
