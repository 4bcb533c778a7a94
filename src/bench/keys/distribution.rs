//! The distribution of requests over keys.

use super::zipfian::ZipfianRanks;

/// How requests are distributed over the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Every key is as likely as another.
    #[default]
    Uniform,
    /// The key of rank k is taken 1/k times as often as the first one.
    Zipfian,
    /// Each client takes one key after another.
    Sequential,
    /// Each client has a key of its own.
    Own,
}

/// The choice of keys by one client.
#[derive(Clone, Debug)]
pub struct KeyChooser {
    distribution: Distribution,
    count: u64,
    client: u64,
    next: u64,
    zipfian: ZipfianRanks,
}

impl KeyChooser {
    /// The chooser of the first client; [`Self::of_client`] gives those of the others.
    pub fn new(distribution: Distribution, count: u64) -> Self {
        let count = count.max(1);
        Self {
            distribution,
            count,
            client: 0,
            next: 0,
            zipfian: ZipfianRanks::new(count),
        }
    }

    /// The chooser of a client.
    #[must_use]
    pub fn of_client(&self, client: u64) -> Self {
        Self {
            client,
            // Clients begin in different places, or they would all take the same key at once.
            next: client.wrapping_mul(7919),
            ..self.clone()
        }
    }

    /// The number of the next key.
    pub fn choose(&mut self, random: &mut fastrand::Rng) -> u64 {
        match self.distribution {
            Distribution::Uniform => random.u64(..self.count),
            Distribution::Zipfian => self.zipfian.choose(random) - 1,
            Distribution::Sequential => {
                self.next = self.next.wrapping_add(1);
                self.next.checked_rem(self.count).unwrap_or(0)
            }
            Distribution::Own => self.client.checked_rem(self.count).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(distribution: Distribution, client: u64) -> Vec<usize> {
        let mut chooser = KeyChooser::new(distribution, 10).of_client(client);
        let mut random = fastrand::Rng::with_seed(7);
        let mut counts = vec![0; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(chooser.choose(&mut random)).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn each_distribution_takes_the_keys_as_it_says() {
        let uniform = counts(Distribution::Uniform, 0);
        assert!(uniform.iter().all(|count| (850..1_150).contains(count)));
        assert!(
            counts(Distribution::Sequential, 3)
                .iter()
                .all(|count| *count == 1_000)
        );
        assert_eq!(counts(Distribution::Own, 13)[3], 10_000);
        // The shares of ten ranks add up to 2.929 times that of the first.
        let zipfian = counts(Distribution::Zipfian, 0);
        assert!((3_200..3_630).contains(&zipfian[0]), "{zipfian:?}");
        assert!((1_500..1_920).contains(&zipfian[1]), "{zipfian:?}");
        assert!((250..430).contains(&zipfian[9]), "{zipfian:?}");
    }

    #[test]
    fn any_number_of_keys_costs_no_memory_and_none_is_outside() {
        let mut random = fastrand::Rng::with_seed(7);
        for count in [0, 1, 2, 100_000_000, u64::from(u32::MAX)] {
            let mut chooser = KeyChooser::new(Distribution::Zipfian, count);
            let most = (0..1_000).map(|_| chooser.choose(&mut random)).max();
            assert!(most.unwrap() < count.max(1));
        }
    }
}
