//! `kubekv status`.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::print;
use crate::cli::client::{Gateway, Target};
use crate::cli::exit::{Failure, REFUSED};

/// The options of `kubekv status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// What a gateway is, in the order it is printed.
#[derive(Debug, Serialize)]
struct Report {
    /// The address that was asked.
    address: String,
    /// kubekv's version; nothing where a Consul server answered.
    version: Option<String>,
    /// The version of Consul whose answers these are.
    consul: String,
    /// What the gateway that answered is called. On a shared store it is the one that leads.
    node: String,
    /// Who decides.
    leader: String,
    /// The last revision.
    revision: u64,
    /// How many keys clients have.
    entries: usize,
}

impl Status {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self { json, target } = self;
        let report = ask(&target.connect()?)?;
        if json {
            return print::json(&report);
        }
        let Report {
            address,
            version,
            consul,
            node,
            leader,
            revision,
            entries,
        } = report;
        let version = version.unwrap_or_else(|| "none: not kubekv".to_owned());
        let text = format!(
            "address   {address}\nversion   {version}\nconsul    {consul}\nnode      {node}\n\
             leader    {leader}\nrevision  {revision}\nentries   {entries}\n"
        );
        print::bytes(text.as_bytes())
    }
}

fn ask(gateway: &Gateway) -> Result<Report, Failure> {
    let about: Value = gateway.get("/v1/agent/self")?.json()?;
    let text = |path: &str| about.pointer(path).and_then(Value::as_str);
    let missing = || Failure::new(REFUSED, "the gateway's answer is not what Consul answers");
    let revision = text("/Stats/raft/applied_index").and_then(|index| index.parse().ok());
    let keys = gateway.read(b"", &[("keys", None)])?;
    Ok(Report {
        address: gateway.address().to_owned(),
        version: text("/Meta/kubekv-version").map(str::to_owned),
        consul: text("/Config/Version").ok_or_else(missing)?.to_owned(),
        node: text("/Config/NodeName").ok_or_else(missing)?.to_owned(),
        leader: gateway.get("/v1/status/leader")?.json()?,
        revision: revision.ok_or_else(missing)?,
        entries: if keys.found {
            keys.json::<Vec<Value>>()?.len()
        } else {
            0
        },
    })
}
