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
}
