//! The recorder between clients and a server of the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use kubekv::wire::zookeeper::{ChildrenReply, JuteRecord, JuteWriter, ReplyHeader, Stat};
use support::recorder::shim::Shim;
use support::recorder::{Protocol, Recorder, Setup};
use support::until::until;

const LOOPBACK: &str = "127.0.0.1:0";

fn recorder(server: SocketAddr, protocol: Protocol) -> Recorder {
    Recorder::start(Setup {
        namespace: None,
        protocol,
        server,
        listen: vec![(LOOPBACK.parse().unwrap(), Some("a".to_owned()))],
        hosts: Vec::new(),
    })
}

/// A server that answers the requests of one connection with these bytes, and then keeps silent.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

#[test]
fn requests_are_recorded_with_step_and_answer_and_parked_ones_without() {
    let server = server(|stream| {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap_or(0) > 0 {
            if line == "\r\n" {
                let answer =
                    b"HTTP/1.1 404 Not Found\r\nX-Consul-Index: 9\r\nContent-Length: 2\r\n\r\nno";
                stream.get_mut().write_all(answer).unwrap();
                break;
            }
            line.clear();
        }
        // The second request is parked.
        let _ended = stream.read_to_end(&mut Vec::new());
    });
    let recorder = recorder(server, Protocol::Http);
    let mut client = TcpStream::connect(recorder.addresses[0]).unwrap();
    recorder.step("one");
    client
        .write_all(b"GET /v1/kv/a?consistent= HTTP/1.1\r\n\r\n")
        .unwrap();
    let mut answer = [0; 256];
    let count = client.read(&mut answer).unwrap();
    assert!(answer[..count].ends_with(b"no"));
    recorder.step("two");
    client
        .write_all(b"GET /v1/kv/a?index=9&wait=15000ms HTTP/1.1\r\n\r\n")
        .unwrap();
    until("the second request", || recorder.records().len() == 2);
    let records = recorder.records();
    assert_eq!(
        (records[0].step.as_str(), records[0].host.as_str()),
        ("one", "a")
    );
    assert_eq!((records[0].status, records[0].index), (Some(404), Some(9)));
    assert_eq!(records[0].answer.as_deref(), Some("no"));
    assert_eq!((records[1].step.as_str(), records[1].status), ("two", None));
    assert!(!records[1].lost);
    drop(client);
    until("the end of the connection", || recorder.records()[1].lost);
}

fn frame(write: impl FnOnce(&mut JuteWriter)) -> Vec<u8> {
    let mut to = JuteWriter::default();
    write(&mut to);
    to.frame().unwrap()
}

fn next_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    next_frame(stream).unwrap()
}

/// A request for a path, with this after it.
fn request(op: i32, path: &str, rest: &[u8]) -> Vec<u8> {
    let mut body = [1_i32, op].map(i32::to_be_bytes).concat();
    body.extend(i32::try_from(path.len()).unwrap().to_be_bytes());
    body.extend(path.as_bytes());
    body.extend(rest);
    [&i32::try_from(body.len()).unwrap().to_be_bytes(), &body[..]].concat()
}

/// A server of ZooKeeper's that has one child in a directory, in this version, and returns the frames that it is sent.
fn zookeeper(version: i32) -> (SocketAddr, std::sync::mpsc::Receiver<Vec<u8>>) {
    let (sent, received) = std::sync::mpsc::channel();
    let address = server(move |mut stream| {
        let header = ReplyHeader {
            xid: 1,
            zxid: 5,
            error: 0,
        };
        let stat = Stat {
            version,
            ..Stat::default()
        };
        let listed = ChildrenReply {
            names: vec!["0123".to_owned()],
            stat: Stat::default(),
        };
        read_frame(&mut stream);
        stream.write_all(&frame(|to| to.long(0))).unwrap();
        while let Ok(body) = next_frame(&mut stream) {
            let op = i32::from_be_bytes(body[4..8].try_into().unwrap());
            let _gone = sent.send(body);
            let reply = frame(|to| {
                header.write(to);
                match op {
                    12 => listed.write(to),
                    4 => {
                        to.buffer(b"{}");
                        stat.write(to);
                    }
                    _ => stat.write(to),
                }
            });
            stream.write_all(&reply).unwrap();
        }
    });
    (address, received)
}

const COUNTS: &str = "/docker/network/v1.0/endpoint_count";

#[test]
fn a_list_of_the_shim_leads_to_a_change_that_depends_on_the_version_last_seen() {
    let (server, received) = zookeeper(7);
    let recorder = recorder(server, Protocol::ZooKeeper { shim: true });
    let mut client = TcpStream::connect(recorder.addresses[0]).unwrap();
    client.write_all(&frame(|to| to.buffer(&[0; 40]))).unwrap();
    read_frame(&mut client);
    client.write_all(&request(12, COUNTS, &[0])).unwrap();
    let list = ChildrenReply::parse(&read_frame(&mut client)[16..]).unwrap();
    let child = "docker/network/v1.0/endpoint_count/0123";
    assert_eq!(list.names, [child]);
    // The way in which libkv reads a child of a list, and libnetwork changes it.
    client
        .write_all(&request(4, &format!("{COUNTS}/{child}"), &[0]))
        .unwrap();
    read_frame(&mut client);
    let change = [&0_i32.to_be_bytes()[..], &list.stat.version.to_be_bytes()].concat();
    client
        .write_all(&request(5, &format!("/{child}"), &change))
        .unwrap();
    read_frame(&mut client);
    let [_, read, changed] = [0; 3].map(|_| received.recv().unwrap());
    assert_eq!(read, request(4, &format!("/{child}"), &[0])[4..]);
    assert_eq!(changed[changed.len() - 4..], 7_i32.to_be_bytes());
    let records = recorder.records();
    assert_eq!(records[2].target, format!("{COUNTS}/{child}"));
    assert_eq!(records[3].version, Some(list.stat.version));
    assert!(records[1..].iter().all(|record| record.shim.is_some()));
}

#[test]
fn without_the_shim_the_bytes_stay_as_they_are() {
    let (server, received) = zookeeper(7);
    let recorder = recorder(server, Protocol::ZooKeeper { shim: false });
    let mut client = TcpStream::connect(recorder.addresses[0]).unwrap();
    client.write_all(&frame(|to| to.buffer(&[0; 40]))).unwrap();
    read_frame(&mut client);
    client.write_all(&request(12, COUNTS, &[1])).unwrap();
    let list = ChildrenReply::parse(&read_frame(&mut client)[16..]).unwrap();
    assert_eq!(
        (list.names, list.stat.version),
        (vec!["0123".to_owned()], 0)
    );
    assert_eq!(received.recv().unwrap(), request(12, COUNTS, &[1])[4..]);
}

#[test]
fn doubled_paths_mean_the_child() {
    let of = |path: &str| Shim::child_of_doubled(path);
    let child = format!("{COUNTS}/0123");
    assert_eq!(of(&format!("{COUNTS}{child}")).as_ref(), Some(&child));
    assert_eq!(of(&child), None);
    assert_eq!(of("/docker/nodes/docker/nodes/a"), None);
    let endpoint = "/docker/network/v1.0/endpoint/1";
    let doubled = format!("{endpoint}{endpoint}/2");
    assert_eq!(of(&doubled), Some(format!("{endpoint}/2")));
}

#[test]
fn lists_of_hosts_keep_their_names() {
    let names = ["10.99.0.1:2376".to_owned()];
    assert_eq!(Shim::full_names("/docker/nodes", &names), None);
}
