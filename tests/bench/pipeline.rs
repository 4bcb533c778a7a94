//! Pipelines: a client of ZooKeeper with several operations in flight over one session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use kubekv::bench::operation::Operation;
use kubekv::bench::run::Pace;
use kubekv::config::SourceUrl;
use kubekv::wire::zookeeper::{
    ConnectRequest, ConnectResponse, JuteReader, JuteRecord, OpCode, ReplyHeader, RequestHeader,
    Secret, Stat, append_frame, take_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::Fake;
use crate::gateway::{load, measure, target};

/// The operations that each client has in flight.
const IN_FLIGHT: usize = 8;

/// Answers sets only when so many wait for their answer: whoever has fewer in flight waits for ever.
async fn answer_in_groups(mut stream: TcpStream) {
    let (mut input, mut output, mut waiting) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut is_open = false;
    while stream.read_buf(&mut input).await.is_ok_and(|read| read > 0) {
        while let Some(frame) = take_frame(&mut input, 1 << 20).unwrap() {
            if is_open {
                let header = RequestHeader::read(&mut JuteReader::new(&frame)).unwrap();
                if OpCode::of(header.op) == Some(OpCode::SetData) {
                    waiting.push(header.xid);
                }
            } else {
                ConnectRequest::parse_leniently(&frame).unwrap();
                let opened = ConnectResponse {
                    version: 0,
                    timeout_ms: 30_000,
                    session: 1,
                    password: Secret(vec![1; 16]),
                    read_only: Some(false),
                };
                append_frame(&mut output, |to| opened.write(to)).unwrap();
                is_open = true;
            }
        }
        if waiting.len() >= IN_FLIGHT {
            for xid in waiting.drain(..) {
                let (zxid, error) = (1, 0);
                append_frame(&mut output, |to| {
                    ReplyHeader { xid, zxid, error }.write(to);
                    Stat::default().write(to);
                })
                .unwrap();
            }
        }
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

#[test]
fn pipeline_keeps_operations_in_flight_on_one_session_for_each_client() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = Fake::start(move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        answer_in_groups(stream)
    });
    let url = SourceUrl::ZooKeeper(vec![server.address.to_string()], String::new());
    let mut puts = load("put=1");
    puts.pace = Pace::Closed;
    puts.clients = 2;
    puts.pipeline = u32::try_from(IN_FLIGHT).unwrap();
    // Whatever waits for ever at the end is no part of the test.
    puts.timeout = std::time::Duration::from_secs(2);
    let target = target(&url);
    let measured = measure(&target, puts);
    let record = &measured.recorder.operations[&Operation::Put];
    assert!(record.answered > 100, "{record:?}");
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}
