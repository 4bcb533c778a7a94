//! `kubekv status`: role, leader, term and contents of a running gateway.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::print;
use crate::cli::client::{
    AdminAddress, GatewayAddress, GatewayClient, GatewayStatus, QuarantinedKey,
};
use crate::cli::exit::{CommandError, REFUSED};

/// The options of `kubekv status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
    #[command(flatten)]
    admin: AdminAddress,
}

/// The status of a gateway, in print order.
#[derive(Debug, Default, Serialize)]
struct StatusReport {
    /// The address of the Consul face.
    address: String,
    /// The gateway's name; `None` without its admin port.
    gateway: Option<String>,
    /// The role: leader, follower, starting or draining; `None` without the admin port.
    role: Option<String>,
    /// The leader: the name of a gateway, or the address of a Consul server.
    leader: Option<String>,
    /// The leader's term, on a store that gateways share.
    term: Option<u64>,
    /// The version of kubekv; `None` where a Consul server answered.
    version: Option<String>,
    /// The version of Consul, which kubekv imitates.
    consul: Option<String>,
    /// The node of Consul's catalog, which is the leader.
    node: Option<String>,
    /// The last revision.
    revision: Option<u64>,
    /// The number of keys that clients see.
    entries: Option<usize>,
    /// Docker's records that would harm daemons; `None` without a Docker guard or the admin port.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<Vec<QuarantinedKey>>,
}

impl Status {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            json,
            target,
            admin,
        } = self;
        let gateway = target.connect()?;
        let mut report = StatusReport {
            address: gateway.address().to_owned(),
            ..StatusReport::default()
        };
        let status = admin.fetch(&target)?;
        let waiting = status.as_ref().and_then(waiting_reason);
        if let Some(status) = status {
            report.add_admin(status);
        }
        // A request to a face would only wait while no leader answers.
        let answer = match waiting {
            Some(why) => Err(CommandError::new(REFUSED, why)),
            None => report.add_face(&gateway),
        };
        if report.role.is_none() {
            answer?;
            return report.print(json);
        }
        // The status of a gateway that does not answer clients is the reason to run this command: print it, then fail.
        report.print(json)?;
        answer
    }
}

/// The reason why a gateway's faces do not answer now; `None` where they do.
fn waiting_reason(status: &GatewayStatus) -> Option<String> {
    let GatewayStatus {
        name,
        leader,
        serves,
        ..
    } = status;
    if *serves {
        return None;
    }
    Some(match leader {
        Some(leader) if leader != name => {
            format!(
                "{name} does not relay to the leader, {leader}: clients of {name} wait; use {leader} itself"
            )
        }
        Some(_) | None => {
            format!(
                "the store of {name} has no leader now: clients wait until a gateway takes over"
            )
        }
    })
}

impl StatusReport {
    /// Adds the answer of the admin port.
    fn add_admin(&mut self, status: GatewayStatus) {
        let GatewayStatus {
            name,
            version,
            role,
            leader,
            term,
            quarantined,
            ..
        } = status;
        self.quarantined = quarantined;
        self.gateway = Some(name);
        self.version = Some(version);
        self.role = Some(role);
        self.leader = leader;
        self.term = term;
    }

    /// Adds the answers of the Consul face, which come from the leader.
    fn add_face(&mut self, gateway: &GatewayClient) -> Result<(), CommandError> {
        let status: Value = gateway.get("/v1/agent/self")?.json()?;
        let text = |path: &str| {
            status
                .pointer(path)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let missing =
            || CommandError::new(REFUSED, "the gateway's answer is not an answer of Consul");
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

    fn print(self, json: bool) -> Result<(), CommandError> {
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
            node: _also_the_leader,
            revision,
            entries,
            quarantined,
        } = self;
        let admin_unknown = || "not known: give the gateway's admin port with --admin".to_owned();
        let number = |number: Option<u64>, otherwise: &str| {
            number.map_or_else(|| otherwise.to_owned(), |number| number.to_string())
        };
        let unknown = || "not known".to_owned();
        let is_kubekv = version.is_some();
        let mut lines = vec![("address", address)];
        if is_kubekv {
            lines.push(("gateway", gateway.unwrap_or_else(admin_unknown)));
            let has_admin = role.is_some();
            lines.push(("role", role.unwrap_or_else(admin_unknown)));
            lines.push(("leader", leader.unwrap_or_else(|| "none".to_owned())));
            if has_admin {
                lines.push((
                    "term",
                    number(term, "none: only this gateway uses the store"),
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
        for QuarantinedKey { key, why } in quarantined.unwrap_or_default() {
            lines.push(("harmful", format!("{key}: {why}")));
        }
        let lines = lines
            .iter()
            .map(|(name, what)| format!("{name:<8}  {what}\n"));
        print::bytes(lines.collect::<Vec<_>>().concat().as_bytes())
    }
}
