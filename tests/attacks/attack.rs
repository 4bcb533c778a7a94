//! `Attack`: what an attacker does to a store, what shows that it worked, and what of kubekv promises to stop it.

use std::time::{Duration, Instant};

use crate::hands::{Hands, StoreProtocol};

/// How long is waited for what ends by itself after a second.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// A part of kubekv that stops an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The policy: the role `docker-node`.
    Policy,
    /// `--guard enforce`.
    Guard,
    /// The same, where it knows which host a client is.
    GuardOfHosts,
    /// The refusal of web pages, which is always on.
    Pages,
}

/// By what an attacker reaches the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// Whatever a program sends with a host's credential.
    Host,
    /// What a browser sends for a page of another site; it has no credential.
    Page,
}

/// Over which protocols an attack goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    All,
    /// Those that have requests of HTTP.
    Http,
    Consul,
    Etcd,
    ZooKeeper,
}

/// An attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// What becomes of daemons and others if it works.
    pub(crate) harm: &'static str,
    pub(crate) means: Means,
    pub(crate) over: Over,
    /// What stops it, each by itself.
    pub(crate) stops: &'static [Stop],
    /// Makes its requests; says whether the last one was done, or showed what it was for.
    pub(crate) strike: fn(&Scene) -> bool,
    /// Whether others now see what it was for.
    pub(crate) worked: fn(&Scene) -> bool,
}

impl Attack {
    /// One by a host, over every protocol.
    pub(crate) const fn by_host(
        name: &'static str,
        harm: &'static str,
        stops: &'static [Stop],
        strike: fn(&Scene) -> bool,
        worked: fn(&Scene) -> bool,
    ) -> Self {
        Self {
            name,
            harm,
            means: Means::Host,
            over: Over::All,
            stops,
            strike,
            worked,
        }
    }
}

/// Who takes part in an attack.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) attacker: Hands,
    /// An innocent host: what it reads, its daemon would act on.
    pub(crate) victim: Hands,
    pub(crate) operator: Hands,
}

/// What became of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttackOutcome {
    Works,
    /// The first refusal, in a word.
    Refused(String),
    /// Nothing was refused, and nobody sees an effect.
    NoEffect,
    /// It has no form over this protocol.
    NotApplicable,
}

impl Attack {
    pub(crate) fn is_over(&self, protocol: StoreProtocol) -> bool {
        match self.over {
            Over::All => true,
            Over::Http => protocol != StoreProtocol::ZooKeeper,
            Over::ZooKeeper => protocol == StoreProtocol::ZooKeeper,
            Over::Consul => protocol == StoreProtocol::Consul,
            Over::Etcd => protocol == StoreProtocol::Etcd,
        }
    }

    pub(crate) fn run(&self, scene: &Scene) -> AttackOutcome {
        if !self.is_over(scene.attacker.protocol) {
            return AttackOutcome::NotApplicable;
        }
        let is_done = (self.strike)(scene);
        // A list without what it was asked for refuses nothing.
        let hidden = (!is_done).then(|| "hidden".to_owned());
        let refusal = scene.attacker.refusal().or(hidden);
        let began = Instant::now();
        loop {
            if (self.worked)(scene) {
                return AttackOutcome::Works;
            }
            if let Some(how) = refusal {
                return AttackOutcome::Refused(how);
            }
            if began.elapsed() > PATIENCE {
                return AttackOutcome::NoEffect;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Scene {
    /// Whether the victim is shown a record that its daemon would act on.
    pub(crate) fn is_shown(&self, key: &str, value: &str) -> bool {
        self.victim.value(key).as_deref() == Some(value)
    }

    /// Whether the victim is shown no such entry any more, while its others are.
    pub(crate) fn is_gone(&self, key: &str) -> bool {
        let all = self.operator.list("");
        !all.is_empty() && !all.contains_key(key)
    }

    /// Whether the victim is shown a record with this text.
    pub(crate) fn has(&self, key: &str, text: &str) -> bool {
        self.victim
            .value(key)
            .is_some_and(|value| value.contains(text))
    }
}
