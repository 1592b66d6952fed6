//! Random numbers that stay the same: on every machine, for any number of threads.

/// SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of one item under a seed.
    pub(super) fn new(seed: u64, item: u64) -> Self {
        // Seed and item enter one after the other, so that (1, 2) and (2, 1) are different streams, and
        // the state is an output of the generator, so that neighbours have nothing in common.
        let start = Self(seed).next_u64().wrapping_add(item);
        Self(Self(start).next_u64())
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two bounds.
    pub(super) fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..=`most`.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        ((u128::from(self.next_u64()) * (most as u128 + 1)) >> 64) as usize
    }

    /// Bell-shaped with mean 0 and deviation 1, within ±3.5: the sum of four uniform numbers. A true
    /// normal needs logarithms and sines, whose last bits differ between machines.
    pub(super) fn bell(&mut self) -> f64 {
        let bits = self.next_u64();
        let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
        // Each part is uniform in 0..=65535: mean 32767.5, variance (65536² − 1) / 12.
        (sum as f64 - 131_070.0) / 37_837.227
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of these numbers would change every training run that draws them: it needs a reason.
    #[test]
    fn the_streams_are_pinned() {
        // The first outputs of SplitMix64 for the seed 1234567, as its authors' test vector has them.
        let mut random = Random(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
        assert_ne!(Random::new(1, 2).next_u64(), Random::new(2, 1).next_u64());
        assert_ne!(Random::new(0, 0).next_u64(), Random::new(0, 1).next_u64());
    }

    #[test]
    fn draws_keep_their_ranges_and_moments() {
        let mut random = Random::new(3, 4);
        let mut seen = [0; 4];
        let (mut mean, mut square) = (0.0, 0.0);
        for _ in 0..40_000 {
            assert!((-2.0..5.0).contains(&random.between([-2.0, 5.0])));
            seen[random.up_to(3)] += 1;
            let bell = random.bell();
            assert!(bell.abs() < 3.5);
            mean += bell / 40_000.0;
            square += bell * bell / 40_000.0;
        }
        assert!(seen.iter().all(|&n| (9_500..10_500).contains(&n)), "{seen:?}");
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.02, "{mean} {square}");
    }
}
