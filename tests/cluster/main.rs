//! Gateways on a real Kubernetes API server, as people and clusters treat them.

#[cfg(test)]
#[path = "../common/asked.rs"]
mod asked;
#[cfg(test)]
mod busy;
#[cfg(test)]
mod clients;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "../common/command.rs"]
mod command;
#[cfg(test)]
mod definition;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod holes;
#[cfg(test)]
mod image;
#[cfg(test)]
mod lead;
#[cfg(test)]
mod manifests;
#[cfg(test)]
#[path = "../common/meddler/mod.rs"]
mod meddler;
#[cfg(test)]
#[path = "../common/member.rs"]
mod member;
#[cfg(test)]
mod missing;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod people;
#[cfg(test)]
mod pod;
#[cfg(test)]
mod privileges;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod rendered;
#[cfg(test)]
#[path = "../common/running.rs"]
mod running;
#[cfg(test)]
#[path = "../common/servers.rs"]
mod servers;
#[cfg(test)]
mod uninstall;
#[cfg(test)]
#[path = "../common/until.rs"]
mod until;
