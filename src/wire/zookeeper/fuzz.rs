//! Fuzz target of the decoder: what is decoded of any bytes is no longer than they are, and is read again to the same.

use bytes::BytesMut;

use super::*;

/// The bytes of all paths, texts and data of a request are copies of those of its frame, in which one byte of bad UTF-8
/// becomes three.
const GROWTH: usize = 3;

/// Decodes a frame in each way in which a server decodes one.
pub(crate) fn zookeeper_frame(frame: &[u8]) {
    if let Ok((header, Ok(request))) = decode_request(frame) {
        let again = encoded(header, &request);
        assert!(
            again.len() <= frame.len() * GROWTH + 4,
            "{}",
            frame.escape_ascii()
        );
        // What was read once is read again, to the same.
        let is_refused = matches!(request, ClientRequest::Refused(_));
        let same = match again.get(4..).map(decode_request) {
            Some(Ok((_, again))) => is_refused || again == Ok(request),
            Some(Err(_)) | None => false,
        };
        assert!(same, "{}", frame.escape_ascii());
    }
    if let Ok(request) = ConnectRequest::parse_leniently(frame) {
        let mut to = JuteWriter::default();
        request.write(&mut to);
        let length = to.frame().map_or(usize::MAX, |again| again.len());
        assert!(length <= frame.len() + 4);
    }
    let mut input = BytesMut::from(frame);
    while let Ok(Some(taken)) = take_frame(&mut input, LONGEST_REQUEST) {
        assert!(taken.len() + 4 <= frame.len());
    }
}

fn write_change(change: &ClientChange, to: &mut JuteWriter) {
    match change {
        ClientChange::Create(record)
        | ClientChange::Create2(record)
        | ClientChange::CreateContainer(record) => record.write(to),
        ClientChange::CreateTtl(record) => record.write(to),
        ClientChange::Delete(record) => record.write(to),
        ClientChange::SetData(record) => record.write(to),
        ClientChange::SetAcl(record) => record.write(to),
        ClientChange::Multi(record) => record.write(to),
    }
}

/// The frame of a request, as a client sends it.
pub(super) fn encoded(header: RequestHeader, request: &ClientRequest) -> Vec<u8> {
    let mut to = JuteWriter::default();
    header.write(&mut to);
    match request {
        ClientRequest::Change(change) => write_change(change, &mut to),
        ClientRequest::Exists(record)
        | ClientRequest::GetData(record)
        | ClientRequest::GetChildren(record)
        | ClientRequest::GetChildren2(record) => record.write(&mut to),
        ClientRequest::GetAcl(record)
        | ClientRequest::Sync(record)
        | ClientRequest::GetAllChildrenNumber(record) => record.write(&mut to),
        ClientRequest::MultiRead(record) => record.write(&mut to),
        ClientRequest::CheckWatches(record) | ClientRequest::RemoveWatches(record) => {
            record.write(&mut to);
        }
        ClientRequest::SetWatches(record) if header.op == OpCode::SetWatches.number() => {
            record.once.write(&mut to);
        }
        ClientRequest::SetWatches(record) => record.write(&mut to),
        ClientRequest::AddWatch(record) => record.write(&mut to),
        ClientRequest::Auth(record) => record.write(&mut to),
        ClientRequest::GetEphemerals(record) => record.write(&mut to),
        ClientRequest::Ping
        | ClientRequest::WhoAmI
        | ClientRequest::CloseSession
        | ClientRequest::Refused(_)
        | ClientRequest::Unknown(_) => {}
    }
    to.frame().unwrap_or_default()
}
