//! The `kubekv` command, run as people and scripts run it.

#[cfg(test)]
#[path = "../common/command.rs"]
mod command;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod logs;
#[cfg(test)]
#[path = "../common/running.rs"]
mod running;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod store;
