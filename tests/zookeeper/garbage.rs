//! Bytes that no client sends: whatever comes, the server answers others.

use std::time::Duration;

use kubekv::wire::zookeeper::{JuteRecord, MultiOperation, MultiRequest, OpCode};
use support::metrics::registered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, create_of, data_of, new_session, request_frame, versioned, watchable};
use crate::server::Face;

/// The frames of a session that uses what there is.
fn frames(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let path = ["/a", "/a/b", "/", "", "/zookeeper", "x", "/a/"][random.usize(..7)];
    let mut all = vec![
        request_frame(1, 1, &create_of(path, Some(b"x"), random.i32(-1..8))),
        request_frame(2, 15, &create_of(path, None, random.i32(0..4))),
        request_frame(3, 2, &versioned(path, -1)),
        request_frame(4, 3, &watchable(path, true)),
        request_frame(5, 4, &watchable(path, true)),
        request_frame(6, 5, &data_of(path, b"y", -1)),
        request_frame(7, 12, &watchable(path, true)),
        request_frame(8, 106, &versioned(path, random.i32(0..3))),
        request_frame(9, 18, &versioned(path, random.i32(0..6))),
        request_frame(-2, 11, &()),
        request_frame(10, random.i32(-12..120), &versioned(path, 0)),
    ];
    let steps = vec![
        MultiOperation::Create(create_of(path, None, 2)),
        MultiOperation::Delete(versioned(path, 0)),
    ];
    all.push(request_frame(
        11,
        OpCode::Multi.number(),
        &MultiRequest(steps),
    ));
    random.shuffle(&mut all);
    let mut connect = kubekv::wire::zookeeper::JuteWriter::default();
    new_session().write(&mut connect);
    all.insert(0, connect.frame().unwrap());
    all
}

/// Changes some bytes, and sometimes how many there are.
fn spoil(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..random.usize(..4) {
        let at = random.usize(..bytes.len());
        match random.u32(..4) {
            0 => bytes[at] = random.u8(..),
            1 => bytes[at] ^= 1 << random.u32(..8),
            2 => bytes.truncate(at.max(1)),
            _ => bytes.insert(at, random.u8(..)),
        }
    }
}

/// Sends spoiled sessions, several at a time in pieces of any length; then all must be as if they had been plain ones.
async fn send_garbage(seed: u64, sessions: usize) {
    let face = Face::in_memory().await;
    let mut random = fastrand::Rng::with_seed(seed);
    for number in 0..sessions {
        let mut bytes: Vec<u8> = frames(&mut random).concat();
        spoil(&mut random, &mut bytes);
        let mut stream = TcpStream::connect(face.address).await.unwrap();
        let cut = random.usize(..bytes.len());
        // It may be closed in the middle.
        let _sent = stream.write_all(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        let _sent = stream.write_all(&bytes[cut..]).await;
        let _ended = stream.shutdown().await;
        let mut answers = Vec::new();
        let read = stream.read_to_end(&mut answers);
        let read = tokio::time::timeout(Duration::from_secs(60), read).await;
        assert!(read.is_ok(), "seed {seed}, session {number} never ends");
    }
    let panics = "face_panics_total{face=\"test\"}";
    assert_eq!(registered(&face.registry, panics), 0, "seed {seed}");
    let mut client = Client::connect(face.address).await;
    client.create("/after", b"", 0).await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn spoiled_sessions_end_and_others_are_served() {
    for seed in 0..3 {
        send_garbage(seed, 200).await;
    }
}

/// `KUBEKV_SECONDS=3600 cargo test --test zookeeper by_hand -- --ignored`
#[tokio::test]
#[ignore = "by hand: as long as KUBEKV_SECONDS says"]
async fn garbage_by_hand() {
    let seconds = std::env::var("KUBEKV_SECONDS").map_or(60, |text| text.parse().unwrap());
    let end = std::time::Instant::now() + Duration::from_secs(seconds);
    let mut seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    while std::time::Instant::now() < end {
        seed += 1;
        send_garbage(seed, 1_000).await;
    }
}
