//! A guard that hides prefixes from named principals; `admin` sees everything. A client's name is the common name of its
//! certificate.

use std::collections::HashMap;
use std::sync::Arc;

use kubekv::model::{
    Caller, ClientCertificate, Credentials, Key, KeyRange, Principal, Verb, Write,
};
use kubekv::space::{
    Admit, Coverage, Denied, Draft, Epoch, LeaseRight, Visibility, VisibilityRules,
};
use parking_lot::RwLock;

/// Prefixes, and whether the keys beneath them are shown; the longest matching prefix decides, and without one a key is shown.
pub(crate) type Prefixes = Vec<(&'static str, bool)>;

#[derive(Default)]
pub(crate) struct Hiding {
    views: RwLock<HashMap<Principal, Arc<View>>>,
    epoch: Epoch,
}

impl Hiding {
    /// Changes the prefixes of a principal, at once.
    pub(crate) fn show(&self, name: &str, prefixes: Prefixes) {
        let principal = Principal::named(name);
        let view = View {
            principal: principal.clone(),
            prefixes,
        };
        self.views.write().insert(principal, Arc::new(view));
        self.epoch.advance();
    }
}

impl Admit for Hiding {
    fn check(&self, _: &Caller, _: &Draft<'_>, _: &[Write]) -> Result<(), Denied> {
        Ok(())
    }

    fn visibility(&self, caller: &Caller) -> Visibility {
        match self.views.read().get(&self.principal(caller)) {
            Some(view) => Visibility::Part(Arc::<View>::clone(view)),
            None => Visibility::All,
        }
    }

    fn principal(&self, caller: &Caller) -> Principal {
        let Caller::Client { credentials, .. } = caller else {
            return Principal::Anonymous;
        };
        let certificate = credentials.certificate.as_ref();
        let name = certificate.and_then(|certificate| certificate.common_names.first());
        Principal::named(name.map_or("", String::as_str))
    }

    fn epoch(&self) -> Option<&Epoch> {
        Some(&self.epoch)
    }
}

/// The certificate of a client of this name; none of a nameless one.
pub(crate) fn certificate_of(name: &str) -> Option<Arc<ClientCertificate>> {
    (!name.is_empty()).then(|| {
        Arc::new(ClientCertificate {
            common_names: vec![name.to_owned()],
            ..ClientCertificate::default()
        })
    })
}

/// What a client of this name has proved.
pub(crate) fn credentials_of(name: &str) -> Credentials {
    Credentials {
        certificate: certificate_of(name),
        ..Credentials::default()
    }
}

struct View {
    principal: Principal,
    prefixes: Prefixes,
}

impl View {
    fn shows(&self, bytes: &[u8]) -> bool {
        let fits = |(prefix, _): &&(&str, bool)| bytes.starts_with(prefix.as_bytes());
        let longest = self.prefixes.iter().filter(fits);
        longest
            .max_by_key(|(prefix, _)| prefix.len())
            .is_none_or(|(_, shown)| *shown)
    }
}

impl VisibilityRules for View {
    fn allows(&self, _: Verb, key: &Key) -> bool {
        self.shows(key.as_bytes())
    }

    fn covers(&self, _: Verb, range: &KeyRange) -> Coverage {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        let shown = self.shows(key.as_bytes());
        let beneath = |prefix: &str| prefix.as_bytes().starts_with(key.as_bytes());
        let differs = |(prefix, other): &(&str, bool)| beneath(prefix) && *other != shown;
        let is_prefix = matches!(range, KeyRange::Prefix(_));
        if is_prefix && self.prefixes.iter().any(differs) {
            Coverage::Part
        } else if shown {
            Coverage::All
        } else {
            Coverage::None
        }
    }

    fn class(&self, _: Verb, range: &KeyRange) -> Vec<u8> {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        let concerns = |prefix: &str| {
            let (prefix, key) = (prefix.as_bytes(), key.as_bytes());
            prefix.starts_with(key) || key.starts_with(prefix)
        };
        let mut class: Vec<_> = self
            .prefixes
            .iter()
            .filter(|(prefix, _)| concerns(prefix))
            .collect();
        class.sort_unstable();
        format!("{class:?}").into_bytes()
    }

    fn makes_leases(&self) -> bool {
        true
    }

    fn allows_lease(&self, owner: &Principal, _: LeaseRight) -> bool {
        owner.is_anonymous() || *owner == self.principal
    }
}
