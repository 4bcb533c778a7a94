//! What entries are read from.

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
    /// Where it is.
    pub url: SourceUrl,
    /// How it is reached.
    pub access: SourceAccess,
    /// What the keys begin with.
    pub prefix: Vec<u8>,
}

impl Source {
    /// Reads everything there is, as of one index where the source has one. Must be called within a tokio runtime.
    pub async fn read(&self) -> Result<Listing, Error> {
        let mut listing = Listing {
            origin: self.origin(),
            // Before it is asked: no TTL ends later than told.
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
                let opened = store::open(url, &access.access).await?;
                store::take(&mut listing, &opened, prefix);
            }
        }
        listing.left_out.sort();
        Ok(listing)
    }

    /// What it is called, without secrets.
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
            name.push_str(&super::shown(&self.prefix));
        }
        name
    }
}
