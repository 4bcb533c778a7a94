//! The server whose turn it is: connections spread over the servers, and move on when one fails.

use std::io;

use super::{LoadTarget, TargetServer};

impl LoadTarget {
    /// The server for the connection of a number that was opened so many times before.
    pub fn server(&self, number: u64, opened: u64) -> io::Result<&TargetServer> {
        let count = u64::try_from(self.servers.len()).unwrap_or(1);
        let turn = number.wrapping_add(opened).checked_rem(count).unwrap_or(0);
        let server = usize::try_from(turn).map(|turn| self.servers.get(turn));
        server
            .ok()
            .flatten()
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
    }
}
