//! Mutations of records: of bytes, of values of JSON, of the JSON and the bitmaps that are texts in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::json::Json;

/// Values that take the place of others.
const PLAIN: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "-0",
    "1.0",
    "1.5",
    "1e2",
    "1E+2",
    "256",
    "300",
    "4294967295",
    "4294967296",
    "16777216",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "1e-400",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"a\":null}",
    "01",
    "nul",
];
const TEXTS: &[&str] = &[
    "",
    "/",
    "n",
    "e",
    "GlobalDefault",
    "10.0.0.0/8",
    "10.55.0.0/24",
    "10.55.0.0/024",
    "10.55.0.0/+24",
    "10.55.0.0/33",
    "fd00::/64",
    "::/0",
    "0.0.0.0/0",
    "::ffff:1.2.3.4/120",
    "::ffff:10.0.0.0/8",
    "10.0.0.1",
    "02:42:0a:37:00:02",
    "02-42-0a-37-00-02",
    "0242.0a37.0002",
    "02:42",
    "null",
    "[null]",
    "{}",
    "[{}]",
    "<nil>",
    "\u{0}",
    "\u{fffd}\u{1f600}",
    "AAAA",
    "GlobalDefault/10.55.0.0/24",
    "GlobalDefault/10.0.0.0/8/10.1.0.0/16",
    "yesterday",
];

/// A record, mutated a few times; now and then not at all.
pub fn mutated(rng: &mut Rng, good: &[u8]) -> Vec<u8> {
    let mut value = good.to_vec();
    for _ in 0..rng.usize(..4) {
        value = match Json::parse(&value) {
            Some(json) if rng.u8(..10) > 0 => of_json(rng, json),
            Some(_) | None => of_bytes(rng, value),
        };
    }
    value
}

fn of_bytes(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.is_empty() {
        return vec![rng.u8(..)];
    }
    let at = rng.usize(..bytes.len());
    match rng.u8(..5) {
        0 => bytes[at] = rng.u8(..),
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, *rng.choice(b"{}[]\",:\\0n \xff\x00").unwrap()),
        3 => bytes.truncate(at),
        _ => {
            let end = (at + rng.usize(1..40)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, part);
        }
    }
    bytes
}

fn of_json(rng: &mut Rng, mut json: Json) -> Vec<u8> {
    let number = rng.usize(..json.count());
    let value = json.nth(number);
    match value {
        Json::Map(fields) if rng.u8(..4) > 0 => of_map(rng, fields),
        Json::List(values) if rng.u8(..4) > 0 => of_list(rng, values),
        Json::Text(text) if rng.u8(..4) > 0 => *text = of_text(rng, text),
        Json::Map(_) | Json::List(_) | Json::Text(_) | Json::Plain(_) => *value = other(rng),
    }
    let mut text = String::new();
    json.write(&mut text);
    text.into_bytes()
}

fn other(rng: &mut Rng) -> Json {
    if rng.bool() {
        Json::Plain((*rng.choice(PLAIN).unwrap()).to_owned())
    } else {
        Json::Text((*rng.choice(TEXTS).unwrap()).to_owned())
    }
}

fn of_map(rng: &mut Rng, fields: &mut Vec<(String, Json)>) {
    if fields.is_empty() {
        fields.push(("new".to_owned(), other(rng)));
        return;
    }
    let at = rng.usize(..fields.len());
    match rng.u8(..6) {
        0 => drop(fields.remove(at)),
        1 => fields[at].1 = other(rng),
        2 => fields[at].0 = of_case(rng, &fields[at].0),
        3 => {
            let name = if rng.bool() {
                fields[at].0.clone()
            } else {
                of_case(rng, &fields[at].0)
            };
            let value = if rng.bool() {
                fields[at].1.clone()
            } else {
                other(rng)
            };
            let to = rng.usize(..=fields.len());
            fields.insert(to, (name, value));
        }
        4 => fields.push(("new".to_owned(), other(rng))),
        _ => fields[at].0 = (*rng.choice(TEXTS).unwrap()).to_owned(),
    }
}

fn of_case(rng: &mut Rng, name: &str) -> String {
    match rng.u8(..4) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        2 => name.replace(['k', 'K'], "\u{212a}"),
        _ => name.replace(['s', 'S'], "\u{17f}"),
    }
}

fn of_list(rng: &mut Rng, values: &mut Vec<Json>) {
    match rng.u8(..3) {
        0 if !values.is_empty() => drop(values.remove(rng.usize(..values.len()))),
        1 if !values.is_empty() => {
            let copy = values[rng.usize(..values.len())].clone();
            values.push(copy);
        }
        _ => values.insert(rng.usize(..=values.len()), other(rng)),
    }
}

/// JSON and bitmaps in texts are mutated as such.
fn of_text(rng: &mut Rng, text: &str) -> String {
    if let Some(json @ (Json::List(_) | Json::Map(_))) = Json::parse(text.as_bytes()) {
        return String::from_utf8_lossy(&of_json(rng, json)).into_owned();
    }
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.len() >= 28 => STANDARD.encode(of_bitmap(rng, bytes)),
        Ok(_) | Err(_) => (*rng.choice(TEXTS).unwrap()).to_owned(),
    }
}

fn of_bitmap(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    const NUMBERS: [u64; 8] = [0, 1, 7, 8, 256, 4_294_967_295, u64::MAX, 1 << 62];
    match rng.u8(..5) {
        0 => return of_bytes(rng, bytes),
        1 => {
            // A run more or less.
            let run = bytes[bytes.len() - 12..].to_vec();
            if rng.bool() {
                bytes.extend(run);
            } else {
                bytes.truncate(bytes.len() - 12);
            }
        }
        2 => {
            // One bit, and the count of free ones with it.
            let at = 16 + rng.usize(..4.min(bytes.len() - 16));
            bytes[at] ^= 1 << rng.u8(..8);
        }
        _ => {
            let places = (bytes.len() - 8) / 4;
            let at = 4 * rng.usize(..=places);
            let number = rng.choice(NUMBERS).unwrap();
            bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
        }
    }
    bytes
}
