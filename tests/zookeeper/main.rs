//! The ZooKeeper face, as seen by its clients.
//!
//! Each bug of an earlier server of this protocol has a test (CH: `ClickHouse` Keeper, ZK: ZooKeeper's JIRA). Those of the
//! codec and of single parts are beside them in `src`.
//!
//! | bug | test |
//! |---|---|
//! | a re-attachment is silently answered with a new session (CH#116690), or with another's (RaftKeeper#169) | `handshake::a_session_that_is_not_the_clients_is_refused_and_its_owner_stays` |
//! | reads do not renew a session (CH#111102) | `sessions::a_silent_session_expires_and_its_watchers_are_told` |
//! | a child's data fires a watch of children (CH PR28190) | `watches::watches_of_data_and_children_fire_once` |
//! | an event comes before the reply that set its watch (CH PR28197, PR18217) | `watches::no_reply_overtakes_the_event_of_what_it_shows` |
//! | a multi that fails fires watches (CH PR79247) | `multi::a_failure_keeps_nothing_and_names_the_operation` |
//! | a multi that a list refuses leaves something (CH PR69627) | `access::each_operation_needs_its_permission` |
//! | a multi's error codes (CH PR23041) | `multi::a_failure_keeps_nothing_and_names_the_operation` |
//! | the event of a recursive watch names the watched path (CH#115475) | `watches::persistent_and_recursive_watches_stay` |
//! | the answer to `AddWatch` has no body (CH#98079) | `watches::persistent_and_recursive_watches_stay` |
//! | persistent watches outlive the session (CH#92480, PR93213) | `earlier_bugs::the_count_of_watches_returns_to_0` |
//! | the count of watches drifts when ephemerals expire (CH PR83583) | `earlier_bugs::the_count_of_watches_returns_to_0` |
//! | watches leak (CH#74888) | `earlier_bugs::the_count_of_watches_returns_to_0` |
//! | a delete does not move pzxid, a change of data moves cversion (CH#115457) | `stats::each_field_moves_with_what_it_is_about` |
//! | `auth` means the identities before an auth in flight (CH PR48595) | `access::auth_is_applied_to_the_requests_behind_it` |
//! | hashes that are made are refused (CH PR33249) | `face/zookeeper/acl`: `identities_of_lists_are_valid_as_in_zookeeper` |
//! | `world:anyone` beside others is dropped (CH#120177) | `face/zookeeper/acl`: `duplicates_are_dropped_and_the_rest_stays_in_place` |
//! | a handshake of the wrong length (CH#53749) | `handshake::an_answer_has_the_byte_for_read_only_servers_where_the_request_had_it` |
//! | `SetWatches` is unknown (CH#48141) | `watches::the_watches_of_an_earlier_connection_are_set_again` |
//! | what the client has seen last is not looked at (CH PR90016) | `handshake::a_client_that_has_seen_more_is_closed_without_an_answer` |
//! | a session gets the number -1 (RaftKeeper PR126) | `face/zookeeper/session`: `ids_are_positive_and_their_leases_lead_back` |
//! | writes of sessions that ended are skipped at a start (RaftKeeper#332) | `earlier_bugs::what_a_session_wrote_stays_after_its_end_and_a_restart` |
//! | creates wait for a common record, and connections are lost (zetcd#9, PR10) | `pipelines::numbers_of_many_clients_under_one_parent_are_all_different` |
//! | the event of children never comes (zetcd#5) | `watches::watches_of_data_and_children_fire_once` |
//! | Kafka's multi of checks and writes fails (zetcd#98) | `multi::all_is_done_in_one_zxid_and_each_sees_those_before_it` |
//! | auth, lists and flags of creates end the server (zetcd) | `access::auth_is_applied_to_the_requests_behind_it`, `operations::access_lists_are_set_by_their_version`, `garbage::spoiled_sessions_end_and_others_are_served` |
//! | a number is skipped after a multi that failed (ZK-1624) | `multi::a_failure_keeps_nothing_and_names_the_operation` |
//! | a watch that fires once ends a persistent one (ZK-4466) | `watches::persistent_and_recursive_watches_stay` |
//! | pzxid is stale after a session's end (ZK-3145) | `watches::the_end_of_a_session_tells_its_watchers_in_one_zxid` |

#![cfg(test)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step of another kind in a test ends it"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the options of runs by hand, and real time against a real server"
)]

mod access;
mod client;
mod differential;
mod docker;
mod earlier_bugs;
mod garbage;
mod handshake;
mod memory;
mod multi;
mod one_keyspace;
mod operations;
mod pipelines;
mod server;
mod sessions;
mod stats;
mod under_load;
mod watches;
mod words;
