//! The field: the servers that a report measures beside each other, started on loopback by the report itself.
//!
//! A [`Deployment`] is a system reached by one protocol: kubekv on one of its stores, or a real server. Each is started with a
//! directory and ports of its own, alone on its data, and syncs every write to disk. Its processes end with this one.

mod asking;
mod bounded;
mod consul;
mod credentials;
mod deployment;
mod error;
mod etcd;
mod etcd_users;
mod kubekv;
mod kubernetes;
mod launcher;
mod layer;
mod metrics;
mod plain_get;
mod ports;
mod process;
mod program;
mod repeated_command;
mod running;
mod standby;
mod start;
mod take_over;
mod zookeeper;

pub use asking::Outage;
pub use bounded::{BoundedOutput, run_bounded};
pub use deployment::{Deployment, System};
pub use error::FieldError;
pub use launcher::{ATTACHED, Launcher};
pub use layer::SecurityLayer;
pub use metrics::BackendCounts;
pub use ports::FieldPorts;
pub use process::FieldProcess;
pub use program::{FieldProgram, FoundProgram, Programs};
pub use running::{FieldPlace, RunningDeployment, fresh_directory};
pub use start::start;
pub use take_over::ProcessEnd;
