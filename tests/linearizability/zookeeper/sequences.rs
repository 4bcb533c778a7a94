//! Sequence nodes: sessions that create them under one parent beside other children, and the validators of their numbers.
//!
//! Unique: no number is given twice. In order: numbers rise in the order in which nodes become visible, so that whoever has
//! the lowest of a list has the lowest for ever. Complete: a list shows every node of its time that nobody deletes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use kubekv::wire::zookeeper::{CreatedReply, ErrorCode, JuteRecord};

use crate::gateway::handle::Face;
use crate::random::Random;
use crate::workload::connection::{Connection, Request};
use crate::workload::context::RoundContext;
use crate::zookeeper::request::{ZooKeeperRequest, children, node};
use crate::zookeeper::session::{Reply, ZooKeeperSession};

const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// Longer than a round: no node goes with its session before the end.
const SESSION_TIMEOUT: Duration = Duration::from_secs(40);

const PERSISTENT_SEQUENTIAL: i32 = 2;
const EPHEMERAL_SEQUENTIAL: i32 = 3;

/// What begins the names of sequence nodes.
const NAME: &str = "n-";

/// A sequence node that was created.
#[derive(Clone, Debug)]
pub struct Numbered {
    pub number: u64,
    /// The zxid at which it became visible.
    pub czxid: i64,
    /// Whether its session asked for its deletion.
    pub is_deleted: bool,
}

/// The numbers of a list of children.
#[derive(Clone, Debug)]
pub struct NumberList {
    pub zxid: i64,
    pub numbers: BTreeSet<u64>,
}

/// What one session created and saw.
#[derive(Debug, Default)]
pub struct SequenceReport {
    pub created: Vec<Numbered>,
    pub lists: Vec<NumberList>,
    pub calls: usize,
    pub violations: Vec<String>,
}

/// The parent of a round's sequence nodes, as a key.
fn parent(context: &RoundContext) -> String {
    format!("{}-ends/q", context.layout.root)
}

/// Creates sequence nodes, other children, and lists them, until the round is over.
pub async fn run(context: Arc<RoundContext>, number: u64, mut random: Random) -> SequenceReport {
    let mut report = SequenceReport::default();
    let parent = node(&parent(&context));
    let gateway = context.gateway.clone();
    let mut session = ZooKeeperSession::new(gateway.clone(), SESSION_TIMEOUT, ANSWER_TIMEOUT);
    let mut consul = Connection::new(gateway, Face::Consul);
    let mut others = 0;
    while !context.is_over.load(Ordering::Relaxed) {
        let mut requests = Vec::new();
        if report.created.is_empty() {
            let (above, _) = parent.rsplit_once('/').unwrap();
            let parents = [above, &parent].map(str::to_owned);
            requests.extend(parents.map(|path| ZooKeeperRequest::Create(path, Vec::new(), 0)));
        }
        for _ in 0..=random.below(4) {
            others += 1;
            requests.push(random_request(
                &mut random,
                &parent,
                &mut report,
                (number, others),
            ));
        }
        let calls = session.call(&requests).await;
        report.calls += requests.len();
        for (request, reply) in requests.iter().zip(calls.replies) {
            let Some(reply) = reply else { break };
            report.receive(request, &reply);
        }
        if random.percent(10) {
            // A child by another face counts, too.
            let key = format!("{}/c{number}.{others}", parent.trim_start_matches('/'));
            let uri = format!("/v1/kv/{key}");
            let put = Request::new(Face::Consul, Method::PUT, uri, "x".to_owned());
            consul.send(&put, ANSWER_TIMEOUT).await;
        }
        tokio::time::sleep(Duration::from_millis(random.between(0, 10))).await;
    }
    report.violations.extend(session.take_violations());
    // Its nodes stay: others may still list them.
    session.disconnect();
    report
}

fn random_request(
    random: &mut Random,
    parent: &str,
    report: &mut SequenceReport,
    (number, others): (u64, u64),
) -> ZooKeeperRequest {
    let sequential = format!("{parent}/{NAME}");
    match random.below(10) {
        0..=3 => ZooKeeperRequest::Create(sequential, Vec::new(), EPHEMERAL_SEQUENTIAL),
        4 => ZooKeeperRequest::Create(sequential, Vec::new(), PERSISTENT_SEQUENTIAL),
        5 => ZooKeeperRequest::Create(format!("{parent}/o{number}.{others}"), Vec::new(), 0),
        6..=7 if !report.created.is_empty() => {
            let place = random.below(report.created.len());
            let one = &mut report.created[place];
            one.is_deleted = true;
            ZooKeeperRequest::Delete(format!("{sequential}{:010}", one.number), -1)
        }
        _ => ZooKeeperRequest::GetChildren(parent.to_owned()),
    }
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME)?.parse().ok()
}

