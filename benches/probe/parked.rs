//! Measuring blocking polls: one on each of many keys, while a few of the keys are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::client::Client;
use super::figures::{median_us, resident_mib};
use super::load;
use super::server::Server;

/// How long a server has to receive the last polls, and to wake polls that it should not.
const GRACE: Duration = Duration::from_secs(2);

/// The step between the keys that are written, so that they are far apart.
const STRIDE: usize = 89;

pub async fn run(server: Server, pid: u32, polls: usize, writes: usize) {
    load::keys(server, "parked", polls).await;
    let before = resident_mib(pid);
    let sent = Arc::new(AtomicUsize::new(0));
    // No more connections are opened at once than fit into a listen queue.
    let opening = Arc::new(Semaphore::new(64));
    let (woken, mut wakes) = mpsc::unbounded_channel();
    for number in 0..polls {
        let (sent, woken, opening) = (Arc::clone(&sent), woken.clone(), Arc::clone(&opening));
        tokio::spawn(async move {
            let key = format!("parked/{number}");
            let permit = opening.acquire().await.unwrap();
            let mut client = Client::connect(server.address).await;
            let seen = client.send("GET", &server.protocol.key(&key), "").await;
            let uri = server.protocol.poll(&key, &seen);
            sent.fetch_add(1, Ordering::SeqCst);
            drop(permit);
            let answer = client.send("GET", &uri, "").await;
            assert_eq!(answer.status, 200, "{uri}");
            let _over = woken.send((number, Instant::now()));
        });
    }
    while sent.load(Ordering::SeqCst) < polls {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(GRACE).await;
    let after = resident_mib(pid);

    let mut writer = Client::connect(server.address).await;
    let mut times = Vec::new();
    let mut others = 0;
    for write in 0..writes {
        let number = write * STRIDE % polls;
        let key = server.protocol.key(&format!("parked/{number}"));
        let from = Instant::now();
        writer
            .send("PUT", &key, &server.protocol.value("news"))
            .await;
        loop {
            let (woken_poll, at) = wakes.recv().await.unwrap();
            if woken_poll == number {
                times.push(at - from);
                break;
            }
            others += 1;
        }
    }
    while timeout(GRACE, wakes.recv()).await.is_ok() {
        others += 1;
    }
    println!("parked_mib {before:.0} {after:.0}");
    println!("woken {} of {writes}, others {others}", times.len());
    println!("wake_us {:.0}", median_us(&mut times));
}
