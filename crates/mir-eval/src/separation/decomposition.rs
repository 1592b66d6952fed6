//! The decomposition of estimates into target, spatial distortion, interference and artifacts.
//!
//! For an estimate `ŝ` of the target `s_j`, with `P_j ŝ` its projection on the delayed channels of that
//! source and `P ŝ` that on those of all sources:
//!
//! `e_spat = P_j ŝ − s_j`, `e_interf = P ŝ − P_j ŝ`, `e_artif = ŝ − P ŝ`.
//!
//! Only energies of these enter the metrics. They are summed block by block, so that no filtered signal
//! is ever held as a whole.

use std::ops::Range;

use mir_fft::RealPlanner64;

use super::{
    correlation::{block_len, correlate},
    signals::{Channel, Signals},
    spectra::{BATCH, Fft, Mix, Spectra, filter},
    toeplitz::{Gram, solve},
};
use crate::Result;

/// What is decomposed: a reference and an estimate of equal numbers of sources and channels.
pub(super) struct Problem<'a> {
    pub(super) reference: Signals<'a>,
    pub(super) estimate: Signals<'a>,
    /// Delays of the distortion filters.
    pub(super) taps: usize,
    /// What is added to the diagonal of the Gram matrices.
    pub(super) loading: f64,
    /// Pairs of a target and the estimate that is compared with it.
    pub(super) pairs: Vec<(usize, usize)>,
}

/// Projection filters of a stretch of signal.
pub(super) struct Filters {
    /// On all sources: `[estimate][output channel][source][channel][tap]`.
    all: Vec<f64>,
    /// On the target alone: `[pair][output channel][channel][tap]`.
    own: Vec<f64>,
}

/// Energies of a pair over all channels: sums of squares of the signals that the names spell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Energies {
    pub(super) target: f64,
    pub(super) own_projection: f64,
    pub(super) projection: f64,
    pub(super) spatial: f64,
    pub(super) interference: f64,
    pub(super) artifacts: f64,
    /// `ŝ − s`, all of the three errors.
    pub(super) error: f64,
    /// `ŝ − P_j ŝ`, interference and artifacts.
    pub(super) unexplained: f64,
}

impl Problem<'_> {
    fn sources(&self) -> usize {
        self.reference.sources()
    }

    fn channels(&self) -> usize {
        self.reference.channels()
    }

    /// All channels of all sources of a side, cut to a range.
    fn cut<'s>(&self, signals: Signals<'s>, range: &Range<usize>) -> Vec<Channel<'s>> {
        let channels = self.channels();
        (0..self.sources() * channels)
            .map(|i| Channel {
                signals,
                source: i / channels,
                channel: i % channels,
                start: range.start,
                end: range.end,
            })
            .collect()
    }

    /// The filters that project the estimates, as far as they lie in `range`, on the references there.
    pub(super) fn filters(
        &self,
        planner: &mut RealPlanner64,
        range: &Range<usize>,
    ) -> Result<Filters> {
        let (sources, channels, taps) = (self.sources(), self.channels(), self.taps);
        let inputs = sources * channels;
        let left = self.cut(self.reference, range);
        let mut right = left.clone();
        right.extend(self.cut(self.estimate, range));
        let correlations = correlate(planner, &left, &right, range.len(), taps);
        let pair = |l: usize, r: usize| &correlations[(l * right.len() + r) * taps..][..taps];
        let gram = Gram {
            channels: inputs,
            taps,
            correlations: (0..inputs)
                .flat_map(|a| (0..inputs).flat_map(move |b| pair(a, b)))
                .copied()
                .collect(),
        };
        // Right-hand sides of one estimate's channels, for some input channels.
        let sides = |estimate: usize, from: Range<usize>| {
            (0..channels).flat_map(move |output| {
                let side = inputs + estimate * channels + output;
                from.clone().flat_map(move |input| pair(input, side))
            })
        };
        let d: Vec<f64> = (0..sources).flat_map(|e| sides(e, 0..inputs)).copied().collect();
        let all = solve(planner, &gram, self.loading, &d)?;
        let mut own = vec![0.0; self.pairs.len() * channels * channels * taps];
        // With one source, the two projections are the same, to the last bit.
        if sources == 1 {
            own.copy_from_slice(&all);
            return Ok(Filters { all, own });
        }
        let size = channels * channels * taps;
        for target in 0..sources {
            let places: Vec<usize> =
                (0..self.pairs.len()).filter(|&p| self.pairs[p].0 == target).collect();
            let from = target * channels..(target + 1) * channels;
            let gram = gram.of_channels(&from.clone().collect::<Vec<_>>());
            let estimates = places.iter().map(|&place| self.pairs[place].1);
            let d: Vec<f64> = estimates.flat_map(|e| sides(e, from.clone())).copied().collect();
            let solved = solve(planner, &gram, self.loading, &d)?;
            for (&place, solved) in places.iter().zip(solved.chunks_exact(size)) {
                own[place * size..][..size].copy_from_slice(solved);
            }
        }
        Ok(Filters { all, own })
    }
}

/// Filters a window of the references and sums the energies of all pairs: a plan for one set of filters.
pub(super) struct Decomposer<'a, 'p> {
    problem: &'p Problem<'a>,
    fft: Fft,
    filters: Spectra,
    mixes: Vec<Mix>,
    inputs: Spectra,
    outputs: Spectra,
}

