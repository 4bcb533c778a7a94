//! Short form of each attack: whatever hostile clients do, the well-behaved one is answered, and nothing stays taken.

mod bystander;
mod outcome;

use self::outcome::{Attackers, Outcome, endure};

/// The beginning of the names of heavy threads.
const HEAVY: &str = "kubekv-heavy";

/// What holds after every attack; what is special to one is checked by its test.
fn endured(name: &str) -> Outcome {
    endured_of(name, 1, 0)
}

/// The same of attackers with so many addresses, and so many identities of a policy.
fn endured_of(name: &str, addresses: usize, identities: usize) -> Outcome {
    let attackers = Attackers {
        addresses,
        identities,
    };
    let outcome = endure(name, attackers);
    outcome.check();
    outcome
}

/// The same for an attack whose work is not done by the threads that serve connections.
fn endured_on_heavy_threads(name: &str) -> Outcome {
    let outcome = endured(name);
    let time = outcome.thread_time(HEAVY);
    assert!(time > 0, "nothing ran on heavy threads: {:?}", outcome.got);
    outcome
}

#[test]
fn hung_up_polls_free_their_places_on_consul() {
    endured("hung-up-polls-consul");
}

#[test]
fn hung_up_polls_free_their_places_on_etcd() {
    endured("hung-up-polls-etcd");
}

#[test]
fn streams_from_the_past_stop_nobody() {
    endured("stream-replay");
}

#[test]
fn disjoint_deletes_stop_nobody() {
    endured("disjoint-deletes");
}

#[test]
fn a_delete_of_many_keys_stops_nobody() {
    let outcome = endured("delete-many");
    assert_eq!((outcome.got.done, outcome.got.broken), (1, 0));
}

#[test]
fn lists_are_made_on_heavy_threads_on_consul() {
    endured_on_heavy_threads("lists-consul");
}

#[test]
fn lists_are_made_on_heavy_threads_on_etcd() {
    endured_on_heavy_threads("lists-etcd");
}

#[test]
fn key_lists_are_made_on_heavy_threads() {
    endured_on_heavy_threads("key-lists");
}

#[test]
fn pretty_lists_are_made_on_heavy_threads() {
    endured_on_heavy_threads("pretty-lists");
}

#[test]
fn trees_in_transactions_are_read_on_heavy_threads() {
    endured_on_heavy_threads("get-trees");
}

#[test]
fn recursive_deletes_stop_nobody_on_consul() {
    endured("recursive-deletes-consul");
}

#[test]
fn recursive_deletes_stop_nobody_on_etcd() {
    endured("recursive-deletes-etcd");
}

#[test]
fn refused_deletes_stop_nobody() {
    endured("refused-deletes");
}

#[test]
fn short_sessions_end_no_other() {
    endured("session-flood");
}

#[test]
fn big_transactions_stop_nobody() {
    endured("big-transactions");
}

#[test]
fn polls_on_the_root_stop_nobody_on_consul() {
    endured("root-polls-consul");
}

#[test]
fn polls_on_the_root_stop_nobody_on_etcd() {
    endured("root-polls-etcd");
}

#[test]
fn deep_writes_stop_nobody() {
    endured("deep-puts");
}

#[test]
fn long_forms_are_read_on_heavy_threads() {
    endured_on_heavy_threads("forms");
}

#[test]
fn long_json_is_read_on_heavy_threads() {
    endured_on_heavy_threads("json-bodies");
}

#[test]
fn prefixes_of_many_lengths_stop_nobody() {
    endured("prefix-lengths");
}

#[test]
fn held_bodies_give_their_budget_back() {
    endured("held-bodies");
}

#[test]
fn slow_readers_give_their_budget_back() {
    endured("slow-readers");
}

#[test]
fn lagging_streams_give_their_budget_back() {
    endured("lagging-streams");
}

#[test]
fn idle_connections_leave_places_for_others_on_consul() {
    endured("idle-connections-consul");
}

#[test]
fn idle_connections_leave_places_for_others_on_etcd() {
    endured("idle-connections-etcd");
}

#[test]
fn attackers_with_many_identities_stop_nobody() {
    for name in ["key-lists", "session-flood", "prefix-lengths"] {
        endured_of(name, 1, 20);
    }
}

/// One client gets half of a budget at most.
#[test]
fn one_identity_is_one_client_from_however_many_addresses_and_each_of_many_is_another() {
    let half = |addresses, identities| {
        let outcome = endured_of("held-bodies", addresses, identities);
        let limit = outcome.metric("kubekv_fairness_limit_bytes{budget=\"bodies\"}");
        (outcome.held_bytes, limit / 2)
    };
    let (held, half_of_all) = half(20, 1);
    assert!((1..=half_of_all).contains(&held), "{held} of {half_of_all}");
    let (held, half_of_all) = half(1, 20);
    assert!(held > half_of_all, "{held} of {half_of_all}");
}
