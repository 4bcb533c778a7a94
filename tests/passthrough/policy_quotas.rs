//! Quotas of a policy on two gateways of one prefix.

use support::etcd_member::Member;
use support::leadership;
use support::shared_quotas::{policy_option, quotas_hold_for_two_gateways_and_over_a_takeover};

use crate::gateway::start;

fn quotas_hold(component: &str) {
    let member = Member::start(component);
    let directory = tempfile::tempdir().unwrap();
    let policy = policy_option(directory.path());
    let more = ["--relay", "127.0.0.1:0", &policy];
    let pair = leadership::pair(|name| start(&member.store("p"), name, &more), "relaying");
    quotas_hold_for_two_gateways_and_over_a_takeover(pair);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn quotas_hold_for_two_gateways_and_over_a_takeover_on_3_4() {
    quotas_hold("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn quotas_hold_for_two_gateways_and_over_a_takeover_on_3_6() {
    quotas_hold("etcd-3.6");
}
