//! The most likely path of pitch and voicing: Viterbi's algorithm where a pitch moves by a few bins only.

/// A transition that is not foreseen has this probability instead of 0, as has an impossible observation:
/// the smallest normal number (librosa's `sequence.viterbi`).
const TINY: f64 = f64::MIN_POSITIVE;

/// Transitions between `n` pitches, each voiced or not: states `0..n` are voiced, `n..2n` are not.
#[derive(Clone, Debug)]
pub(super) struct Transitions {
    pitches: usize,
    /// Farthest move to either side.
    reach: usize,
    /// `ln` of the probability from pitch `i` to `i − reach + k`, for keeping and for switching voicing.
    keep: Vec<f64>,
    switch: Vec<f64>,
}

impl Transitions {
    /// Moves weighted by a triangle of `width` pitches, cut off at the ends (librosa's `transition_local`),
    /// and a chance to switch between voiced and unvoiced.
    pub(super) fn new(pitches: usize, width: usize, switch_probability: f64) -> Self {
        let width = width.clamp(1, pitches);
        let reach = width / 2;
        let band = 2 * reach + 1;
        let (mut keep, mut switch) = (vec![], vec![]);
        // An even triangle has its top between two pitches; which ones, librosa makes depend on their number.
        let up = width.is_multiple_of(2) && pitches.is_multiple_of(2);
        let first = i64::from(up) - reach as i64;
        let mut row = vec![0.0; band];
        for pitch in 0..pitches as i64 {
            row.fill(0.0);
            for (q, weight) in triangle(width).enumerate() {
                let step = first + q as i64;
                let inside = (0..pitches as i64).contains(&(pitch + step));
                if inside && let Ok(slot) = usize::try_from(step + reach as i64) {
                    row[slot] = weight;
                }
            }
            let sum: f64 = row.iter().sum();
            keep.extend(row.iter().map(|w| ((1.0 - switch_probability) * (w / sum) + TINY).ln()));
            switch.extend(row.iter().map(|w| (switch_probability * (w / sum) + TINY).ln()));
        }
        Self { pitches, reach, keep, switch }
    }

    /// The most likely states. `observe(frame, out)` writes the probabilities of the `2n` states. All
    /// states are equally likely at the start; of equally likely paths the lowest state wins.
    pub(super) fn path(
        &self,
        frames: usize,
        mut observe: impl FnMut(usize, &mut [f64]),
    ) -> Vec<usize> {
        if frames == 0 {
            return vec![];
        }
        let n = self.pitches;
        let states = 2 * n;
        let mut probability = vec![0.0; states];
        let mut value = vec![0.0; states];
        let mut previous = vec![0.0; states];
        // For each frame after the first, where each state came from.
        let mut origin = vec![0u32; (frames - 1) * states];
        observe(0, &mut probability);
        let start = (1.0 / states as f64 + TINY).ln();
        for (slot, p) in value.iter_mut().zip(&probability) {
            *slot = (p + TINY).ln() + start;
        }
        let first_best = |values: &[f64]| {
            (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
        };
        for frame in 1..frames {
            std::mem::swap(&mut value, &mut previous);
            observe(frame, &mut probability);
            let anywhere = first_best(&previous);
            let jump = (previous[anywhere] + TINY.ln(), anywhere);
            let origins = &mut origin[(frame - 1) * states..][..states];
            for state in 0..states {
                let (voicing, pitch) = (state / n, state % n);
                let mut best = (f64::NEG_INFINITY, 0);
                for from_voicing in 0..2 {
                    let weights = if from_voicing == voicing { &self.keep } else { &self.switch };
                    let from = pitch.saturating_sub(self.reach)..(pitch + self.reach + 1).min(n);
                    for from_pitch in from {
                        let step = pitch + self.reach - from_pitch;
                        let weight = weights[from_pitch * (2 * self.reach + 1) + step];
                        let origin = from_voicing * n + from_pitch;
                        let total = previous[origin] + weight;
                        if total > best.0 {
                            best = (total, origin);
                        }
                    }
                }
                if jump.0 > best.0 || (jump.0 >= best.0 && jump.1 < best.1) {
                    best = jump;
                }
                value[state] = (probability[state] + TINY).ln() + best.0;
                origins[state] = best.1 as u32;
            }
        }
        let mut path = vec![first_best(&value)];
        for frame in (1..frames).rev() {
            let state = path[path.len() - 1];
            path.push(origin[(frame - 1) * states + state] as usize);
        }
        path.reverse();
        path
    }
}

/// A symmetric triangle that would reach 0 just outside (SciPy's `triang`).
fn triangle(width: usize) -> impl Iterator<Item = f64> {
    let half = width.div_ceil(2) as f64;
    let middle = (width as f64 - 1.0) / 2.0;
    (0..width).map(move |k| 1.0 - (k as f64 - middle).abs() / half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_more_likely() {
        let transitions = Transitions::new(3, 3, 0.2);
        let observations: [[f64; 6]; 4] = [
            [0.6, 0.1, 0.0, 0.1, 0.1, 0.1],
            [0.1, 0.2, 0.5, 0.1, 0.05, 0.05],
            [0.0, 0.0, 0.1, 0.3, 0.3, 0.3],
            [0.7, 0.0, 0.0, 0.1, 0.1, 0.1],
        ];
        let path = transitions.path(4, |frame, out| out.copy_from_slice(&observations[frame]));
        let weight = |from: usize, to: usize| {
            let (a, b) = (from % 3, to % 3);
            let table = if from / 3 == to / 3 { &transitions.keep } else { &transitions.switch };
            if a.abs_diff(b) > 1 { TINY.ln() } else { table[a * 3 + b + 1 - a] }
        };
        let score = |path: &[usize]| {
            let seen: f64 = path.iter().zip(&observations).map(|(&s, o)| (o[s] + TINY).ln()).sum();
            seen + path.windows(2).map(|w| weight(w[0], w[1])).sum::<f64>()
        };
        let best = (0..6usize.pow(4))
            .map(|code| (0..4).map(|i| code / 6usize.pow(i) % 6).collect::<Vec<_>>())
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .unwrap();
        assert!((score(&path) - score(&best)).abs() < 1e-12, "{path:?} instead of {best:?}");
        assert!(transitions.path(0, |_, _| {}).is_empty());
    }

    #[test]
    fn triangles_are_those_of_scipy() {
        let third = 1.0 / 3.0;
        for expected in
            [&[third, 2.0 * third, 1.0, 2.0 * third, third][..], &[0.25, 0.75, 0.75, 0.25]]
        {
            for (a, b) in triangle(expected.len()).zip(expected) {
                assert!((a - b).abs() < 1e-15);
            }
        }
        assert_eq!(triangle(1).collect::<Vec<_>>(), [1.0]);
    }
}
