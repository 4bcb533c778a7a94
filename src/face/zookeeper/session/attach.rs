//! The handshake's effect on sessions: a new one, or one that a connection takes up again.

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};

use super::dockerd::is_dockerd;
use super::{ClientSession, ClientSessionId, SessionPassword, SessionTimeout};
use crate::model::{Caller, Lease, LeaseEnd, LeaseProtocol, Principal};
use crate::space::{ChangeError, Demand, Draft, Keyspace};
use crate::wire::zookeeper::{ConnectRequest, ConnectResponse};

/// The label of a lease that holds the hash of its session's password.
const PASSWORD: &str = "password";

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
    space: &Keyspace,
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
        return create(space, caller, timeout).await;
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
        return change_term(space, session, password).await;
    }
    Attached::To(session, password)
}

fn is_session_of(lease: &Lease, password: &SessionPassword) -> bool {
    lease.protocol == LeaseProtocol::ZooKeeper
        && lease.labels.get(PASSWORD) == Some(&password.hash())
}

/// Makes a session.
async fn create(space: &Keyspace, caller: &Caller, timeout: SessionTimeout) -> Attached {
    if space.asks(caller, || Demand::MakeLease).is_err() {
        return Attached::Refused;
    }
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
