//! The handshake's effect on sessions: a new one, or one that a connection takes up again.

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};

use super::dockerd::is_dockerd;
use super::{ClientSession, ClientSessionId, SessionPassword, SessionTimeout};
use crate::fairness::{Cost, Fairness};
use crate::model::{Caller, Flow, Lease, LeaseEnd, LeaseProtocol, Principal};
use crate::space::{ChangeError, Demand, Draft, Keyspace};
use crate::wire::zookeeper::{ConnectRequest, ConnectResponse};

/// The label of a lease that holds the hash of its session's password.
const PASSWORD: &str = "password";

/// What sessions may take of the memory limit where entries take all that those may: one of so many parts. Who is to make room
/// needs a session for that.
const PART_OF_MEMORY: usize = 40;

/// About how much memory a session takes, in bytes.
const SESSION_BYTES: usize = 1 << 10;

/// How a connection request is answered.
#[derive(Debug)]
pub(in crate::face::zookeeper) enum Attached {
    /// The connection has this session.
    To(ClientSession, SessionPassword),
    /// The session is over, unknown, or another's; or the client has no right to have one.
    Refused,
    /// The client has seen a later change than there is.
    Ahead,
    /// The store cannot make or change the session now.
    Unavailable,
}

/// Gives a connection the session that it asks for. A session that is taken up again with the timeout that it has needs no
/// write.
pub(in crate::face::zookeeper) async fn attach(
    (space, fairness): (&Keyspace, &Fairness),
    caller: &Caller,
    request: &ConnectRequest,
) -> Attached {
    let view = space.read(&Caller::System);
    let seen = u64::try_from(request.last_zxid).unwrap_or(0);
    if seen > view.revision() {
        return Attached::Ahead;
    }
    let timeout = SessionTimeout::negotiate(request.timeout_ms);
    if request.session == 0 {
        return create((space, fairness), caller, timeout).await;
    }
    let Some(id) = ClientSessionId::of_client(request.session) else {
        return Attached::Refused;
    };
    let mut session = ClientSession::new(id, timeout);
    let password = SessionPassword::of_client(&request.password);
    // Before anything else: a wrong password must not disturb the owner's connection.
    let Some((lease, _)) = view.lease(session.lease) else {
        return Attached::Refused;
    };
    if !is_session_of(&lease, &password) {
        return Attached::Refused;
    }
    // That of another principal cannot be renewed.
    match space.renew(caller, session.lease) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Attached::Refused,
    }
    session.is_dockerd = is_dockerd(&lease);
    if lease.term_ms != Some(timeout.term_ms()) {
        // A change as any other of its client's.
        let Ok(_seat) = fairness.seat(Flow::of(caller), Cost::SMALL).await else {
            return Attached::Unavailable;
        };
        return change_term(space, session, password).await;
    }
    Attached::To(session, password)
}

fn is_session_of(lease: &Lease, password: &SessionPassword) -> bool {
    lease.protocol == LeaseProtocol::ZooKeeper
        && lease.labels.get(PASSWORD) == Some(&password.hash())
}

/// Makes a session. The gateway itself does, whose changes no limit refuses: so what clients may make of them is bounded here.
async fn create(
    (space, fairness): (&Keyspace, &Fairness),
    caller: &Caller,
    timeout: SessionTimeout,
) -> Attached {
    if space.asks(caller, || Demand::MakeLease).is_err() {
        return Attached::Refused;
    }
    let flow = Flow::of(caller);
    if !has_room((space, fairness), flow).await {
        return Attached::Unavailable;
    }
    let Ok(_seat) = fairness.seat(flow, Cost::SMALL).await else {
        return Attached::Unavailable;
    };
    let owner = space.principal(caller);
    let random = SystemRandom::new();
    loop {
        let (mut id, mut password) = ([0; 8], [0; ConnectResponse::PASSWORD_BYTES]);
        if random.fill(&mut id).is_err() || random.fill(&mut password).is_err() {
            tracing::error!("the system gives no random bytes: no ZooKeeper session can be made");
            return Attached::Unavailable;
        }
        let session = ClientSession::new(ClientSessionId::from_random(id), timeout);
        let password = SessionPassword::from_random(password);
        let lease = lease(&session, &password, owner.clone());
        let made = space
            .commit(&Caller::System, |draft: &mut Draft<'_>| {
                if draft.peek(&session.record).is_some() {
                    return Err(IsTaken);
                }
                draft.put_lease(&lease);
                Ok(())
            })
            .await;
        match made {
            Ok(_) => return Attached::To(session, password),
            Err(ChangeError::Refused { error: IsTaken, .. }) => {}
            Err(ChangeError::Denied(_) | ChangeError::Failed(_)) => return Attached::Unavailable,
        }
    }
}

/// Whether there is memory for one more.
async fn has_room((space, fairness): (&Keyspace, &Fairness), flow: Flow) -> bool {
    let limits = fairness.limits();
    let view = space.read(&Caller::System);
    if view.keyspace_bytes() <= u64::try_from(limits.entries).unwrap_or(u64::MAX) {
        return true;
    }
    let most = limits.memory / PART_OF_MEMORY / SESSION_BYTES;
    let is_below = move || {
        let sessions = view.leases();
        let sessions = sessions.filter(|(lease, _)| lease.protocol == LeaseProtocol::ZooKeeper);
        sessions.take(most).count() < most
    };
    let is_below = fairness.run(flow, Cost::new(most, 0), is_below).await;
    is_below.unwrap_or(false)
}

