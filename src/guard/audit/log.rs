//! `AuditLog`: who changed, saw or was refused what, in a file of one line each.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::change::ChangeLines;
use super::file::{AuditDestination, AuditFile};
use super::line::{AuditLine, LineBuffer, PartName, key_text};
use super::metrics::AuditMetrics;
use super::queue::{AuditQueue, CAPACITY};
use super::who::{AuditedCaller, AuditedClient, GATEWAY, IdentityLookup, NoPolicyLookup};
use super::writer::{AuditWriter, now};
use crate::guard::client_rights::ClientRights;
use crate::model::{Caller, ClientCertificate, Credentials, Verb, Write};
use crate::space::{Audit, AuditEvent, AuditedChange, Denied, Draft};

/// The pause between two lines in the gateway's log that say that changes are refused for want of room.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Why the audit log cannot be begun: one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the audit log (--audit): {0}")]
pub struct AuditLogError(String);

/// The audit log of a gateway. It outlives the keyspaces that the gateway serves.
pub struct AuditLog {
    queue: Arc<AuditQueue>,
    metrics: AuditMetrics,
    /// Set once, after the policy, which records its refusals here.
    lookup: OnceLock<Weak<dyn IdentityLookup>>,
    without_policy: NoPolicyLookup,
    wants_reads: bool,
    /// The number of the last request.
    last: AtomicU64,
    refused: Mutex<Option<Instant>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Begins a log, and the thread that writes it.
    ///
    /// # Errors
    ///
    /// Where its file cannot be opened, or no thread can be begun.
    pub fn begin(
        destination: &AuditDestination,
        wants_reads: bool,
        registry: &mut Registry,
    ) -> Result<Self, AuditLogError> {
        let named = match destination {
            AuditDestination::Stdout => "standard output".to_owned(),
            AuditDestination::File(path) => path.display().to_string(),
        };
        let file = AuditFile::open(destination);
        let file = file.map_err(|error| AuditLogError(format!("{named}: {error}")))?;
        let gateway = Uuid::new_v4().simple().to_string();
        let gateway = gateway.get(..12).unwrap_or_default();
        let queue = Arc::new(AuditQueue::new(CAPACITY, gateway));
        let metrics = AuditMetrics::register(registry);
        let writer = AuditWriter::new(file, Arc::clone(&queue), metrics.clone());
        let writer = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| AuditLogError(error.to_string()))?;
        Ok(Self {
            queue,
            metrics,
            lookup: OnceLock::new(),
            without_policy: NoPolicyLookup::default(),
            wants_reads,
            last: AtomicU64::new(0),
            refused: Mutex::new(None),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Names clients by these rules from now on, as long as they last. Only the first call counts.
    pub fn know(&self, lookup: Weak<dyn IdentityLookup>) {
        let _is_first = self.lookup.set(lookup);
    }

    /// Ends it: what was recorded is written, if that is possible now. Waits for that.
    pub fn close(&self) {
        self.queue.close();
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!(
                "the writer of the audit log failed by a bug in kubekv; its last lines may be missing"
            );
        }
    }

    /// Records that a client of a face proved who it is by its certificate.
    pub fn record_certificate(
        &self,
        face: &'static str,
        peer: SocketAddr,
        certificate: &Arc<ClientCertificate>,
    ) {
        let credentials = Credentials {
            certificate: Some(Arc::clone(certificate)),
            ..Credentials::default()
        };
        let client = self.identify(&credentials, peer);
        let refused = client.identity().refused.clone();
        let decision = match refused {
            None => "allowed",
            Some(_) => "refused",
        };
        self.push("login", |line| {
            client
                .record(line, (peer, face))
                .text(PartName::HOW, "certificate")
                .text(PartName::DECISION, decision)
                .some_text(PartName::WHY, refused.as_deref())
        });
    }

    /// Records that a client's TLS handshake was refused.
    ///
    /// `left_out` is how many such lines were left out before this one.
    pub fn record_handshake(
        &self,
        face: &'static str,
        peer: SocketAddr,
        (why, left_out): (&str, Option<u64>),
    ) {
        let client = self.identify(&Credentials::default(), peer);
        self.push("refusal", |line| {
            client
                .record(line, (peer, face))
                .text(PartName::DECISION, "refused")
                .text(PartName::WHY, why)
                .some_number(PartName::LEFT_OUT, left_out)
        });
    }

    /// Records that a policy came into force, or why it was refused. `digest` is the SHA-256 of its file, in hexadecimal
    /// digits.
    pub fn record_policy(&self, digest: Option<&str>, refused: Option<&str>) {
        self.record_file("policy", digest, refused);
    }

    /// Records that credentials came into force, or why they were refused. `digest` is as that of a policy.
    pub(in crate::guard) fn record_credentials(&self, digest: Option<&str>, refused: Option<&str>) {
        self.record_file("credentials", digest, refused);
    }

    /// Records what became of a file that has something in force.
    fn record_file(&self, event: &'static str, digest: Option<&str>, refused: Option<&str>) {
        let decision = if refused.is_none() {
            "allowed"
        } else {
            "refused"
        };
        self.push(event, |line| {
            line.text(PartName::IDENTITY, GATEWAY)
                .text(PartName::DECISION, decision)
                .some_text(PartName::SHA256, digest)
                .some_text(PartName::WHY, refused)
        });
    }

    /// Records that a secret of a request was refused, or would have been: its kind, why, and of which token or user it was, if
    /// that is known. `left_out` is how many such lines were left out before this one.
    pub(in crate::guard) fn record_refused_login(
        &self,
        caller: &Caller,
        (how, reason, of): (&str, &str, Option<&str>),
        (would, left_out): (bool, u64),
    ) {
        let who = self.who(caller);
        let why = match of {
            None => format!("the {how} is {reason}"),
            Some(of) => format!("the {how} of {of} is {reason}"),
        };
        let decision = if would { "would-refuse" } else { "refused" };
        let left_out = Some(left_out).filter(|count| *count > 0);
        self.push("login", |line| {
            who.record(line)
                .text(PartName::HOW, how)
                .text(PartName::DECISION, decision)
                .text(PartName::WHY, &why)
                .some_number(PartName::LEFT_OUT, left_out)
        });
    }

    fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts in a line that no change depends on.
    fn push(&self, event: &'static str, fill: impl FnOnce(AuditLine<'_>) -> AuditLine<'_>) {
        let number = self.next_number();
        let write = |buffer: &mut LineBuffer| fill(buffer.line(event, number)).end();
        // The writer counts what is lost.
        let _has_room = self.queue.push(write);
    }

