//! Quotas of a policy on two gateways of one namespace.

use support::command::kubekv;
use support::kubernetes::namespace;
use support::leadership;
use support::shared_quotas::{policy_option, quotas_hold_for_two_gateways_and_over_a_takeover};

use crate::gateway::start_with;

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn quotas_hold_for_two_gateways_and_over_a_takeover_on_kubernetes() {
    let (namespace, directory) = (namespace(), tempfile::tempdir().unwrap());
    let policy = policy_option(directory.path());
    let more = ["--relay", "127.0.0.1:0", &policy];
    let start = |name: &str| start_with(kubekv(), &namespace, name, 2, &more);
    quotas_hold_for_two_gateways_and_over_a_takeover(leadership::pair(start, "relaying"));
}
