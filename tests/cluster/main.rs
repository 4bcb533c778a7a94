//! Tests of gateways on a real Kubernetes API server: manifests, privileges, failures, manual edits.

#![cfg(test)]

mod access_policies;
mod access_policy_manifests;
mod admission_policy;
mod clients;
mod definition;
mod failure_modes;
mod gateway;
mod image;
mod leadership;
mod manifests;
mod manual_edits;
mod missing_definition;
mod monitoring;
mod overload;
mod pod;
mod policy_quotas;
mod privileges;
mod refused_writes;
mod relay;
mod rendered;
mod service_accounts;
mod uninstall;
mod zookeeper;