impl SequenceReport {
    fn receive(&mut self, request: &ZooKeeperRequest, reply: &Reply) {
        let error = ErrorCode::of(reply.frame.header.error);
        match (request, error) {
            (ZooKeeperRequest::Create(_, _, flags), None) if *flags > 0 => {
                let created = CreatedReply::parse(&reply.frame.body).unwrap();
                let name = created.path.rsplit('/').next().unwrap();
                self.created.push(Numbered {
                    number: number_of(name).unwrap(),
                    czxid: created.stat.created,
                    is_deleted: false,
                });
            }
            (ZooKeeperRequest::GetChildren(_), None) => {
                let names = children(&reply.frame);
                self.lists.push(NumberList {
                    zxid: reply.frame.header.zxid,
                    numbers: names.iter().filter_map(|name| number_of(name)).collect(),
                });
            }
            // Of the last two nobody knows what became of it.
            (
                _,
                None
                | Some(
                    ErrorCode::NodeExists
                    | ErrorCode::NoNode
                    | ErrorCode::SystemError
                    | ErrorCode::ConnectionLoss,
                ),
            ) => {}
            (request, Some(error)) => {
                let what = format!("{request:?} was answered {error}");
                self.violations.push(what);
            }
        }
    }
}

/// Runs all validators on what the sessions of a round saw.
pub fn validate(reports: &[SequenceReport]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut by_number: BTreeMap<u64, &Numbered> = BTreeMap::new();
    for created in reports.iter().flat_map(|report| &report.created) {
        if by_number.insert(created.number, created).is_some() {
            violations.push(format!("unique: {created:?} was given twice"));
        }
    }
    let numbered: Vec<_> = by_number.values().collect();
    for pair in numbered.windows(2) {
        // On a shared store several may be made in one commit.
        if pair[0].czxid > pair[1].czxid {
            violations.push(format!("in order: {pair:?}"));
        }
    }
    let mut lists: Vec<_> = reports.iter().flat_map(|report| &report.lists).collect();
    lists.sort_by_key(|list| list.zxid);
    violations.extend(validate_lists(&lists));
    for list in lists {
        let NumberList { zxid, numbers } = list;
        for one in &numbered {
            let is_due = one.czxid <= *zxid && !one.is_deleted;
            let is_early = one.czxid > *zxid;
            let is_listed = numbers.contains(&one.number);
            if is_due && !is_listed || is_early && is_listed {
                violations.push(format!("complete: a list of zxid {zxid} about {one:?}"));
            }
        }
    }
    violations
}

/// A number that is new in a list is above all that were seen before.
fn validate_lists(lists: &[&NumberList]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    for list in lists {
        let highest = seen.last().copied();
        let late = list.numbers.difference(&seen).next();
        if let (Some(late), Some(highest)) = (late, highest)
            && *late < highest
        {
            let zxid = list.zxid;
            violations.push(format!(
                "in order: {late} became visible at {zxid}, after {highest}"
            ));
        }
        seen.extend(&list.numbers);
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(number: u64, czxid: i64) -> Numbered {
        Numbered {
            number,
            czxid,
            is_deleted: false,
        }
    }

    fn violations(numbered: &[(u64, i64)], lists: &[(i64, &[u64])]) -> usize {
        let mut report = SequenceReport::default();
        let each = numbered
            .iter()
            .map(|(number, zxid)| created(*number, *zxid));
        report.created.extend(each);
        for (zxid, numbers) in lists {
            report.lists.push(NumberList {
                zxid: *zxid,
                numbers: numbers.iter().copied().collect(),
            });
        }
        validate(&[report]).len()
    }

    #[test]
    fn numbers_given_twice_or_out_of_order_are_found() {
        assert_eq!(
            violations(&[(1, 10), (3, 12)], &[(11, &[1]), (12, &[1, 3])]),
            0
        );
        assert_eq!(violations(&[(1, 10), (1, 12)], &[]), 1);
        assert_eq!(violations(&[(1, 12), (3, 10)], &[]), 1);
        assert_eq!(violations(&[], &[(10, &[3]), (11, &[1, 3])]), 1);
        assert_eq!(violations(&[(1, 10)], &[(11, &[])]), 1, "missing");
        assert_eq!(violations(&[(1, 12)], &[(11, &[1])]), 1, "early");
    }
}
