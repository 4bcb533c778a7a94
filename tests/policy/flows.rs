//! Shares by identity: whatever addresses a client comes from, and whoever else comes from there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use kubekv::fairness::{Cost, Fairness, Overloaded};
use kubekv::guard::policy::Policy;
use kubekv::guard::{PolicyInForce, PolicyMode};
use kubekv::model::{Caller, ClientCertificate, Credentials, FaceName, Flow};
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use super::gateway::{STRANGER, certificate, policy};

const PATIENCE: Duration = Duration::from_secs(30);

fn in_force(policy: Policy, mode: PolicyMode) -> Arc<PolicyInForce> {
    PolicyInForce::new(policy, mode, None, &mut Registry::default())
}

fn at(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

/// The caller of a new connection.
fn caller(policy: &PolicyInForce, shown: &Arc<ClientCertificate>, peer: IpAddr) -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: SocketAddr::new(peer, 1),
        credentials: Credentials {
            certificate: Some(Arc::clone(shown)),
            flow: policy.flow_of(shown, peer),
            ..Credentials::default()
        },
    }
}

fn flow(policy: &PolicyInForce, name: &str, peer: IpAddr) -> Flow {
    Flow::of(&caller(policy, &certificate(name).unwrap(), peer))
}

#[test]
fn an_identity_is_one_flow_and_two_at_one_address_are_two() {
    let policy = in_force(policy(""), PolicyMode::Enforce);
    let me = flow(&policy, "me", at(1));
    assert!(matches!(me, Flow::Identity(_)));
    assert_eq!(me, flow(&policy, "me", at(2)));
    assert_ne!(me, flow(&policy, "other", at(1)));
    // Another certificate of the same name.
    let renewed = ClientCertificate {
        fingerprint: "1".repeat(64),
        ..certificate("me").unwrap().as_ref().clone()
    };
    assert_eq!(me, Flow::of(&caller(&policy, &renewed.into(), at(3))));
}

#[test]
fn who_is_not_recognized_has_the_share_of_its_address_however_many_certificates_it_has() {
    let enforced = in_force(policy(""), PolicyMode::Enforce);
    let address = Flow::of_address(at(1));
    for number in 0..100 {
        let mut minted = certificate(STRANGER).unwrap().as_ref().clone();
        minted.common_names = vec![format!("name-{number}")];
        minted.fingerprint = format!("{number:0>64}");
        assert_eq!(Flow::of(&caller(&enforced, &minted.into(), at(1))), address);
    }
    // Where the policy only warns, it changes nothing.
    let warned = in_force(policy(""), PolicyMode::Warn);
    assert_eq!(flow(&warned, "me", at(1)), address);
}

#[test]
fn a_name_that_is_made_of_the_address_is_no_more_than_the_address() {
    let text = |principal: &str| {
        format!(
            "[[identity]]\nauthority = \"CN=people\"\nfield = \"cn\"\nname = \"{{name}}\"\n\
             principal = \"{principal}\"\nip = \"peer\"\n"
        )
    };
    let parse = |principal| Policy::parse(&text(principal)).unwrap();
    let by_address = in_force(parse("node/{ip}"), PolicyMode::Enforce);
    let one_network = ["fd00::1", "fd00::2"].map(|peer| peer.parse().unwrap());
    let [one, other] = one_network.map(|peer| flow(&by_address, "me", peer));
    assert_eq!(one, other);
    assert_eq!(one, Flow::of_address(one_network[0]));
    let by_name = in_force(parse("node/{name}"), PolicyMode::Enforce);
    let [one, other] = one_network.map(|peer| flow(&by_name, "me", peer));
    assert!(matches!(one, Flow::Identity(_)));
    assert_eq!(one, other);
}

#[test]
fn kept_connections_change_their_share_with_the_policy() {
    let enforced = in_force(policy(""), PolicyMode::Enforce);
    let kept = caller(&enforced, &certificate("me").unwrap(), at(1));
    let mine = Flow::of(&kept);
    enforced.replace(Policy::parse("").unwrap());
    assert_eq!(Flow::of(&kept), Flow::of_address(at(1)));
    enforced.replace(policy(""));
    assert_eq!(Flow::of(&kept), mine, "the same number by every policy");
}

/// What one client may have in the queue of heavy work.
const QUEUE: usize = 64;

/// A job that lasts until it is released, and is counted when it is done, or refused.
async fn queue(
    flow: Flow,
    (fairness, released): (Fairness, Arc<AtomicBool>),
    (done, refused): (Arc<AtomicUsize>, Arc<AtomicUsize>),
) {
    let job = move || {
        while !released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        done.fetch_add(1, Ordering::SeqCst);
    };
    match fairness.run(flow, Cost::new(64, 0), job).await {
        Ok(()) => {}
        Err(Overloaded::QueueOfClient { limit }) => {
            assert_eq!(limit, QUEUE);
            refused.fetch_add(1, Ordering::SeqCst);
        }
        Err(other) => panic!("{other}"),
    }
}

/// As many jobs as a crowd of addresses could have: an identity has the queue, and the threads, of one client.
#[tokio::test]
async fn one_identity_at_fifty_addresses_has_one_share() {
    const ADDRESSES: u8 = 50;
    const JOBS: usize = 4;
    let policy = in_force(policy(""), PolicyMode::Enforce);
    let fairness = Fairness::default();
    let released = Arc::new(AtomicBool::new(false));
    let (done, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for address in 0..ADDRESSES {
        let flow = flow(
            &policy,
            "stolen",
            IpAddr::V4(Ipv4Addr::new(10, 1, 0, address)),
        );
        for _ in 0..JOBS {
            let (fairness, refused) = (fairness.clone(), Arc::clone(&refused));
            let (released, done) = (Arc::clone(&released), Arc::clone(&done));
            tasks.spawn(queue(flow, (fairness, released), (done, refused)));
        }
    }
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let all = usize::from(ADDRESSES) * JOBS;
    let beyond = all.saturating_sub(QUEUE + threads - 1);
    while refused.load(Ordering::SeqCst) < beyond {
        tokio::task::yield_now().await;
    }
    // Behind one of these addresses is somebody else, whose work is done before any of theirs.
    let bystander = flow(&policy, "bystander", IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1)));
    for answer in 0..10 {
        let own = fairness.run(bystander, Cost::new(1_000_000, 0), move || answer);
        let own = tokio::time::timeout(PATIENCE, own).await;
        assert_eq!(own.expect("the identity has all threads"), Ok(answer));
    }
    assert_eq!(done.load(Ordering::SeqCst), 0);
    released.store(true, Ordering::SeqCst);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let [done, refused] = [done, refused].map(|count| count.load(Ordering::SeqCst));
    assert!(
        done + refused == all && refused >= beyond,
        "{done}, {refused}"
    );
}

#[test]
fn one_identity_at_fifty_addresses_has_the_memory_of_one_client() {
    let policy = in_force(policy(""), PolicyMode::Enforce);
    let fairness = Fairness::default();
    let bodies = fairness.bodies();
    let stolen = |address| flow(&policy, "stolen", at(address));
    let _half = bodies.reserve(stolen(0), bodies.limit() / 2).unwrap();
    assert!(bodies.reserve(stolen(49), 1 << 20).is_err());
    drop(
        bodies
            .reserve(flow(&policy, "bystander", at(49)), 1 << 20)
            .unwrap(),
    );
}