impl<'a, 'p> Decomposer<'a, 'p> {
    /// A plan for windows of `samples`.
    pub(super) fn new(
        planner: &mut RealPlanner64,
        problem: &'p Problem<'a>,
        filters: &Filters,
        samples: usize,
    ) -> Self {
        let (sources, channels, taps) = (problem.sources(), problem.channels(), problem.taps);
        let inputs = sources * channels;
        let len = block_len(samples, taps);
        let mut fft = Fft::new(planner, len);
        let taps_of_all = filters.all.chunks_exact(taps).chain(filters.own.chunks_exact(taps));
        let count = taps_of_all.clone().count();
        let mut spectra = Spectra::zeros(len, count, 1);
        for (i, taps) in taps_of_all.enumerate() {
            fft.time.fill(0.0);
            fft.time.iter_mut().zip(taps).for_each(|(t, x)| *t = x / len as f64);
            fft.forward(&mut spectra, i, 0);
        }
        let mut mixes: Vec<Mix> =
            (0..inputs).map(|output| Mix { input: 0, inputs, filter: output * inputs }).collect();
        for (place, &(target, _)) in problem.pairs.iter().enumerate() {
            mixes.extend((0..channels).map(|output| Mix {
                input: target * channels,
                inputs: channels,
                filter: inputs * inputs + (place * channels + output) * channels,
            }));
        }
        Self {
            problem,
            inputs: Spectra::zeros(len, inputs, BATCH),
            outputs: Spectra::zeros(len, mixes.len(), BATCH),
            filters: spectra,
            fft,
            mixes,
        }
    }

    /// Energies of each pair over a window and the `taps − 1` samples after it in which the filters ring.
    pub(super) fn energies(&mut self, window: &Range<usize>) -> Vec<Energies> {
        let problem = self.problem;
        let (inputs, channels) = (problem.sources() * problem.channels(), problem.channels());
        let history = problem.taps - 1;
        let hop = self.fft.len() - history;
        let total = window.len() + history;
        let references = problem.cut(problem.reference, window);
        let estimates = problem.cut(problem.estimate, window);
        let mut sums = vec![Energies::default(); problem.pairs.len()];
        let block = |count: usize| vec![0.0; count * hop];
        let (mut s, mut e) = (block(inputs), block(inputs));
        let (mut all, mut own) = (block(inputs), block(1));
        for first in (0..total).step_by(hop * BATCH) {
            let blocks = (total - first).div_ceil(hop).min(BATCH);
            for b in 0..blocks {
                for (i, channel) in references.iter().enumerate() {
                    channel.read((first + b * hop) as isize - history as isize, &mut self.fft.time);
                    self.fft.forward(&mut self.inputs, i, b);
                }
            }
            filter(&self.inputs, &self.filters, &self.mixes, &mut self.outputs);
            for b in 0..blocks {
                let start = first + b * hop;
                let len = hop.min(total - start);
                for i in 0..inputs {
                    references[i].read(start as isize, &mut s[i * hop..][..len]);
                    estimates[i].read(start as isize, &mut e[i * hop..][..len]);
                    self.fft.inverse(&self.outputs, i, b);
                    all[i * hop..][..len].copy_from_slice(&self.fft.time[history..][..len]);
                }
                for (place, (&(target, estimate), sums)) in
                    problem.pairs.iter().zip(&mut sums).enumerate()
                {
                    for channel in 0..channels {
                        self.fft.inverse(&self.outputs, inputs + place * channels + channel, b);
                        own[..len].copy_from_slice(&self.fft.time[history..][..len]);
                        let (t, o) = (target * channels + channel, estimate * channels + channel);
                        sums.add(
                            &s[t * hop..][..len],
                            &e[o * hop..][..len],
                            &own[..len],
                            &all[o * hop..][..len],
                        );
                    }
                }
            }
        }
        sums
    }
}

impl Energies {
    /// Adds those of a stretch of one channel: target, estimate, own and full projection.
    fn add(&mut self, s: &[f64], e: &[f64], own: &[f64], all: &[f64]) {
        const LANES: usize = 8;
        let mut sums = [[0.0; LANES]; 8];
        let mut sum = |i: usize, s: f64, e: f64, own: f64, all: f64| {
            let terms = [s, own, all, own - s, all - own, e - all, e - s, e - own];
            for (sum, x) in sums.iter_mut().zip(terms) {
                sum[i] += x * x;
            }
        };
        let parts = s.chunks_exact(LANES).zip(e.chunks_exact(LANES));
        let projections = own.chunks_exact(LANES).zip(all.chunks_exact(LANES));
        for ((s, e), (own, all)) in parts.zip(projections) {
            for i in 0..LANES {
                sum(i, s[i], e[i], own[i], all[i]);
            }
        }
        for i in s.len() / LANES * LANES..s.len() {
            sum(0, s[i], e[i], own[i], all[i]);
        }
        let total = |i: usize| sums[i].iter().sum::<f64>();
        self.target += total(0);
        self.own_projection += total(1);
        self.projection += total(2);
        self.spatial += total(3);
        self.interference += total(4);
        self.artifacts += total(5);
        self.error += total(6);
        self.unexplained += total(7);
    }
}
