//! Docker workload: simulated daemons that ask of a cluster store what dockerd 20.10 asks, request for request.

mod action;
mod events;
mod fleet;
mod gossip;
mod host;
pub mod libkv;
pub mod libnetwork;
pub mod observer;
mod population;
mod recorder;
mod run;

pub use action::HostAction;
pub use events::EventRates;
pub use fleet::{Fleet, FleetOptions};
pub use gossip::FleetGossip;
pub use host::{Host, HostContext, HostOptions};
pub use observer::DockerStep;
pub use population::Population;
pub use recorder::{FleetRecorder, FleetRecords, RecentSteps};
pub use run::{FleetError, FleetMeasured, FleetRunOptions, run};
