//! The least time that a durable write behind a socket can take on this machine.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::figures::median_us;

const TIMES: usize = 2_000;

pub fn measure(directory: &Path) {
    println!("fdatasync_us {:.0}", sync(directory));
    println!("round_trip_us {:.0}", round_trip());
}

/// Appends a record to a file and syncs it.
fn sync(directory: &Path) -> f64 {
    let path = directory.join("floor");
    let mut file = File::create(&path).unwrap();
    let record = [b'x'; 512];
    let mut times: Vec<_> = (0..TIMES)
        .map(|_| {
            let from = Instant::now();
            file.write_all(&record).unwrap();
            file.sync_data().unwrap();
            from.elapsed()
        })
        .collect();
    std::fs::remove_file(path).unwrap();
    median_us(&mut times)
}

/// Sends a request and an answer of the size of a small write between two threads that do nothing else.
fn round_trip() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 512];
        while server.read_exact(&mut message).is_ok() {
            server.write_all(&message).unwrap();
        }
    });
    let mut message = [0; 512];
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let from = Instant::now();
            client.write_all(&message).unwrap();
            client.read_exact(&mut message).unwrap();
            from.elapsed()
        })
        .collect();
    median_us(&mut times)
}
