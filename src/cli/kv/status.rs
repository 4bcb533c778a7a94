//! `kubekv status`.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::print;
use crate::cli::client::{About, Admin, Gateway, Target};
use crate::cli::exit::{Failure, REFUSED};

/// The options of `kubekv status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    admin: Admin,
}

/// What a gateway is, in the order it is printed.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// The address that was asked.
    address: String,
    /// What the gateway there is called; nothing where its admin port is not known.
    gateway: Option<String>,
    /// What it does: leader, follower, starting or draining.
    role: Option<String>,
    /// Who leads: the name of a gateway, and the address of a Consul server.
    leader: Option<String>,
    /// The leader's term, on a store that several gateways share.
    term: Option<u64>,
    /// kubekv's version; nothing where a Consul server answered.
    version: Option<String>,
    /// The version of Consul whose answers these are.
    consul: Option<String>,
    /// The node of Consul's catalog, which is the gateway that leads.
    node: Option<String>,
    /// The last revision.
    revision: Option<u64>,
    /// How many keys clients have.
    entries: Option<usize>,
}

impl Status {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self {
            json,
            target,
            admin,
        } = self;
        let gateway = target.connect()?;
        let mut report = Report {
            address: gateway.address().to_owned(),
            ..Report::default()
        };
        let about = admin.ask(&target)?;
        let waits = about.as_ref().and_then(why_it_waits);
        if let Some(about) = about {
            report.take(about);
        }
        // What is asked of a face meanwhile would only wait.
        let asked = match waits {
            Some(why) => Err(Failure::new(REFUSED, why)),
            None => report.ask(&gateway),
        };
        if report.role.is_none() {
            asked?;
            return report.print(json);
        }
        // What is known of a gateway that does not answer clients is what one asks for.
        report.print(json)?;
        asked
    }
}

/// Why a gateway's faces do not answer now, if they do not.
fn why_it_waits(about: &About) -> Option<String> {
    let About {
        name,
        leader,
        serves,
        ..
    } = about;
    if *serves {
        return None;
    }
    Some(match leader {
        Some(leader) if leader != name => {
            format!(
                "{name} relays nothing to {leader}, which leads: its clients wait; ask {leader} itself"
            )
        }
        Some(_) | None => {
            format!("no gateway leads the store of {name} now: its clients wait until one does")
        }
    })
}

impl Report {
    /// What the admin port tells.
    fn take(&mut self, about: About) {
        let About {
            name,
            version,
            role,
            leader,
            term,
            ..
        } = about;
        self.gateway = Some(name);
        self.version = Some(version);
        self.role = Some(role);
        self.leader = leader;
        self.term = term;
    }

    /// What the Consul face tells, which is answered by the gateway that leads.
    fn ask(&mut self, gateway: &Gateway) -> Result<(), Failure> {
        let about: Value = gateway.get("/v1/agent/self")?.json()?;
        let text = |path: &str| {
            about
                .pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let missing = || Failure::new(REFUSED, "the gateway's answer is not what Consul answers");
        let revision = text("/Stats/raft/applied_index").and_then(|index| index.parse().ok());
        let keys = gateway.read(b"", &[("keys", None)])?;
        let version = text("/Meta/kubekv-version");
        let node = text("/Config/NodeName").ok_or_else(missing)?;
        if self.leader.is_none() {
            self.leader = Some(match &version {
                Some(_) => node.clone(),
                None => gateway.get("/v1/status/leader")?.json()?,
            });
        }
        self.version = self.version.take().or(version);
        self.consul = Some(text("/Config/Version").ok_or_else(missing)?);
        self.node = Some(node);
        self.revision = Some(revision.ok_or_else(missing)?);
        self.entries = Some(if keys.found {
            keys.json::<Vec<Value>>()?.len()
        } else {
            0
        });
        Ok(())
    }

    fn print(self, json: bool) -> Result<(), Failure> {
        if json {
            return print::json(&self);
        }
        let Self {
            address,
            gateway,
            role,
            leader,
            term,
            version,
            consul,
            node: _the_leader,
            revision,
            entries,
        } = self;
        let unasked = || "not known: name the gateway's admin port with --admin".to_owned();
        let number = |number: Option<u64>, or: &str| {
            number.map_or_else(|| or.to_owned(), |number| number.to_string())
        };
        let unknown = || "not known".to_owned();
        let is_kubekv = version.is_some();
        let mut lines = vec![("address", address)];
        if is_kubekv {
            lines.push(("gateway", gateway.unwrap_or_else(unasked)));
            let is_known = role.is_some();
            lines.push(("role", role.unwrap_or_else(unasked)));
            lines.push(("leader", leader.unwrap_or_else(|| "none".to_owned())));
            if is_known {
                lines.push((
                    "term",
                    number(term, "none: the store is this gateway's alone"),
                ));
            }
        } else {
            lines.push(("leader", leader.unwrap_or_else(unknown)));
        }
        lines.push((
            "version",
            version.unwrap_or_else(|| "none: not kubekv".to_owned()),
        ));
        lines.push(("consul", consul.unwrap_or_else(unknown)));
        lines.push(("revision", number(revision, "not known")));
        lines.push((
            "entries",
            number(
                entries.and_then(|entries| entries.try_into().ok()),
                "not known",
            ),
        ));
        let lines = lines
            .iter()
            .map(|(name, what)| format!("{name:<8}  {what}\n"));
        print::bytes(lines.collect::<Vec<_>>().concat().as_bytes())
    }
}
