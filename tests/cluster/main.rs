//! Gateways on a real Kubernetes API server, as people and clusters treat them.

#![cfg(test)]

mod busy;
mod clients;
mod definition;
mod gateway;
mod holes;
mod image;
mod lead;
mod manifests;
mod missing;
mod monitoring;
mod people;
mod pod;
mod privileges;
mod refusals;
mod relay;
mod rendered;
mod uninstall;
