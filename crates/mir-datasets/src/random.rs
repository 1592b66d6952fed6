//! Random numbers that stay the same: on every machine, for any number of threads, and when a
//! library changes its sampling.
//!
//! Every draw comes from a ChaCha8 stream whose 32-byte key is `seed`, `epoch`, `item` and the purpose,
//! as four little-endian 64-bit numbers. Whoever knows these four can repeat the draw alone.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a stream is for, so that two uses of one item do not see the same numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Choosing one of several.
    Choice = 1,
    /// Order of the tracks of an epoch.
    Shuffle = 2,
    /// Place of a crop.
    Crop = 3,
    /// Augmentation of a crop.
    Augment = 4,
    /// Instrument and room of a crop.
    Room = 5,
    /// What is mixed into a crop.
    Mix = 6,
    /// Pitch of a crop.
    Transpose = 7,
    /// How a recording is played again.
    Rerender = 8,
    /// Division of a data set.
    Split = 16,
}

/// The stream of one item.
pub(crate) fn stream(seed: u64, epoch: u64, item: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed, epoch, item, purpose as u64];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Uniform in 0..n by the high half of a 128-bit product (its bias is below n / 2^64).
///
/// # Panics
/// If `n` is 0.
pub(crate) fn below(rng: &mut impl Rng, n: usize) -> usize {
    assert!(n > 0, "cannot choose from nothing");
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Uniform in [0, 1), 53 bits.
pub(crate) fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Uniform in [−1, 1).
pub(crate) fn symmetric(rng: &mut impl Rng) -> f64 {
    2.0 * uniform(rng) - 1.0
}

/// A permutation of 0..n: Fisher–Yates from the end.
pub(crate) fn permutation(rng: &mut impl Rng, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, below(rng, last + 1));
    }
    order
}

/// A permutation of 0..n whose elements are computed one by one, for n of any size.
///
/// A Feistel network of six rounds on the smallest even number of bits that holds n; results outside
/// 0..n are put through it again until one lies inside (Black & Rogaway 2002, "Ciphers with arbitrary finite
/// domains", cycle walking). Its domain is less than 4 n, so that takes four passes at most on average.
#[derive(Clone, Debug)]
pub(crate) struct Shuffle {
    n: u64,
    half_bits: u32,
    keys: [u64; 6],
}

impl Shuffle {
    /// # Panics
    /// If `n` is 0 or above 2^62.
    pub(crate) fn new(rng: &mut impl Rng, n: u64) -> Self {
        assert!((1..=1 << 62).contains(&n), "cannot permute {n} things");
        let bits = u64::BITS - (n - 1).leading_zeros();
        Self {
            n,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| rng.next_u64()),
        }
    }

    /// What comes at place `index`.
    ///
    /// # Panics
    /// If `index` is not below n.
    pub(crate) fn at(&self, index: u64) -> u64 {
        assert!(index < self.n, "{index} lies outside 0..{}", self.n);
        let mut x = index;
        loop {
            x = self.pass(x);
            if x < self.n {
                return x;
            }
        }
    }

    fn pass(&self, x: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (x >> self.half_bits, x & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mixed(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of these numbers would change every training run: it needs a reason.
    #[test]
    fn the_streams_are_pinned() {
        let mut rng = stream(1, 2, 3, Purpose::Crop);
        // Computed apart from this code, from the definitions of ChaCha8 and of this module.
        assert_eq!(permutation(&mut rng, 6), [4, 5, 3, 1, 2, 0]);
        assert_ne!(
            stream(1, 2, 3, Purpose::Crop).next_u64(),
            stream(1, 2, 3, Purpose::Augment).next_u64()
        );
        assert_ne!(
            stream(1, 2, 3, Purpose::Crop).next_u64(),
            stream(1, 3, 2, Purpose::Crop).next_u64()
        );
    }

    #[test]
    fn draws_are_in_range_and_reach_both_ends() {
        let mut rng = stream(0, 0, 0, Purpose::Choice);
        let mut seen = [0usize; 5];
        for _ in 0..5000 {
            seen[below(&mut rng, 5)] += 1;
            assert!((0.0..1.0).contains(&uniform(&mut rng)));
            assert!((-1.0..1.0).contains(&symmetric(&mut rng)));
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
    }

    #[test]
    fn a_shuffle_is_a_permutation_of_any_size() {
        for n in (1..70).chain([127, 128, 129, 1000, 4097]) {
            let shuffle = Shuffle::new(&mut stream(n, 0, 0, Purpose::Shuffle), n);
            let mut seen: Vec<u64> = (0..n).map(|i| shuffle.at(i)).collect();
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..n), "{n}");
        }
    }

    #[test]
    fn a_shuffle_sends_every_place_everywhere() {
        // 20 things, 20,000 shuffles: each meets each place 1000 times, give or take five deviations.
        let mut counts = [[0u32; 20]; 20];
        for seed in 0..20_000 {
            let shuffle = Shuffle::new(&mut stream(seed, 0, 0, Purpose::Shuffle), 20);
            (0..20).for_each(|i| counts[i as usize][shuffle.at(i) as usize] += 1);
        }
        assert!(counts.iter().flatten().all(|&n| (845..1155).contains(&n)), "{counts:?}");
    }
}
