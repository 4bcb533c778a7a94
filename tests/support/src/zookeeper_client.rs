//! A client of ZooKeeper's protocol that waits for each answer: sessions, nodes and watches.

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::{Bytes, BytesMut};
use kubekv::wire::zookeeper::{
    AclEntry, AddWatchRequest, AuthPacket, ChildrenReply, ConnectRequest, ConnectResponse,
    CreateRequest, CreateTtlRequest, DataReply, ErrorCode, JuteReader, JuteRecord, JuteWriter,
    NodePath, OpCode, ReplyHeader, RequestHeader, Secret, SetAclRequest, SetDataRequest,
    SetWatches2Request, SetWatchesRequest, Stat, VersionedPath, WatchablePath, WatcherEvent,
    take_frame, xid,
};

use crate::requests::connect;

/// Flags of a create.
pub const PERSISTENT: i32 = 0;
pub const EPHEMERAL: i32 = 1;
pub const SEQUENTIAL: i32 = 2;
pub const CONTAINER: i32 = 4;
const TTL: i32 = 5;

/// What a client keeps of its session when its connection breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: i64,
    pub timeout_ms: i32,
    password: Secret,
}

/// A connection with a session.
pub struct ZooKeeperClient {
    to: SocketAddr,
    stream: TcpStream,
    input: BytesMut,
    pub session: Session,
    /// The last one seen in a reply.
    pub zxid: i64,
    xid: i32,
    events: VecDeque<(i32, String)>,
    /// Nodes whose data is watched, and nodes whose children are.
    watched: [BTreeSet<String>; 2],
}

fn framed(write: impl FnOnce(&mut JuteWriter)) -> Vec<u8> {
    let mut to = JuteWriter::default();
    write(&mut to);
    to.frame().unwrap()
}

fn create_of(path: &str, flags: i32) -> CreateRequest {
    let all = AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    CreateRequest {
        path: path.to_owned(),
        data: Some(Vec::new()),
        acl: vec![all],
        flags,
    }
}

fn watchable(path: &str, watch: bool) -> WatchablePath {
    let path = path.to_owned();
    WatchablePath { path, watch }
}

impl ZooKeeperClient {
    /// With a new session. A connection that breaks before its answer is tried again, as clients do.
    pub fn begin(to: SocketAddr, timeout_ms: i32) -> Self {
        let new = Session {
            id: 0,
            timeout_ms,
            password: Secret(vec![0; 16]),
        };
        loop {
            if let Some(client) = Self::open(to, &new, 0) {
                assert_ne!(client.session.id, 0);
                return client;
            }
        }
    }

    /// With the session it had; `None` where the session is over. A connection that breaks before its answer is tried again,
    /// as clients do.
    pub fn again(to: SocketAddr, session: &Session, zxid: i64) -> Option<Self> {
        loop {
            if let Some(client) = Self::open(to, session, zxid) {
                let is_same = client.session.id == session.id;
                assert!(is_same || client.session.id == 0, "another's session");
                return is_same.then_some(client);
            }
        }
    }

    /// With a new session on a connection that is there; `None` where the server ends it.
    pub fn begin_on(stream: TcpStream, timeout_ms: i32) -> Option<Self> {
        let new = Session {
            id: 0,
            timeout_ms,
            password: Secret(vec![0; 16]),
        };
        let to = stream.peer_addr().ok()?;
        Self::open_on(stream, to, &new, 0)
    }

    fn open(to: SocketAddr, session: &Session, zxid: i64) -> Option<Self> {
        Self::open_on(connect(to), to, session, zxid)
    }

    fn open_on(
        mut stream: TcpStream,
        to: SocketAddr,
        session: &Session,
        zxid: i64,
    ) -> Option<Self> {
        let request = ConnectRequest {
            version: 0,
            last_zxid: zxid,
            timeout_ms: session.timeout_ms,
            session: session.id,
            password: session.password.clone(),
            read_only: Some(false),
        };
        stream.write_all(&framed(|to| request.write(to))).ok()?;
        let mut client = Self {
            to,
            stream,
            input: BytesMut::new(),
            session: session.clone(),
            zxid,
            xid: 0,
            events: VecDeque::new(),
            watched: Default::default(),
        };
        let frame = client.next_frame()?;
        let response = ConnectResponse::parse(&frame).unwrap();
        client.session = Session {
            id: response.session,
            timeout_ms: response.timeout_ms,
            password: response.password,
        };
        Some(client)
    }

    fn next_frame(&mut self) -> Option<Bytes> {
        let mut part = [0; 4096];
        loop {
            if let Some(frame) = take_frame(&mut self.input, 1 << 30).unwrap() {
                return Some(frame);
            }
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(read) => self.input.extend_from_slice(&part[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("neither an answer nor the end: {error}")
                }
                Err(_) => return None,
            }
        }
    }

