//! The handshake: opening a session on a connection, and proving an identity.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::SessionOptions;
use super::reply::refusal;
use super::state::Opened;
use crate::bench::client::Failure;
use crate::wire::zookeeper::{
    AuthPacket, ConnectRequest, ConnectResponse, ErrorCode, JuteReader, JuteRecord, JuteWriter,
    OpCode, ReplyHeader, RequestHeader, Secret, append_frame, take_frame, xid,
};

/// The longest frame of a handshake, in bytes: it has 37.
const MOST_BYTES: usize = 4096;

/// Opens or resumes a session.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    options: &SessionOptions,
) -> Result<(S, Opened), Failure> {
    // As in ZooKeeper's own clients.
    let patience = options.timeout * 2 / 3;
    let opening = tokio::time::timeout(patience, exchange(stream, options));
    opening.await.unwrap_or(Err(Failure::Timeout))
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    options: &SessionOptions,
) -> Result<(S, Opened), Failure> {
    let request = connect_request(options);
    send(&mut stream, |to| request.write(to)).await?;
    let mut input = BytesMut::new();
    let frame = receive(&mut stream, &mut input).await?;
    let response = ConnectResponse::parse(&frame).map_err(|why| bad(&why))?;
    let timeout = u64::try_from(response.timeout_ms).unwrap_or(0);
    if timeout == 0 || response.session == 0 {
        return Err(Failure::Refused("the session has expired".to_owned()));
    }
    if let Some((scheme, credentials)) = &options.identity {
        let packet = AuthPacket {
            kind: 0,
            scheme: scheme.clone(),
            credentials: Some(credentials.clone()),
        };
        authenticate(&mut stream, &mut input, &packet).await?;
    }
    if !input.is_empty() {
        return Err(bad(&"more than was asked for"));
    }
    let opened = Opened {
        id: response.session,
        password: response.password,
        timeout: Duration::from_millis(timeout),
    };
    Ok((stream, opened))
}

fn connect_request(options: &SessionOptions) -> ConnectRequest {
    let (session, password, last_zxid) = match &options.resume {
        Some(identity) => (identity.id, identity.password.clone(), identity.last_zxid),
        None => (0, Secret(vec![0; 16]), 0),
    };
    ConnectRequest {
        version: 0,
        last_zxid,
        timeout_ms: i32::try_from(options.timeout.as_millis()).unwrap_or(i32::MAX),
        session,
        password,
        read_only: options.read_only,
    }
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    input: &mut BytesMut,
    packet: &AuthPacket,
) -> Result<(), Failure> {
    let header = RequestHeader {
        xid: xid::AUTH,
        op: OpCode::Auth.number(),
    };
    send(stream, |to| {
        header.write(to);
        packet.write(to);
    })
    .await?;
    let frame = receive(stream, input).await?;
    let header = ReplyHeader::read(&mut JuteReader::new(&frame)).map_err(|why| bad(&why))?;
    match ErrorCode::of(header.error) {
        None if header.xid == xid::AUTH => Ok(()),
        None => Err(bad(&"a reply to no request")),
        Some(code) => Err(refusal(code)),
    }
}

async fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    record: impl FnOnce(&mut JuteWriter),
) -> Result<(), Failure> {
    let mut output = Vec::new();
    append_frame(&mut output, record).map_err(|why| bad(&why))?;
    stream.write_all(&output).await?;
    stream.flush().await?;
    Ok(())
}

async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut BytesMut,
) -> Result<Bytes, Failure> {
    loop {
        if let Some(frame) = take_frame(input, MOST_BYTES).map_err(|why| bad(&why))? {
            return Ok(frame);
        }
        if stream.read_buf(input).await? == 0 {
            return Err(Failure::Connection("closed by the server".to_owned()));
        }
    }
}

fn bad(why: &dyn std::fmt::Display) -> Failure {
    Failure::BadAnswer(why.to_string())
}
