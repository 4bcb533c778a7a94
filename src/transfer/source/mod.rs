//! Sources: the servers and stores that entries are read from.

mod consul;
mod etcd2;
mod etcd3;
mod http;
pub(super) mod store;
mod zookeeper;

use super::{Error, Listing};
use crate::config::{SourceAccess, SourceUrl};
use crate::model::time;

/// A server or a store to read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its address.
    pub url: SourceUrl,
    /// The access to it.
    pub access: SourceAccess,
    /// The prefix of the keys to read.
    pub prefix: Vec<u8>,
}

impl Source {
    /// Reads all entries, as of one index where the source has one. Must be called within a tokio runtime.
    pub async fn read(&self) -> Result<Listing, Error> {
        let mut listing = Listing {
            origin: self.origin(),
            // Taken before the source is read, so that no TTL is extended.
            read_ms: time::unix_ms(),
            ..Listing::default()
        };
        let (access, prefix) = (&self.access, self.prefix.as_slice());
        match &self.url {
            SourceUrl::Consul(address) => {
                consul::read(address, access, prefix, &mut listing).await?;
            }
            SourceUrl::Etcd2(members) => {
                etcd2::read(members, access, prefix, &mut listing).await?;
            }
            SourceUrl::Etcd3(members) => {
                etcd3::read(members, access, prefix, &mut listing).await?;
            }
            SourceUrl::ZooKeeper(servers, chroot) => {
                zookeeper::read(servers, chroot, access, prefix, &mut listing).await?;
            }
            SourceUrl::Store(url) => {
                let contents = store::read(url, &access.access).await?;
                store::add_entries(&mut listing, &contents, prefix);
            }
        }
        listing.left_out.sort();
        Ok(listing)
    }

    /// The source as text, without secrets.
    fn origin(&self) -> String {
        let mut name = match &self.url {
            SourceUrl::Consul(address) => format!("consul {address}"),
            SourceUrl::Etcd2(members) => format!("etcd2 {}", members.join(",")),
            SourceUrl::Etcd3(members) => format!("etcd3 {}", members.join(",")),
            SourceUrl::ZooKeeper(servers, chroot) => {
                format!("zookeeper {}{chroot}", servers.join(","))
            }
            SourceUrl::Store(url) => store::name(url),
        };
        if !self.prefix.is_empty() {
            name.push_str(", keys that begin with ");
            name.push_str(&super::printable(&self.prefix));
        }
        name
    }
}
