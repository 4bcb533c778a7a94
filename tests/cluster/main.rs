//! Gateways on a real Kubernetes API server, as people and clusters treat them.

#![cfg(test)]

mod busy;
mod clients;
mod definition;
mod failure_modes;
mod gateway;
mod image;
mod leadership;
mod manifests;
mod manual_edits;
mod missing;
mod monitoring;
mod pod;
mod privileges;
mod refusals;
mod relay;
mod rendered;
mod uninstall;
