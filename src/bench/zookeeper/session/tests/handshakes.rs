//! Handshakes: new and resumed sessions, identities, and servers that give none.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::server::{ScriptedServer, ends, frame, reply};
use crate::bench::client::Failure;
use crate::bench::zookeeper::session::{PipelinedSession, SessionIdentity, SessionOptions};
use crate::wire::zookeeper::{
    AuthPacket, ConnectRequest, ConnectResponse, JuteReader, JuteRecord, RequestHeader, Secret, xid,
};

async fn open(
    options: SessionOptions,
    serve: impl AsyncFnOnce(&mut ScriptedServer),
) -> Result<PipelinedSession, Failure> {
    let (client, mut server) = ends();
    let opening = PipelinedSession::open(client, &options);
    let (opened, ()) = tokio::join!(opening, serve(&mut server));
    opened
}

#[tokio::test]
async fn a_session_is_asked_for_as_clients_in_go_ask() {
    let go = SessionOptions {
        read_only: None,
        timeout: Duration::from_secs(10),
        ..SessionOptions::default()
    };
    let opened = open(go, async |server| {
        let bytes = server.welcome(4_000).await;
        assert_eq!(bytes.len(), 44);
        let request = ConnectRequest::parse(&bytes).unwrap();
        assert_eq!((request.session, request.timeout_ms), (0, 10_000));
    });
    let session = opened.await.unwrap();
    assert_eq!(
        (session.id(), session.timeout()),
        (7, Duration::from_secs(4))
    );
    // Resumed by another connection.
    let identity = SessionIdentity {
        last_zxid: 9,
        ..session.identity()
    };
    let resume = SessionOptions {
        resume: Some(identity),
        ..SessionOptions::default()
    };
    let opened = open(resume, async |server| {
        let bytes = server.welcome(4_000).await;
        assert_eq!(bytes.len(), 45);
        let request = ConnectRequest::parse(&bytes).unwrap();
        assert_eq!((request.session, request.last_zxid), (7, 9));
        assert_eq!(request.password, Secret(vec![7; 16]));
    });
    opened.await.unwrap();
}

#[tokio::test]
async fn an_identity_is_proved_before_the_first_request() {
    let options = || SessionOptions {
        identity: Some(("digest".to_owned(), Secret(b"me:secret".to_vec()))),
        ..SessionOptions::default()
    };
    for (error, want) in [(0, None), (-115, Some("refused: AUTHFAILED (-115)"))] {
        let opened = open(options(), async |server| {
            server.welcome(4_000).await;
            let frame = server.frame().await.unwrap();
            let mut from = JuteReader::new(&frame);
            let header = RequestHeader::read(&mut from).unwrap();
            assert_eq!((header.xid, header.op), (xid::AUTH, 100));
            let packet = AuthPacket::read(&mut from).unwrap();
            assert_eq!(packet.credentials, Some(Secret(b"me:secret".to_vec())));
            server.send(&reply(xid::AUTH, error, &())).await;
        });
        let failure = opened.await.err().map(|failure| failure.to_string());
        assert_eq!(failure.as_deref(), want);
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_give_no_session_are_failures() {
    let expired = ConnectResponse {
        version: 0,
        timeout_ms: 0,
        session: 0,
        password: Secret(vec![0; 16]),
        read_only: Some(false),
    };
    let expired = frame(|to| expired.write(to));
    let more = [
        &frame(|to| {
            let response = ConnectResponse {
                version: 0,
                timeout_ms: 1,
                session: 1,
                password: Secret(Vec::new()),
                read_only: None,
            };
            response.write(to);
        })[..],
        b"x",
    ]
    .concat();
    for (bytes, want) in [
        (&expired[..], "refused: the session has expired"),
        (b"", "connection: closed by the server"),
        (b"\0\0\0\x25\0", "connection: closed by the server"),
        (b"\0\0\0\x02\0\0", "bad answer: it ends too early"),
        (b"HTTP/1.1 400", "bad answer: a frame of 1213486160 bytes"),
        (&more, "bad answer: more than was asked for"),
    ] {
        let opened = open(SessionOptions::default(), async |server| {
            server.frame().await.unwrap();
            server.send(bytes).await;
            server.stream.shutdown().await.unwrap();
        });
        assert_eq!(opened.await.unwrap_err().to_string(), want);
    }
    let (client, _silent) = ends();
    let silent = PipelinedSession::open(client, &SessionOptions::default()).await;
    assert_eq!(silent.unwrap_err(), Failure::Timeout);
}
