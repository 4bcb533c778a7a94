//! Constant answers of ZooKeeper's protocol.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::wire::zookeeper::{
    AclReply, ChildNames, ChildrenReply, ConnectRequest, ConnectResponse, CreateRequest,
    CreatedReply, DataReply, ErrorReply, JuteReader, JuteRecord, JuteWriter, Malformed,
    MultiOperation, MultiReply, MultiRequest, MultiResult, NodeCount, NodePath, OpCode,
    ReplyHeader, RequestHeader, Secret, Stat, append_frame, create_flags, take_frame,
};

/// The longest request, as in ZooKeeper.
const MOST_BYTES: usize = 0xf_ffff;

/// The sequence number of every node that gets one: whoever queues for a lock has it.
const SEQUENCE: &str = "0000000000";

/// The error of a request that does not decode.
const MARSHALLING: i32 = -5;

/// The error of an operation that no constant answers.
const UNIMPLEMENTED: i32 = -6;

/// The session timeout, in milliseconds.
const TIMEOUT_MS: i32 = 30_000;

/// The answers, made once.
#[derive(Debug)]
pub(super) struct ZooKeeperAnswers {
    data: DataReply,
    children: ChildrenReply,
}

impl ZooKeeperAnswers {
    /// Answers about nodes with as many bytes of data and one child.
    pub(super) fn new(value_bytes: usize) -> Self {
        let stat = Stat {
            created: 1,
            modified: 1,
            children_modified: 1,
            children: 1,
            length: i32::try_from(value_bytes).unwrap_or(i32::MAX),
            ..Stat::default()
        };
        Self {
            data: DataReply {
                data: Some(vec![b'x'; value_bytes]),
                // Whoever lists a tree must find its end.
                stat: Stat {
                    children: 0,
                    ..stat
                },
            },
            children: ChildrenReply {
                names: vec![format!("lock-{SEQUENCE}")],
                stat,
            },
        }
    }

    /// Answers the requests of one connection until either side ends it.
    pub(super) async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
    ) -> io::Result<()> {
        let (mut input, mut output) = (BytesMut::with_capacity(4096), Vec::new());
        let (mut is_open, mut is_closing) = (false, false);
        while !is_closing {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
            while let Some(frame) = take_frame(&mut input, MOST_BYTES).map_err(io::Error::other)? {
                if is_open {
                    is_closing |= self.answer(&frame, &mut output)?;
                } else {
                    welcome(&frame, &mut output)?;
                    is_open = true;
                }
            }
            stream.write_all(&output).await?;
            stream.flush().await?;
            output.clear();
        }
        stream.shutdown().await
    }

    /// Appends the answer to a request; returns whether it ends the session.
    fn answer(&self, frame: &[u8], output: &mut Vec<u8>) -> io::Result<bool> {
        let mut from = JuteReader::new(frame);
        let header = RequestHeader::read(&mut from).map_err(io::Error::other)?;
        let op = OpCode::of(header.op);
        let start = output.len();
        let mut error = 0;
        let mut answer = |error: &mut i32, to: &mut JuteWriter| {
            let (xid, zxid) = (header.xid, 1);
            ReplyHeader {
                xid,
                zxid,
                error: *error,
            }
            .write(to);
            if *error == 0 {
                *error = match op.map(|op| self.body(op, &mut from, to)) {
                    Some(Ok(true)) => 0,
                    Some(Ok(false)) | None => UNIMPLEMENTED,
                    Some(Err(_)) => MARSHALLING,
                };
            }
        };
        append_frame(output, |to| answer(&mut error, to)).map_err(io::Error::other)?;
        if error != 0 {
            // A reply with an error has no body.
            output.truncate(start);
            append_frame(output, |to| answer(&mut error, to)).map_err(io::Error::other)?;
        }
        Ok(op == Some(OpCode::CloseSession))
    }

    /// Writes the body of an answer; returns whether the operation has one.
    fn body(
        &self,
        op: OpCode,
        from: &mut JuteReader<'_>,
        to: &mut JuteWriter,
    ) -> Result<bool, Malformed> {
        match op {
            OpCode::Create => to.text(&created(&CreateRequest::read(from)?)),
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                let path = created(&CreateRequest::read(from)?);
                let stat = self.data.stat;
                CreatedReply { path, stat }.write(to);
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => self.data.stat.write(to),
            OpCode::GetData => self.data.write(to),
            OpCode::GetAcl => {
                let (list, stat) = (Vec::new(), self.data.stat);
                AclReply { list, stat }.write(to);
            }
            OpCode::GetChildren => ChildNames(self.children.names.clone()).write(to),
            OpCode::GetChildren2 => self.children.write(to),
            OpCode::Sync => NodePath::read(from)?.write(to),
            OpCode::Multi | OpCode::MultiRead => self.multi(&MultiRequest::read(from)?).write(to),
            OpCode::AddWatch => ErrorReply(0).write(to),
            OpCode::GetAllChildrenNumber => NodeCount(1).write(to),
            OpCode::GetEphemerals | OpCode::WhoAmI => ChildNames::default().write(to),
            OpCode::Delete
            | OpCode::Ping
            | OpCode::CheckWatches
            | OpCode::RemoveWatches
            | OpCode::Auth
            | OpCode::SetWatches
            | OpCode::SetWatches2
            | OpCode::CloseSession => {}
            OpCode::Check | OpCode::Reconfig | OpCode::DeleteContainer | OpCode::Sasl => {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn multi(&self, request: &MultiRequest) -> MultiReply {
        let results = request.0.iter().map(|operation| match operation {
            MultiOperation::Create(node) => MultiResult::Created(created(node)),
            MultiOperation::Create2(node) | MultiOperation::CreateContainer(node) => {
                self.created2(node)
            }
            MultiOperation::CreateTtl(node) => self.created2(&node.node),
            MultiOperation::Delete(_) => MultiResult::Deleted,
            MultiOperation::SetData(_) => MultiResult::DataSet(self.data.stat),
            MultiOperation::Check(_) => MultiResult::Checked,
            MultiOperation::GetData(_) => MultiResult::Data(self.data.clone()),
            MultiOperation::GetChildren(_) => MultiResult::Children(self.children.names.clone()),
        });
        MultiReply(results.collect())
    }

    fn created2(&self, node: &CreateRequest) -> MultiResult {
        let (path, stat) = (created(node), self.data.stat);
        MultiResult::Created2(CreatedReply { path, stat })
    }
}

/// Appends the answer to the first frame of a client.
fn welcome(frame: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let request = ConnectRequest::parse_leniently(frame).map_err(io::Error::other)?;
    let response = ConnectResponse {
        version: 0,
        timeout_ms: TIMEOUT_MS,
        session: 1,
        password: Secret(vec![1; 16]),
        read_only: request.read_only.map(|_| false),
    };
    append_frame(output, |to| response.write(to)).map_err(io::Error::other)
}

/// The path of a node that was created.
fn created(request: &CreateRequest) -> String {
    let sequential = [
        create_flags::PERSISTENT_SEQUENTIAL,
        create_flags::EPHEMERAL_SEQUENTIAL,
        create_flags::SEQUENTIAL_WITH_TTL,
    ];
    if sequential.contains(&request.flags) {
        format!("{}{SEQUENCE}", request.path)
    } else {
        request.path.clone()
    }
}
