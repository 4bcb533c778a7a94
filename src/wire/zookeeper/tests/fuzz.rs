//! Fuzz target of the decoder: random frames, and frames of real clients with some of their bytes changed.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::traffic::{encoded, sent};
use super::*;

/// The bytes of all paths, texts and data of a request are copies of those of its frame, in which one byte of bad UTF-8
/// becomes three.
const GROWTH: usize = 3;

/// Changes a frame: bytes, lengths, its end, or a part that is replaced by a part of another frame.
fn mutate(frame: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    const LENGTHS: [i32; 10] = [-1, -2, 0, 1, 2, 3, 255, 0xf_ffff, i32::MAX, i32::MIN];
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=frame.len());
        match random.u8(..6) {
            0 => frame.truncate(at),
            1 => frame.insert(at, random.u8(..)),
            2 if at < frame.len() => frame[at] = random.u8(..),
            3 if at < frame.len() => frame[at] ^= 1 << random.u8(..8),
            4 if at + 4 <= frame.len() => {
                let length = LENGTHS[random.usize(..LENGTHS.len())];
                frame[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
            _ => {
                let other = &seeds[random.usize(..seeds.len())];
                let from = random.usize(..=other.len());
                frame.truncate(at);
                frame.extend_from_slice(&other[from..]);
            }
        }
    }
}

/// Decodes a frame in each way in which a server decodes one. What was decoded is no longer than the frame.
fn decode(frame: &[u8]) {
    if let Ok((header, Ok(request))) = decode_request(frame) {
        let again = encoded(header, &request);
        assert!(
            again.len() - 4 <= frame.len() * GROWTH,
            "{}",
            frame.escape_ascii()
        );
        // What was read once is read again, to the same.
        let (_, read) = decode_request(&again[4..]).unwrap();
        if !matches!(request, ClientRequest::Refused(_)) {
            assert_eq!(read, Ok(request), "{}", frame.escape_ascii());
        }
    }
    if let Ok(request) = ConnectRequest::parse_leniently(frame) {
        assert!(written(&request).len() - 4 <= frame.len());
    }
    let mut input = BytesMut::from(frame);
    while let Ok(Some(taken)) = take_frame(&mut input, LONGEST_REQUEST) {
        assert!(taken.len() + 4 <= frame.len());
    }
}

/// Decodes frames until the time is over, and returns how many.
fn fuzz(seed: u64, enough: impl Fn(u64) -> bool) -> u64 {
    let (seeds, mut random) = (sent(), Rng::with_seed(seed));
    let mut decoded = 0;
    while !enough(decoded) {
        let mut frame = if random.u8(..8) == 0 {
            (0..random.usize(..200)).map(|_| random.u8(..)).collect()
        } else {
            seeds[random.usize(..seeds.len())].clone()
        };
        mutate(&mut frame, &seeds, &mut random);
        decode(&frame);
        decoded += 1;
    }
    decoded
}

#[test]
fn no_frame_makes_the_decoder_panic_or_grow() {
    for frame in sent() {
        decode(&frame);
    }
    fuzz(1, |decoded| decoded == 10_000);
}

/// The length of a frame, not one that it claims, bounds what is decoded.
#[test]
fn long_vectors_of_nothing_are_bounded_by_their_frame() {
    let count = 200_000_i32;
    let empty = vec![0; 4 * 200_000];
    let lists = [&[0; 8][..], &count.to_be_bytes(), &empty, &[0; 8]].concat();
    let frame = [&7_i32.to_be_bytes()[..], &101_i32.to_be_bytes(), &lists].concat();
    decode(&frame);
    for cut in [frame.len() - 9, frame.len() - 1] {
        let (_, request) = decode_request(&frame[..cut]).unwrap();
        assert_eq!(request, Err(Malformed::CutOff));
    }
}

/// `TESTS_MINUTES` and `TESTS_SEED` say how long, and from where.
#[test]
#[ignore = "by hand: cargo test --release --lib wire:: -- --ignored --nocapture by_hand"]
fn frames_are_decoded_for_hours_by_hand() {
    let minutes: f64 = variable("TESTS_MINUTES", 1.0);
    let seed: u64 = variable("TESTS_SEED", 1);
    #[expect(
        clippy::disallowed_methods,
        reason = "no runtime whose clock could be paused"
    )]
    let start = Instant::now();
    let all = Duration::from_secs_f64(minutes * 60.0);
    let decoded = fuzz(seed, |decoded| {
        decoded % 10_000 == 0 && decoded > 0 && start.elapsed() > all
    });
    println!("seed {seed}: {decoded} frames decoded");
}

fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test binary has no other options"
    )]
    let text = std::env::var(name).ok();
    let parsed = text.map(|text| text.parse().ok().unwrap_or_else(|| panic!("{name}={text}")));
    parsed.unwrap_or(default)
}
