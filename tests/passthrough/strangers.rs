//! Strangers at the relay port: connections that prove nothing delay no connection of a gateway.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::gateway::{metric, put, start, state, until, until_ready};
use support::etcd_member::Member;
use support::requests::{ask, read_until, send};

/// Connections of strangers, from so many addresses.
const STRANGERS: usize = 2_000;
const ADDRESSES: usize = 200;

/// Clients of the standby that ask while the strangers hold on.
const CLIENTS: u64 = 50;

/// A silent connection from one of many addresses of loopback's network.
fn silent(number: usize, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let host = u8::try_from(number % ADDRESSES).unwrap();
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 8, host + 1), 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn strangers_at_the_relay_port_delay_no_gateway() {
    let member = Member::start("etcd");
    let store = member.store("p");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = free.local_addr().unwrap();
    drop(free);
    let first = start(&store, "first", &["--relay", &relay.to_string()]);
    until_ready(&first);
    let second = start(&store, "second", &["--relay", "127.0.0.1:0"]);
    until("relaying", || state(&second) == "relaying");
    put(&first, "k", "value");

    let strangers: Vec<_> = (0..STRANGERS).map(|number| silent(number, relay)).collect();
    for _ in 0..CLIENTS {
        let answer = ask(second.consul, "GET /v1/kv/k?raw");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(metric(&first, "kubekv_relay_taken_total"), CLIENTS);
    // The oldest gave way to newer ones; those that are left hold no place of a client.
    until("dropped", || {
        metric(&first, "kubekv_relay_rejected_total") >= 1_000
    });
    // A poll through the standby goes on.
    let mut poll = send(second.etcd, "GET /v2/keys/k?wait=true");
    until("parked", || {
        metric(&first, "kubekv_face_in_flight{face=\"etcd\"}") == 1
    });
    put(&first, "k", "woken");
    read_until(&mut poll, "woken");
    drop(strangers);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn places_of_relayed_polls_are_free_after_their_clients_hang_up() {
    use std::io::Write;

    let member = Member::start("etcd");
    let store = member.store("p");
    let first = start(&store, "first", &["--relay", "127.0.0.1:0"]);
    until_ready(&first);
    let second = start(&store, "second", &["--relay", "127.0.0.1:0"]);
    until("relaying", || state(&second) == "relaying");
    let polls = [
        (second.etcd, "/v2/keys/never?wait=true", "etcd"),
        (second.consul, "/v1/kv/never?index=1&wait=600s", "consul"),
    ];
    for (face, poll, name) in polls {
        let open = format!("kubekv_face_connections{{face=\"{name}\"}}");
        let relayed = format!("kubekv_relay_connections{{face=\"{name}\"}}");
        // Behind more than the sockets hold, an end shows only when its own system gives up.
        for behind in [0, 1, 100, 70_000] {
            for resets in [false, true] {
                for _ in 0..5 {
                    let mut client = TcpStream::connect(face).unwrap();
                    write!(client, "GET {poll} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                    until("parked", || metric(&first, &open) >= 1);
                    client.set_nonblocking(true).unwrap();
                    // As much as the relay takes.
                    let _some = client.write(&vec![b'x'; behind]);
                    if resets {
                        let now = Some(std::time::Duration::ZERO);
                        socket2::SockRef::from(&client).set_linger(now).unwrap();
                    }
                }
                until("free", || metric(&first, &open) == 0);
                until("closed", || metric(&second, &relayed) == 0);
            }
        }
    }
}
