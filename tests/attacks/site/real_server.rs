//! `RealServer`: a process of a real server that ends with its handle.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::components::component;

/// The longest wait until it serves, in pauses.
const TRIES: usize = 1200;
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct RealServer(Child);

impl RealServer {
    /// Starts a program of a component; the arguments are filled in.
    pub(super) fn start(name: &str, fill: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(component(name).join(name));
        fill(&mut command);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Waits until something holds.
    pub(super) fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..TRIES {
            if holds() {
                return;
            }
            let ended = self.0.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: it ended: {ended:?}");
            std::thread::sleep(PAUSE);
        }
        panic!("never: {what}");
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A port that nobody has.
pub(super) fn free(at: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((at, 0)).unwrap();
    listener.local_addr().unwrap()
}
