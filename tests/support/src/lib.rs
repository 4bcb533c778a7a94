//! Helpers of all test crates: the command and gateways under test, real servers to compare with, faults to inject.

pub mod certificates;
pub mod command;
pub mod components;
pub mod consul;
pub mod docker_lab;
pub mod etcd;
pub mod etcd_member;
pub mod etcd_members;
pub mod faces;
pub mod fault_proxy;
pub mod gateway;
pub mod http_client;
pub mod kubernetes;
pub mod kubernetes_servers;
pub mod leadership;
pub mod metrics;
pub mod network_namespaces;
pub mod normalize;
pub mod recorder;
pub mod requests;
pub mod running;
pub mod stuck_store;
pub mod until;
pub mod zookeeper;
pub mod zookeeper_client;
pub mod zookeeper_sessions;