    fn identify(&self, credentials: &Credentials, peer: SocketAddr) -> Arc<AuditedClient> {
        let lookup = self.lookup.get().and_then(Weak::upgrade);
        match lookup {
            Some(lookup) => lookup.identify(credentials, peer.ip()),
            None => self.without_policy.identify(credentials, peer.ip()),
        }
    }

    /// Who asks for the change of a draft.
    fn author(&self, caller: &Caller, draft: &Draft<'_>) -> AuditedCaller {
        match (caller, ClientRights::of_draft(draft)) {
            (Caller::Client { face, peer, .. }, Some(rights)) => {
                AuditedCaller::Client(Arc::clone(&rights.client), *peer, face.as_str())
            }
            (Caller::Client { .. } | Caller::Operator | Caller::System, _) => self.who(caller),
        }
    }

    fn who(&self, caller: &Caller) -> AuditedCaller {
        match caller {
            Caller::Client {
                face,
                peer,
                credentials,
            } => AuditedCaller::Client(self.identify(credentials, *peer), *peer, face.as_str()),
            Caller::Operator | Caller::System => AuditedCaller::Gateway,
        }
    }

    /// Takes note that a change is refused.
    fn refuse(&self) -> Denied {
        self.metrics.failing.set(1);
        let mut logged = self.refused.lock();
        if logged.is_none_or(|at| now() - at >= LOG_EVERY) {
            *logged = Some(now());
            tracing::error!(
                "changes of clients are refused: the audit log (--audit) is not written, or not as fast as lines come"
            );
        }
        Denied::Unaudited
    }
}

fn session<'a>(line: AuditLine<'a>, session: Option<&str>) -> AuditLine<'a> {
    let verb = session.map(|_| Verb::Session.name());
    line.some_text(PartName::VERB, verb)
        .some_text(PartName::SESSION, session)
}

impl Audit for AuditLog {
    fn change(
        &self,
        caller: &Caller,
        draft: &Draft<'_>,
        writes: &[Write],
    ) -> Result<Option<Box<dyn AuditedChange>>, Denied> {
        let is_own = match caller {
            Caller::Client { .. } => false,
            Caller::Operator | Caller::System => true,
        };
        let number = self.next_number();
        let who = self.author(caller, draft);
        let Some(mut lines) = ChangeLines::new(&self.queue, number, who, (draft, writes), is_own)
        else {
            return Ok(None);
        };
        // What ends by itself must be able to end: its line waits, or is lost.
        if !lines.reserve() && !is_own {
            return Err(self.refuse());
        }
        Ok(Some(Box::new(lines)))
    }

    fn wants_reads(&self) -> bool {
        self.wants_reads
    }

    fn record(&self, caller: &Caller, event: &AuditEvent<'_>) {
        let who = self.who(caller);
        match *event {
            AuditEvent::Read { verb, key, index } => self.push("read", |line| {
                who.record(line)
                    .text(PartName::VERB, verb.name())
                    .some_text(PartName::KEY, key.map(key_text).as_deref())
                    .text(PartName::DECISION, "allowed")
                    .some_number(PartName::INDEX, Some(index))
            }),
            AuditEvent::Refused {
                verb,
                key,
                is_prefix,
                rule,
                why,
                would,
            } => self.push("refusal", |line| {
                let named = if is_prefix {
                    PartName::PREFIX
                } else {
                    PartName::KEY
                };
                who.record(line)
                    .some_text(PartName::VERB, verb.map(Verb::name))
                    .some_text(named, key.map(key_text).as_deref())
                    .text(
                        PartName::DECISION,
                        if would { "would-refuse" } else { "refused" },
                    )
                    .some_text(PartName::RULE, rule)
                    .text(PartName::WHY, why)
            }),
            AuditEvent::Login { how, session: name } => self.push("login", |line| {
                let line = who.record(line).text(PartName::HOW, how);
                session(line, name).text(PartName::DECISION, "allowed")
            }),
            // As a certificate: a good one may name nobody.
            AuditEvent::Secret { how } => self.push("login", |line| {
                let refused = who.refused();
                let decision = refused.map_or("allowed", |_| "refused");
                let line = who.record(line).text(PartName::HOW, how);
                line.text(PartName::DECISION, decision)
                    .some_text(PartName::WHY, refused)
            }),
            AuditEvent::SessionEnd { session: name, why } => self.push("session-end", |line| {
                session(who.record(line), Some(name)).text(PartName::WHY, why)
            }),
        }
    }

    fn check(&self) -> Result<(), Denied> {
        if self.queue.refuses_changes() {
            return Err(self.refuse());
        }
        Ok(())
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.queue.close();
    }
}
