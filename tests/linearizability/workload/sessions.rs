//! Sessions do not end early.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};

use crate::random::Random;
use crate::workload::client::World;
use crate::workload::connection::{Answer, Connection, Face, Request};
use crate::workload::ttl_keys::{PATIENCE, Tally, kept_until};

/// What may be asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Renew,
    Acquire,
    Read,
    Info,
}

/// What an answer tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    There,
    Gone,
    Odd,
}

/// A session and the key that it locks.
#[derive(Debug)]
struct Session {
    id: String,
    key: String,
    milliseconds: u64,
    /// When its last acknowledged renewal was asked for.
    renewed: u64,
    /// How many more renewals there will be.
    renewals: usize,
    locked: bool,
}

/// Makes sessions, renews them for a while, and lets them end; until the round is over.
pub async fn sessions(world: Arc<World>, number: usize, mut random: Random) -> Tally {
    let mut tally = Tally::default();
    let mut connection = Connection::new(world.life.clone(), Face::Consul);
    let mut made = 0;
    while !world.over.load(Ordering::Relaxed) {
        made += 1;
        let key = format!("{}-ends/s/{number}.{made}", world.layout.root);
        if let Some(session) = Session::make(&world, &mut connection, key, &mut random).await {
            session
                .follow(&world, &mut connection, &mut random, &mut tally)
                .await;
        }
    }
    tally
}

fn request(method: Method, uri: String, body: String) -> Request {
    Request::new(Face::Consul, method, uri, body)
}

impl Session {
    async fn make(
        world: &World,
        connection: &mut Connection,
        key: String,
        random: &mut Random,
    ) -> Option<Self> {
        let milliseconds = random.between(300, 1200);
        let behavior = if random.percent(50) {
            "delete"
        } else {
            "release"
        };
        let ttl = format!("{milliseconds}ms");
        let body = json!({"TTL": ttl, "Behavior": behavior, "LockDelay": "0s"}).to_string();
        let create = request(Method::PUT, "/v1/session/create".to_owned(), body);
        connection.ready().await;
        let renewed = world.life.now();
        let answer = connection.send(&create, PATIENCE).await?;
        let json: Json = serde_json::from_slice(&answer.body).ok()?;
        Some(Self {
            id: json["ID"].as_str()?.to_owned(),
            key,
            milliseconds,
            renewed,
            renewals: random.below(6),
            locked: false,
        })
    }

    /// Asks this and that until it is gone.
    async fn follow(
        mut self,
        world: &World,
        connection: &mut Connection,
        random: &mut Random,
        tally: &mut Tally,
    ) {
        // Consul ends a session after twice its TTL, which libkv relies on.
        let term = 2 * self.milliseconds * 1_000_000;
        loop {
            let ask = self.choose(random);
            connection.ready().await;
            let called = world.life.now();
            let Some(answer) = connection.send(&self.request(ask), PATIENCE).await else {
                continue;
            };
            let now = world.life.now();
            let times = world.life.times();
            let until = kept_until(self.renewed, term, now, &times);
            let what = format!("a session of {} ms, by {ask:?}", self.milliseconds);
            match self.hear(ask, &answer) {
                Heard::Gone => return tally.gone(&what, now, until),
                Heard::There if tally.overdue(&what, now, until, &times) => return,
                Heard::There if ask == Ask::Renew => {
                    self.renewed = called;
                    self.renewals -= 1;
                    tally.renewed += 1;
                }
                Heard::There | Heard::Nothing => {}
                Heard::Odd => {
                    let (status, text) = (answer.status, answer.text());
                    tally.faults.push(format!("{what}: {status} {text}"));
                    return;
                }
            }
            let pause = Duration::from_millis(random.between(5, 150));
            tokio::time::sleep(pause).await;
        }
    }

    fn choose(&self, random: &mut Random) -> Ask {
        match random.below(6) {
            0 | 1 if self.renewals > 0 => Ask::Renew,
            2 if !self.locked => Ask::Acquire,
            3 if self.locked => Ask::Read,
            _ => Ask::Info,
        }
    }

    fn request(&self, ask: Ask) -> Request {
        let Self { id, key, .. } = self;
        let (method, uri) = match ask {
            Ask::Renew => (Method::PUT, format!("/v1/session/renew/{id}")),
            Ask::Acquire => (Method::PUT, format!("/v1/kv/{key}?acquire={id}")),
            Ask::Read => (Method::GET, format!("/v1/kv/{key}?consistent")),
            Ask::Info => (Method::GET, format!("/v1/session/info/{id}")),
        };
        request(method, uri, String::new())
    }

    fn hear(&mut self, ask: Ask, answer: &Answer) -> Heard {
        let json: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let there = match (ask, answer.status) {
            // A session that is gone cannot lock: Consul says so with a 500.
            (_, 500..=599) => return Heard::Nothing,
            (Ask::Renew, 200) => true,
            (Ask::Acquire, 200) => {
                self.locked = json == Json::Bool(true);
                return Heard::Nothing;
            }
            (Ask::Info, 200) => json.as_array().is_some_and(|found| !found.is_empty()),
            (Ask::Read, 200) => json[0]["Session"].as_str() == Some(&self.id),
            (Ask::Renew | Ask::Read, 404) => false,
            _ => return Heard::Odd,
        };
        if there { Heard::There } else { Heard::Gone }
    }
}
