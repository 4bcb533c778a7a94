//! Beginnings of connections: the handshake, and sessions that are taken up again.

use std::time::Duration;

use kubekv::wire::zookeeper::{
    ConnectRequest, ConnectResponse, JuteRecord, OpCode, Secret, append_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, again, new_session};
use crate::server::Face;

async fn answered(face: &Face, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(face.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut length = [0; 4];
    if stream.read_exact(&mut length).await.is_err() {
        return Vec::new();
    }
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut frame).await.unwrap();
    frame
}

fn framed(request: &ConnectRequest) -> Vec<u8> {
    let mut frame = Vec::new();
    append_frame(&mut frame, |to| request.write(to)).unwrap();
    frame
}

#[tokio::test]
async fn an_answer_has_the_byte_for_read_only_servers_where_the_request_had_it() {
    let face = Face::in_memory().await;
    let of_java = framed(&new_session());
    assert_eq!(of_java.len(), 4 + 45);
    assert_eq!(answered(&face, &of_java).await.len(), 37);
    let of_go = framed(&ConnectRequest {
        read_only: None,
        ..new_session()
    });
    assert_eq!(of_go.len(), 4 + 44);
    assert_eq!(answered(&face, &of_go).await.len(), 36);
    // What follows the record is ignored.
    for length in [46, 100] {
        let mut longer = of_java.clone();
        longer.resize(4 + length, 7);
        longer[..4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        assert_eq!(answered(&face, &longer).await.len(), 37);
    }
}

#[tokio::test]
async fn timeouts_are_negotiated() {
    let face = Face::in_memory().await;
    for (asked, agreed) in [(-1, 4_000), (0, 4_000), (10_000, 10_000), (60_000, 40_000)] {
        let request = ConnectRequest {
            timeout_ms: asked,
            ..new_session()
        };
        let client = Client::connect_with(face.address, &request).await.unwrap();
        assert_eq!(client.response.timeout_ms, agreed);
        assert_eq!(client.response.password.0.len(), 16);
        assert!(client.response.session > 0);
    }
}

#[tokio::test]
async fn a_session_that_is_not_the_clients_is_refused_and_its_owner_stays() {
    let face = Face::in_memory().await;
    let mut owner = Client::connect(face.address).await;
    let right = again(&owner.response);
    let wrong_password = ConnectRequest {
        password: Secret(vec![1; 16]),
        ..right.clone()
    };
    let unknown = ConnectRequest {
        session: right.session ^ 1,
        ..right.clone()
    };
    let negative = ConnectRequest {
        session: -1,
        ..right
    };
    for request in [wrong_password, unknown, negative] {
        let mut refused = Client::connect_with(face.address, &request).await.unwrap();
        assert_eq!(refused.response, ConnectResponse::refusal(&request));
        assert!(refused.frame().await.is_none());
    }
    owner.stat("/").await.unwrap();
}

#[tokio::test]
async fn a_client_that_has_seen_more_is_closed_without_an_answer() {
    let face = Face::in_memory().await;
    let ahead = ConnectRequest {
        last_zxid: 1_000_000,
        ..new_session()
    };
    assert!(Client::connect_with(face.address, &ahead).await.is_none());
    let mut client = Client::connect(face.address).await;
    client.create("/a", b"", 0).await.unwrap();
    let level = ConnectRequest {
        last_zxid: client.zxid,
        ..again(&client.response)
    };
    let same = Client::connect_with(face.address, &level).await.unwrap();
    assert_eq!(same.response.session, client.response.session);
}

#[tokio::test]
async fn a_session_moves_to_the_connection_that_takes_it_up() {
    let face = Face::in_memory().await;
    let mut first = Client::connect(face.address).await;
    first.create("/e", b"", 1).await.unwrap();
    let revision = face.space.read(&kubekv::model::Caller::System).revision();
    let request = again(&first.response);
    let mut second = Client::connect_with(face.address, &request).await.unwrap();
    assert_eq!(second.response, first.response);
    assert!(first.frame().await.is_none());
    let stat = second.stat("/e").await.unwrap();
    assert_eq!(stat.ephemeral_owner, second.response.session);
    // Nothing was written for it.
    let now = face.space.read(&kubekv::model::Caller::System).revision();
    assert_eq!(now, revision);
    // With a timeout of its own.
    let longer = ConnectRequest {
        timeout_ms: 20_000,
        ..request
    };
    let third = Client::connect_with(face.address, &longer).await.unwrap();
    assert_eq!(third.response.timeout_ms, 20_000);
    assert!(second.frame().await.is_none());
}

#[tokio::test]
async fn frames_that_are_no_requests_end_the_connection() {
    let face = Face::in_memory().await;
    for bytes in [
        &[0, 0, 0, 0][..],
        &[0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0],
        &[0xff, 0xff, 0xff, 0xff],
        &[0, 0x10, 0, 0],
    ] {
        let mut client = Client::connect(face.address).await;
        client.send_bytes(bytes).await;
        assert!(client.frame().await.is_none(), "{bytes:?}");
    }
    for bytes in [
        &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0][..],
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(answered(&face, bytes).await, b"");
    }
}

#[tokio::test]
async fn a_closed_session_is_over() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/e", b"", 1).await.unwrap();
    let request = again(&client.response);
    // What comes after it is not answered.
    let close = crate::client::request_frame(7, OpCode::CloseSession.number(), &());
    let ping = crate::client::request_frame(-2, OpCode::Ping.number(), &());
    client.send_bytes(&[close, ping].concat()).await;
    let (header, body) = client.reply().await.unwrap();
    assert_eq!((header.xid, header.error, body.len()), (7, 0, 0));
    assert!(client.frame().await.is_none());
    let refused = Client::connect_with(face.address, &request).await.unwrap();
    assert_eq!(refused.response, ConnectResponse::refusal(&request));
    let mut other = Client::connect(face.address).await;
    assert!(other.stat("/e").await.is_err());
}

/// As 3.9.4 does.
#[tokio::test(start_paused = true)]
async fn a_connection_without_a_session_is_closed_after_a_while() {
    let face = Face::in_memory().await;
    for begun in [&b""[..], b"ru", b"\0\0\0\x2d\0\0\0\0"] {
        let mut stream = TcpStream::connect(face.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer));
        assert_eq!(closed.await.unwrap().unwrap(), 0, "{begun:?}");
    }
}
