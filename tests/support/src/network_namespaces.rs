//! Network namespaces for three members, which talk to each other over links of their own that can be cut; clients reach
//! them all the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::etcd_member::Place;

/// The largest number of members in one process.
const MOST: u32 = 8;

/// Three namespaces, each with a link to the tests' own and one to the others; they end with the test.
#[derive(Debug)]
pub struct Namespaces {
    /// The prefix of all names.
    name: String,
    /// The first member's number, which no other test has at this time.
    first: u32,
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.expect("needs iproute2: apt-get install iproute2");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "ip {arguments} (as root?): {said}");
}

impl Namespaces {
    /// Makes them.
    pub fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(3, Ordering::Relaxed);
        assert!(count + 3 <= MOST, "no more members in one process");
        let pid = std::process::id();
        let namespaces = Self {
            name: format!("kubekv-{pid}-{count}"),
            first: (pid % (1 << 18)) * MOST + count,
        };
        let hub = namespaces.hub();
        ip(&format!("netns add {hub}"));
        ip(&format!("-n {hub} link add members type bridge"));
        ip(&format!("-n {hub} link set members up"));
        for at in 0..3 {
            namespaces.lay(at);
        }
        namespaces
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn namespace(&self, at: usize) -> String {
        format!("{}-{at}", self.name)
    }

    fn number(&self, at: usize) -> u32 {
        self.first + u32::try_from(at).unwrap()
    }

    /// The addresses of a member's link to where the tests run: theirs, and its own.
    fn ends(&self, at: usize) -> [Ipv4Addr; 2] {
        let net = u32::from(Ipv4Addr::new(10, 128, 0, 0)) + 4 * self.number(at);
        [net + 1, net + 2].map(Ipv4Addr::from)
    }

    fn lay(&self, at: usize) {
        let (hub, own, outside) = (self.hub(), self.namespace(at), self.outside(at));
        let [theirs, its] = self.ends(at);
        ip(&format!("netns add {own}"));
        ip(&format!("-n {own} link set lo up"));
        ip(&format!(
            "link add {outside} type veth peer name clients netns {own}"
        ));
        ip(&format!("addr add {theirs}/30 dev {outside}"));
        ip(&format!("link set {outside} up"));
        ip(&format!("-n {own} addr add {its}/30 dev clients"));
        ip(&format!("-n {own} link set clients up"));
        ip(&format!(
            "-n {hub} link add m{at} type veth peer name peers netns {own}"
        ));
        ip(&format!("-n {hub} link set m{at} master members up"));
        let peer = self.peer(at).ip();
        ip(&format!("-n {own} addr add {peer}/24 dev peers"));
        ip(&format!("-n {own} link set peers up"));
    }

    fn outside(&self, at: usize) -> String {
        format!("kv{:x}", self.number(at))
    }

    /// The client address and namespace of a member.
    pub fn place(&self, at: usize) -> Place {
        let [_, its] = self.ends(at);
        Place {
            address: SocketAddr::from((its, 2379)),
            namespace: Some(self.namespace(at)),
        }
    }

    /// The peer address of a member.
    pub fn peer(&self, at: usize) -> SocketAddr {
        let last = u8::try_from(at + 1).unwrap();
        SocketAddr::from((Ipv4Addr::new(192, 168, 0, last), 2380))
    }

    /// Cuts the link between a member and the others.
    pub fn cut(&self, at: usize) {
        ip(&format!("-n {} link set m{at} down", self.hub()));
    }

    /// Restores the link.
    pub fn mend(&self, at: usize) {
        ip(&format!("-n {} link set m{at} up", self.hub()));
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let run = |arguments: String| {
            let _done = Command::new("ip").args(arguments.split(' ')).output();
        };
        for at in 0..3 {
            // The link first: a namespace that lingers would keep it.
            run(format!("link del {}", self.outside(at)));
            run(format!("netns del {}", self.namespace(at)));
        }
        run(format!("netns del {}", self.hub()));
    }
}