/// There is such a session already.
#[derive(Clone, Copy, Debug)]
struct IsTaken;

fn lease(session: &ClientSession, password: &SessionPassword, owner: Principal) -> Lease {
    Lease {
        id: session.lease,
        term_ms: Some(session.timeout.term_ms()),
        on_end: LeaseEnd::Release,
        lock_delay_ms: 0,
        labels: BTreeMap::from([(PASSWORD.to_owned(), password.hash())]),
        owner,
        protocol: LeaseProtocol::ZooKeeper,
    }
}

/// Gives a session another timeout. There is none where it has ended meanwhile.
async fn change_term(
    space: &Keyspace,
    session: ClientSession,
    password: SessionPassword,
) -> Attached {
    let changed = space
        .commit(&Caller::System, |draft: &mut Draft<'_>| {
            let lease = draft
                .lease(session.lease)
                .filter(|lease| is_session_of(lease, &password));
            let Some(mut lease) = lease else {
                return Err(HasEnded);
            };
            lease.term_ms = Some(session.timeout.term_ms());
            draft.put_lease(&lease);
            Ok(())
        })
        .await;
    match changed {
        Ok(_) => Attached::To(session, password),
        Err(ChangeError::Refused {
            error: HasEnded, ..
        }) => Attached::Refused,
        Err(ChangeError::Denied(_) | ChangeError::Failed(_)) => Attached::Unavailable,
    }
}

/// The session has ended.
#[derive(Clone, Copy, Debug)]
struct HasEnded;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::fairness::{MemoryLimits, Seat};
    use crate::guard::memory_keyspace;
    use crate::model::{Credentials, FaceName, Key};
    use crate::wire::zookeeper::Secret;

    fn client(host: u8) -> Caller {
        Caller::Client {
            face: FaceName::ZooKeeper,
            peer: ([10, 0, 0, host], 1).into(),
            credentials: Credentials::default(),
        }
    }

    fn request(session: i64, timeout_ms: i32, password: Vec<u8>) -> ConnectRequest {
        ConnectRequest {
            version: 0,
            last_zxid: 0,
            timeout_ms,
            session,
            password: Secret(password),
            read_only: None,
        }
    }

    /// The session that a client gets, and its password.
    async fn attached(
        (space, fairness): (&Keyspace, &Fairness),
        host: u8,
        request: ConnectRequest,
    ) -> Option<(i64, Vec<u8>)> {
        match attach((space, fairness), &client(host), &request).await {
            Attached::To(session, password) => {
                Some((session.id.number(), password.into_secret().0))
            }
            Attached::Unavailable => None,
            Attached::Refused | Attached::Ahead => panic!("nobody is refused here"),
        }
    }

    async fn fill(space: &Keyspace, bytes: usize) {
        let fill = |draft: &mut Draft<'_>| {
            let key = Key::user("filler");
            let mut record = draft.successor(&key);
            record.value = vec![b'v'; bytes].into();
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, fill).await.unwrap();
    }

    #[tokio::test]
    async fn sessions_are_bounded_where_entries_take_all_their_memory() {
        let space = memory_keyspace(u64::MAX).await;
        // Of which entries may take about 180 KiB, and then sessions 10.
        let fairness = Fairness::new(MemoryLimits::of_memory(400 << 10));
        let new = || attached((&space, &fairness), 1, request(0, 4_000, vec![0; 16]));
        for _ in 0..20 {
            assert!(new().await.is_some(), "there is room");
        }
        fill(&space, 200 << 10).await;
        assert_eq!(new().await, None);
        fill(&space, 0).await;
        assert!(new().await.is_some(), "somebody has made room");
        fill(&space, 200 << 10).await;
        let view = space.read(&Caller::System);
        for (lease, _) in view.leases().skip(9) {
            let protocol = LeaseProtocol::ZooKeeper;
            space
                .end_lease(&Caller::System, protocol, &mut None::<()>, lease.id)
                .await
                .unwrap();
        }
        assert!(new().await.is_some(), "who is to make room gets in");
        assert_eq!(new().await, None);
    }

    async fn all_seats(fairness: &Fairness, host: u8) -> Vec<Seat> {
        let mut taken = Vec::new();
        loop {
            let seat = fairness.seat(Flow::of(&client(host)), Cost::SMALL);
            tokio::select! {
                biased;
                seat = seat => taken.push(seat.unwrap()),
                () = std::future::ready(()) => return taken,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_a_change_of_its_client() {
        let space = memory_keyspace(u64::MAX).await;
        let fairness = Fairness::default();
        let first = request(0, 40_000, vec![0; 16]);
        let (session, password) = attached((&space, &fairness), 1, first.clone())
            .await
            .unwrap();
        let _flood = all_seats(&fairness, 1).await;
        assert_eq!(attached((&space, &fairness), 1, first.clone()).await, None);
        let again = |timeout_ms| request(session, timeout_ms, password.clone());
        assert_eq!(attached((&space, &fairness), 1, again(9_000)).await, None);
        // Nothing is written for that.
        assert!(
            attached((&space, &fairness), 1, again(40_000))
                .await
                .is_some()
        );
        assert!(attached((&space, &fairness), 2, first).await.is_some());
    }
}
