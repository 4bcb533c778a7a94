//! Quotas: how much may be beneath a prefix.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::error::PolicyPlace;
use super::pattern::IdentityPattern;
use super::template::Template;
use crate::guard::quota::{Growth, PathShape, ShapeSegment};
use crate::space::QuotaResource;

/// A quota of a policy, before variables are filled in.
#[derive(Clone, Debug)]
pub(super) struct QuotaRule {
    pub(super) name: Arc<str>,
    pub(super) place: PolicyPlace,
    /// Whom it binds; everybody where there are none.
    pub(super) identities: Vec<IdentityPattern>,
    pub(super) beneath: Vec<Template>,
    pub(super) limits: QuotaLimits,
}

/// How much a quota allows; no limit where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QuotaLimits {
    pub(super) keys: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// A quota that binds somebody: of the keys that are the path, or beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundQuota {
    name: Arc<str>,
    path: Arc<str>,
    limits: QuotaLimits,
}

/// The quotas that bind somebody, by the paths beneath which they count.
#[derive(Debug, Default)]
pub(in crate::guard) struct QuotasByPath(HashMap<Arc<[u8]>, Vec<BoundQuota>>);

impl QuotaLimits {
    /// The limits that there are.
    pub(super) fn each(self) -> impl Iterator<Item = (QuotaResource, u64)> {
        [
            (QuotaResource::Keys, self.keys),
            (QuotaResource::Bytes, self.bytes),
        ]
        .into_iter()
        .filter_map(|(resource, limit)| Some((resource, limit?)))
    }
}

impl QuotaRule {
    /// The forms of the paths beneath which it counts: who fills in the variables is not known before they come.
    pub(super) fn shapes(&self) -> impl Iterator<Item = PathShape> {
        self.beneath.iter().map(|template| {
            let text = template.text();
            let segments = text.split('/').filter(|segment| !segment.is_empty());
            let segment = |segment: &str| {
                if segment.contains('{') {
                    ShapeSegment::Any
                } else {
                    ShapeSegment::Literal(segment.to_owned())
                }
            };
            segments.map(segment).collect()
        })
    }

    pub(super) fn bound(&self, path: &str) -> BoundQuota {
        BoundQuota {
            name: Arc::clone(&self.name),
            path: path.into(),
            limits: self.limits,
        }
    }
}

impl BoundQuota {
    /// The quota's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path beneath which it counts; empty for everything.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it counts a client's key of these bytes.
    pub fn counts(&self, key: &[u8]) -> bool {
        let rest = key.strip_prefix(self.path.as_bytes());
        rest.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
    }

    /// Its limits, of what each.
    pub fn limits(&self) -> impl Iterator<Item = (QuotaResource, u64)> {
        self.limits.each()
    }

    /// Of what there would be too much, if there would.
    pub(in crate::guard) fn refuses(&self, growth: Growth) -> Option<QuotaResource> {
        let mut limits = self.limits.each();
        let too_much = limits.find(|(resource, limit)| growth.exceeds(*resource, *limit));
        too_much.map(|(resource, _)| resource)
    }
}

impl fmt::Display for BoundQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quota '{}' allows ", self.name)?;
        for (number, (resource, limit)) in self.limits.each().enumerate() {
            let and = if number > 0 { " and " } else { "" };
            write!(f, "{and}{limit} {}", resource.name())?;
        }
        match self.path.as_ref() {
            "" => f.write_str(" in all"),
            path => write!(f, " beneath '{path}'"),
        }
    }
}

impl QuotasByPath {
    pub(in crate::guard) fn of(quotas: impl IntoIterator<Item = BoundQuota>) -> Self {
        let mut by_path = HashMap::<Arc<[u8]>, Vec<BoundQuota>>::new();
        for quota in quotas {
            let path = Arc::from(quota.path.as_bytes());
            by_path.entry(path).or_default().push(quota);
        }
        Self(by_path)
    }

    /// Those of a path.
    pub(in crate::guard) fn of_path(&self, path: &[u8]) -> &[BoundQuota] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub(in crate::guard) fn all(&self) -> impl Iterator<Item = &BoundQuota> {
        self.0.values().flatten()
    }
}