    /// The next reply, and its body; `None` where the connection ended.
    fn reply(&mut self) -> Option<(ReplyHeader, Bytes)> {
        loop {
            let frame = self.next_frame()?;
            let mut from = JuteReader::new(&frame);
            let header = ReplyHeader::read(&mut from).unwrap();
            let body = frame.slice_ref(from.rest());
            if header.xid != xid::EVENT {
                if header.zxid > 0 {
                    assert!(header.zxid >= self.zxid, "the zxid fell");
                    self.zxid = header.zxid;
                }
                return Some((header, body));
            }
            let event = WatcherEvent::parse(&body).unwrap();
            let [data, children] = &mut self.watched;
            for (watched, is_told) in [(data, event.kind != 4), (children, event.kind != 3)] {
                if is_told {
                    watched.remove(&event.path);
                }
            }
            self.events.push_back((event.kind, event.path));
        }
    }

    fn send(&mut self, xid: i32, op: i32, record: &impl JuteRecord) {
        let frame = framed(|to| {
            RequestHeader { xid, op }.write(to);
            record.write(to);
        });
        // Where the other side has closed it, that is found out by reading.
        let _closed = self.stream.write_all(&frame);
    }

    /// Sends a request and reads its reply; `None` where the connection ended before.
    fn try_call(
        &mut self,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Option<Result<Bytes, ErrorCode>> {
        self.xid += 1;
        self.send(self.xid, op.number(), record);
        self.finish()
    }

    /// Reads the reply to the last request.
    fn finish(&mut self) -> Option<Result<Bytes, ErrorCode>> {
        let (header, body) = self.reply()?;
        assert_eq!(header.xid, self.xid);
        Some(match ErrorCode::of(header.error) {
            None => Ok(body),
            Some(error) => Err(error),
        })
    }

    fn call<T: JuteRecord>(
        &mut self,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<T, ErrorCode> {
        let answer = self.try_call(op, record).expect("the connection ended");
        answer.map(|body| T::parse(&body).unwrap())
    }

    /// Creates a node without data; its path.
    pub fn create(&mut self, path: &str, flags: i32) -> String {
        let made = self.call(OpCode::Create, &create_of(path, flags));
        let NodePath(path) = made.unwrap();
        path
    }

    /// Adds the identity of these credentials.
    pub fn authenticate(&mut self, scheme: &str, credentials: &str) {
        let packet = AuthPacket {
            kind: 0,
            scheme: scheme.to_owned(),
            credentials: Some(Secret(credentials.as_bytes().to_vec())),
        };
        self.send(xid::AUTH, OpCode::Auth.number(), &packet);
        let (header, _) = self.reply().expect("the connection ended");
        assert_eq!((header.xid, header.error), (xid::AUTH, 0));
    }

    /// Creates a node that only those have any right to who have the identities of this connection.
    pub fn create_private(&mut self, path: &str) {
        let own = AclEntry {
            permissions: 31,
            scheme: "auth".to_owned(),
            id: String::new(),
        };
        let request = CreateRequest {
            acl: vec![own],
            ..create_of(path, PERSISTENT)
        };
        self.try_call(OpCode::Create, &request).unwrap().unwrap();
    }

    /// Sets a node's data; the error where that fails.
    pub fn try_set(&mut self, path: &str, data: &str, version: i32) -> Option<ErrorCode> {
        let request = SetDataRequest {
            path: path.to_owned(),
            data: Some(data.as_bytes().to_vec()),
            version,
        };
        let answer = self.try_call(OpCode::SetData, &request);
        answer.expect("the connection ended").err()
    }

    /// Reads a node's data; the error where that fails.
    pub fn try_get(&mut self, path: &str) -> Option<ErrorCode> {
        let answer = self.try_call(OpCode::GetData, &watchable(path, false));
        answer.expect("the connection ended").err()
    }

    /// The data of a node, and its version.
    pub fn read(&mut self, path: &str) -> Result<(String, i32), ErrorCode> {
        let reply: DataReply = self.call(OpCode::GetData, &watchable(path, false))?;
        let data = reply.data.unwrap_or_default();
        Ok((
            String::from_utf8_lossy(&data).into_owned(),
            reply.stat.version,
        ))
    }

    /// The names of a node's children.
    pub fn children(&mut self, path: &str) -> Result<Vec<String>, ErrorCode> {
        let reply: ChildrenReply = self.call(OpCode::GetChildren2, &watchable(path, false))?;
        Ok(reply.names)
    }

    /// Creates a node with this data and an open access list.
    pub fn make(&mut self, path: &str, data: &str, flags: i32) -> Result<(), ErrorCode> {
        let mut request = create_of(path, flags);
        request.data = Some(data.as_bytes().to_vec());
        let made: Result<NodePath, ErrorCode> = self.call(OpCode::Create, &request);
        made.map(drop)
    }

    /// Deletes a node in this version; -1 is any.
    pub fn remove(&mut self, path: &str, version: i32) -> Result<(), ErrorCode> {
        let path = path.to_owned();
        let answer = self.try_call(OpCode::Delete, &VersionedPath { path, version });
        answer.expect("the connection ended").map(drop)
    }

    /// Leaves a node's data to nobody.
    pub fn close_to_all(&mut self, path: &str) -> Result<(), ErrorCode> {
        let mut acl = create_of(path, PERSISTENT).acl;
        for entry in &mut acl {
            entry.permissions = 0;
        }
        let path = path.to_owned();
        let request = SetAclRequest {
            path,
            acl,
            acl_version: -1,
        };
        let answer = self.try_call(OpCode::SetAcl, &request);
        answer.expect("the connection ended").map(drop)
    }

    /// Adds a watch of a node and its children that stays; the error, if there is one.
    pub fn try_add_watch(&mut self, path: &str) -> Option<ErrorCode> {
        let path = path.to_owned();
        let answer = self.try_call(OpCode::AddWatch, &AddWatchRequest { path, mode: 0 });
        answer.expect("the connection ended").err()
    }

    /// Sets watches of children of these nodes, as after another connection ended.
    pub fn set_watches_again(&mut self, paths: &[&str]) {
        let mut request = SetWatches2Request::default();
        request.once.relative_zxid = self.zxid;
        request.once.child = paths.iter().map(|path| (*path).to_owned()).collect();
        let answer = self.try_call(OpCode::SetWatches2, &request);
        answer.expect("the connection ended").unwrap();
    }

    /// Asks for a node, and does not wait for the answer.
    pub fn begin_create(&mut self, path: &str, flags: i32) {
        self.xid += 1;
        self.send(self.xid, OpCode::Create.number(), &create_of(path, flags));
    }

    /// Whether what was asked for last is done; `None` where the connection ended before.
    pub fn is_done(&mut self) -> Option<bool> {
        self.finish().map(|answer| answer.is_ok())
    }

    pub fn create_container(&mut self, path: &str) {
        let request = create_of(path, CONTAINER);
        let answer = self.try_call(OpCode::CreateContainer, &request);
        answer.unwrap().unwrap();
    }

    pub fn create_with_ttl(&mut self, path: &str, ttl_ms: i64) {
        let node = create_of(path, TTL);
        let answer = self.try_call(OpCode::CreateTtl, &CreateTtlRequest { node, ttl_ms });
        answer.unwrap().unwrap();
    }

    pub fn delete(&mut self, path: &str) {
        let path = path.to_owned();
        let request = VersionedPath { path, version: -1 };
        self.try_call(OpCode::Delete, &request).unwrap().unwrap();
    }

    pub fn set(&mut self, path: &str, data: &str) -> Stat {
        let request = SetDataRequest {
            path: path.to_owned(),
            data: Some(data.as_bytes().to_vec()),
            version: -1,
        };
        self.call(OpCode::SetData, &request).unwrap()
    }

    /// The metadata of a node, if it is there.
    pub fn stat(&mut self, path: &str) -> Option<Stat> {
        self.exists(path, false)
    }

    /// The same, with a watch.
    pub fn watch(&mut self, path: &str) -> Option<Stat> {
        let stat = self.exists(path, true);
        self.watched[0].insert(path.to_owned());
        stat
    }

    fn exists(&mut self, path: &str, watch: bool) -> Option<Stat> {
        match self.call(OpCode::Exists, &watchable(path, watch)) {
            Ok(stat) => Some(stat),
            Err(ErrorCode::NoNode) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Watches the children of a node.
    pub fn watch_children(&mut self, path: &str) {
        let answer = self.try_call(OpCode::GetChildren2, &watchable(path, true));
        answer.unwrap().unwrap();
        self.watched[1].insert(path.to_owned());
    }

    /// Takes the session up again where the connection has ended, with the watches that it had.
    pub fn take_up(&mut self) {
        let again = Self::again(self.to, &self.session, self.zxid);
        let before = std::mem::replace(self, again.expect("the session is over"));
        self.events = before.events;
        let [data, child] = before.watched.clone();
        self.watched = before.watched;
        let request = SetWatchesRequest {
            relative_zxid: self.zxid,
            data: data.into_iter().collect(),
            exist: Vec::new(),
            child: child.into_iter().collect(),
        };
        self.send(xid::SET_WATCHES, OpCode::SetWatches.number(), &request);
        let Some((header, _)) = self.reply() else {
            return self.take_up();
        };
        assert_eq!((header.xid, header.error), (xid::SET_WATCHES, 0));
    }

    /// Sends a ping; says whether it is answered before the connection ends.
    pub fn ping(&mut self) -> bool {
        self.send(xid::PING, OpCode::Ping.number(), &());
        let Some((header, _)) = self.reply() else {
            return false;
        };
        assert_eq!(header.xid, xid::PING);
        true
    }

    /// The events before the last reply, oldest first.
    pub fn take_events(&mut self) -> Vec<(i32, String)> {
        self.events.drain(..).collect()
    }

    /// Keeps the session alive until an event comes, which is taken.
    pub fn until_event(&mut self) -> (i32, String) {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if !self.ping() {
                self.take_up();
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Ends the session.
    pub fn close(mut self) {
        let closed = self.try_call(OpCode::CloseSession, &());
        closed.unwrap().unwrap();
    }
}
