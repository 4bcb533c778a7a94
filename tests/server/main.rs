//! HTTP server: exchanges on a connection, bounds, time-outs, counting, drain; and a whole gateway by `run`.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod harness;
