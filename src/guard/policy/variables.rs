//! Variables of an identity: what its proof fills in.

use std::fmt;
use std::net::IpAddr;

/// What stands in braces in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Variable {
    Name,
    Ip,
    Namespace,
}

impl Variable {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Ip, Self::Namespace];

    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "name" => Some(Self::Name),
            "ip" => Some(Self::Ip),
            "namespace" => Some(Self::Namespace),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Ip => "ip",
            Self::Namespace => "namespace",
        }
    }
}

/// What a proof says of who somebody is, for the places in a policy that name it in braces.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variables {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) ip: Option<IpAddr>,
}

impl Variables {
    /// With `{name}`. Fails where it cannot be filled in: it is then no single segment of a key.
    pub fn with_name(mut self, name: &str) -> Result<Self, String> {
        self.name = Some(value(name)?);
        Ok(self)
    }

    /// With `{namespace}`. Fails as [`Variables::with_name`] does.
    pub fn with_namespace(mut self, namespace: &str) -> Result<Self, String> {
        self.namespace = Some(value(namespace)?);
        Ok(self)
    }

    /// With `{ip}`. An IPv4 address in the form of IPv6 is taken as the IPv4 address.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip.to_canonical());
        self
    }

    /// `{ip}`, if it is known.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Those that are known, with their names.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let ip = self.ip.map(|ip| ip.to_string());
        [
            (Variable::Name, self.name.clone()),
            (Variable::Namespace, self.namespace.clone()),
            (Variable::Ip, ip),
        ]
        .into_iter()
        .filter_map(|(variable, value)| Some((variable.name(), value?)))
    }

    /// These, and what only the others have.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            name: self.name.or(others.name),
            namespace: self.namespace.or(others.namespace),
            ip: self.ip.or(others.ip),
        }
    }

    pub(super) fn set(self, variable: Variable, text: &str) -> Result<Self, String> {
        match variable {
            Variable::Name => self.with_name(text),
            Variable::Namespace => self.with_namespace(text),
            Variable::Ip => {
                let ip: Option<IpAddr> = text.parse().ok();
                // Each address has one spelling, or one host would have several names.
                let ip = ip.filter(|ip| ip.to_string() == text && ip.to_canonical() == *ip);
                ip.map(|ip| self.with_ip(ip))
                    .ok_or_else(|| format!("'{}' is no IP address", text.escape_debug()))
            }
        }
    }

    pub(super) fn clear(&mut self, variable: Variable) {
        match variable {
            Variable::Name => self.name = None,
            Variable::Ip => self.ip = None,
            Variable::Namespace => self.namespace = None,
        }
    }

    /// For trying a policy out: each is there, and none is what a policy would write.
    pub(super) fn samples() -> Self {
        Self {
            name: Some("sample-name".to_owned()),
            namespace: Some("sample-namespace".to_owned()),
            // Addresses of documentation (RFC 5737).
            ip: Some(IpAddr::from([192, 0, 2, 1])),
        }
    }

    /// The text of a variable, if it is there.
    pub(super) fn get(&self, variable: Variable) -> Option<String> {
        match variable {
            Variable::Name => self.name.clone(),
            Variable::Namespace => self.namespace.clone(),
            Variable::Ip => self.ip.map(|ip| ip.to_string()),
        }
    }
}

impl fmt::Display for Variables {
    /// Those that are there, each after a comma.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for variable in Variable::ALL {
            if let Some(text) = self.get(variable) {
                write!(f, ", {{{}}} = {text}", variable.name())?;
            }
        }
        Ok(())
    }
}

/// The longest text that is filled in, in bytes: a name in DNS.
const LONGEST: usize = 253;

/// Whether a character may be in a text that is filled in.
pub(super) fn is_filled_in(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-@:".contains(c)
}

/// A text that stands for one segment of a key, and for nothing else.
fn value(text: &str) -> Result<String, String> {
    let good = (1..=LONGEST).contains(&text.len())
        && text.chars().all(is_filled_in)
        && text != "."
        && !text.contains("..");
    good.then(|| text.to_owned()).ok_or_else(|| {
        let shown: String = text.chars().take(LONGEST).collect();
        let shown = shown.escape_debug();
        format!("'{shown}' cannot be filled in: it is not 1 to {LONGEST} letters, digits and . _ - @ : without '..'")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_one_segment_and_no_pattern() {
        let long = "a".repeat(LONGEST + 1);
        for bad in [
            "", ".", "..", "a..b", "a/b", "*", "a?", "[a]", "{name}", "a b", "a\n", "\u{e9}", &long,
        ] {
            assert!(Variables::default().with_name(bad).is_err(), "{bad}");
        }
        for good in ["a", "node-1.example.org", "ops@example.org", "a_b", ".a"] {
            assert!(Variables::default().with_name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        let ip = |text: &str| Variables::default().set(Variable::Ip, text);
        assert!(ip("10.0.0.1").is_ok());
        assert!(ip("fd00::1").is_ok());
        for bad in [
            "fd00:0::1",
            "FD00::1",
            "::ffff:10.0.0.1",
            "010.0.0.1",
            "10.0.0.1:1",
            "",
        ] {
            assert!(ip(bad).is_err(), "{bad}");
        }
    }
}
