//! Free ports on loopback, below those that the kernel gives to clients' connections.

use std::net::{Ipv4Addr, TcpListener};

use super::error::FieldError;

/// The first port that is tried.
const FIRST: u16 = 20_000;

/// The first port that is not: from 32,768 on, the kernel gives ports to outgoing connections.
const END: u16 = 32_000;

/// A series of free ports: none is given twice.
#[derive(Clone, Copy, Debug)]
pub struct FieldPorts {
    next: u16,
    left: u16,
}

impl FieldPorts {
    /// Ports for this process: another one begins elsewhere, so that two reports at once seldom try the same.
    pub fn new() -> Self {
        let span = END - FIRST;
        let own = std::process::id().wrapping_mul(61) % u32::from(span);
        let own = u16::try_from(own).unwrap_or(0);
        Self {
            next: FIRST + own,
            left: span,
        }
    }

    /// A port that nobody listens on.
    pub fn take(&mut self) -> Result<u16, FieldError> {
        while self.left > 0 {
            let port = self.next;
            self.left -= 1;
            self.next = if port + 1 == END { FIRST } else { port + 1 };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        Err(FieldError::NoPort(FIRST, END))
    }
}

impl Default for FieldPorts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_below_those_of_clients_and_given_once() {
        let mut ports = FieldPorts::new();
        let taken: Vec<u16> = (0..200).map(|_| ports.take().unwrap()).collect();
        assert!(taken.iter().all(|port| (FIRST..END).contains(port)));
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 200);
    }

    #[test]
    fn a_port_in_use_is_left_out_and_the_last_one_is_followed_by_an_error() {
        let mut ports = FieldPorts::new();
        let used = ports.take().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, used)).unwrap();
        let mut only = FieldPorts {
            next: used,
            left: 1,
        };
        assert!(matches!(only.take(), Err(FieldError::NoPort(..))));
    }
}
