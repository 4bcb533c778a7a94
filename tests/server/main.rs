//! How HTTP is served: bounds, time-outs, counting, drain; and a whole gateway by `run`.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod harness;
