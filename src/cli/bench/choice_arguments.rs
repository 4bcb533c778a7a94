//! The arguments that choose among the keys, and how they are read.

use clap::{Args, ValueEnum};
use kubekv::bench::client::Consistency;
use kubekv::bench::keys::Distribution;

/// Which of the keys.
#[derive(Debug, Args)]
pub(super) struct ChoiceArguments {
    /// The one key, or for list the prefix, of all operations; get, stat, list and cas need one that exists
    #[arg(long, value_name = "KEY", conflicts_with_all = ["keys", "per_directory", "key_width"])]
    pub(super) key: Option<String>,
    /// The distribution of operations over the keys [default: uniform]
    #[arg(long, value_name = "KIND", conflicts_with = "key")]
    distribution: Option<DistributionArgument>,
    /// Do not write the keys before the run (get, stat, list, cas): they exist
    #[arg(long)]
    pub(super) no_fill: bool,
    /// The promise of get, stat and list [default: linearizable]
    #[arg(long, value_name = "KIND")]
    consistency: Option<ConsistencyArgument>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DistributionArgument {
    /// Every key is as likely as another
    Uniform,
    /// The key of rank k is 1/k times as likely as the first one
    Zipfian,
    /// Each client takes one key after another
    Sequential,
    /// Each client has a key of its own
    Own,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConsistencyArgument {
    /// Reads see every write that was answered before
    Linearizable,
    /// Reads as the protocol makes them when nothing is asked for; serializable on etcd 3
    Default,
}

impl ChoiceArguments {
    /// Whether a distribution is given.
    pub(super) fn has_distribution(&self) -> bool {
        self.distribution.is_some()
    }

    /// Whether a promise of reads is given.
    pub(super) fn has_consistency(&self) -> bool {
        self.consistency.is_some()
    }

    /// The distribution over the keys.
    pub(super) fn distribution(&self) -> Distribution {
        self.distribution
            .map(Distribution::from)
            .unwrap_or_default()
    }

    /// The promise of reads.
    pub(super) fn consistency(&self) -> Consistency {
        self.consistency.map(Consistency::from).unwrap_or_default()
    }
}

impl From<DistributionArgument> for Distribution {
    fn from(argument: DistributionArgument) -> Self {
        match argument {
            DistributionArgument::Uniform => Self::Uniform,
            DistributionArgument::Zipfian => Self::Zipfian,
            DistributionArgument::Sequential => Self::Sequential,
            DistributionArgument::Own => Self::Own,
        }
    }
}

impl From<ConsistencyArgument> for Consistency {
    fn from(argument: ConsistencyArgument) -> Self {
        match argument {
            ConsistencyArgument::Linearizable => Self::Linearizable,
            ConsistencyArgument::Default => Self::Default,
        }
    }
}
