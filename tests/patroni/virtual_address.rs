//! A virtual address of all gateways, as a Kubernetes Service has: each connection goes to one that accepts it.

use std::io::copy;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::spawn;

use support::etcd_member::free;

/// Listens until the tests end.
pub(crate) fn before(gateways: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind(free()).unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        for client in listener.incoming() {
            let gateways = gateways.clone();
            spawn(move || carry(&client.unwrap(), &gateways));
        }
    });
    address
}

fn carry(client: &TcpStream, gateways: &[SocketAddr]) {
    let mut turns: Vec<_> = gateways.to_vec();
    fastrand::shuffle(&mut turns);
    let Some(gateway) = turns.iter().find_map(|to| TcpStream::connect(to).ok()) else {
        return;
    };
    let close = || {
        for end in [client, &gateway] {
            let _closed = end.shutdown(std::net::Shutdown::Both);
        }
    };
    std::thread::scope(|scope| {
        for (mut from, mut to) in [(client, &gateway), (&gateway, client)] {
            scope.spawn(move || {
                let _broken = copy(&mut from, &mut to);
                close();
            });
        }
    });
}
