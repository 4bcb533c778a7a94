//! Gateways on a real etcd that others use as well.

#[cfg(test)]
mod access;
#[cfg(test)]
#[path = "../common/asked.rs"]
mod asked;
#[cfg(test)]
mod bulk;
#[cfg(test)]
#[path = "../common/certificates.rs"]
mod certificates;
#[cfg(test)]
#[path = "../common/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "../common/command.rs"]
mod command;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod lead;
#[cfg(test)]
mod links;
#[cfg(test)]
#[path = "../common/member.rs"]
mod member;
#[cfg(test)]
#[path = "../common/members.rs"]
mod members;
#[cfg(test)]
#[path = "../common/namespaces.rs"]
mod namespaces;
#[cfg(test)]
#[path = "../common/running.rs"]
mod running;
#[cfg(test)]
mod space;
#[cfg(test)]
mod three;
#[cfg(test)]
#[path = "../common/until.rs"]
mod until;
#[cfg(test)]
mod writers;
