//! Products of many spectra: the layout and the two kernels in which the time goes.
//!
//! Correlations need the product of every reference channel with every other channel, filtering the sum
//! over all reference channels for every output. Both are sums of complex products, bin by bin. The
//! spectra of a batch of blocks are stored bin group by bin group (8 bins, real parts beside imaginary
//! parts), all channels and blocks of a group together: what a group needs then fits the first cache, the
//! sums stay in registers over the blocks, and the loops have a fixed length that the compiler turns into
//! vector instructions.

use std::sync::Arc;

use mir_fft::{ComplexToReal, RealPlanner64, RealToComplex, num_complex::Complex};

/// Bins of a group.
const LANES: usize = 8;
/// Numbers of a group: real parts, then imaginary parts.
const GROUP: usize = 2 * LANES;
/// Blocks that are transformed before their spectra are used.
pub(super) const BATCH: usize = 4;

/// A real transform of one length with its buffers.
pub(super) struct Fft {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    /// Samples: input of the forward transform, output of the inverse.
    pub(super) time: Vec<f64>,
    bins: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Fft {
    /// A transform of `len` samples, `len` even.
    pub(super) fn new(planner: &mut RealPlanner64, len: usize) -> Self {
        let (forward, inverse) = (planner.plan_fft_forward(len), planner.plan_fft_inverse(len));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            time: forward.make_input_vec(),
            bins: forward.make_output_vec(),
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.time.len()
    }

    /// Transforms `time` (which is overwritten) into a place of a batch.
    pub(super) fn forward(&mut self, into: &mut Spectra, channel: usize, block: usize) {
        self.forward
            .process_with_scratch(&mut self.time, &mut self.bins, &mut self.scratch)
            .expect("the buffers have the planned lengths");
        into.put(channel, block, &self.bins);
    }

    /// Transforms a place of a batch back into `time`, without the factor `1 / len`.
    pub(super) fn inverse(&mut self, from: &Spectra, channel: usize, block: usize) {
        from.get(channel, block, &mut self.bins);
        // Both are real by construction; what rounding left is dropped, the transform insists on 0.
        let last = self.bins.len() - 1;
        self.bins[0].im = 0.0;
        self.bins[last].im = 0.0;
        self.inverse
            .process_with_scratch(&mut self.bins, &mut self.time, &mut self.scratch)
            .expect("the buffers have the planned lengths");
    }
}

/// Spectra of several channels and blocks, group by group: `[group][channel][block][re 8 | im 8]`.
pub(super) struct Spectra {
    channels: usize,
    blocks: usize,
    data: Vec<f64>,
}

impl Spectra {
    /// Zeros for transforms of `len` samples.
    pub(super) fn zeros(len: usize, channels: usize, blocks: usize) -> Self {
        let groups = (len / 2 + 1).div_ceil(LANES);
        Self { channels, blocks, data: vec![0.0; groups * channels * blocks * GROUP] }
    }

    fn put(&mut self, channel: usize, block: usize, bins: &[Complex<f64>]) {
        let step = self.channels * self.blocks * GROUP;
        let first = (channel * self.blocks + block) * GROUP;
        for (group, bins) in self.data.chunks_exact_mut(step).zip(bins.chunks(LANES)) {
            let (re, im) = group[first..first + GROUP].split_at_mut(LANES);
            for ((re, im), bin) in re.iter_mut().zip(im).zip(bins) {
                (*re, *im) = (bin.re, bin.im);
            }
        }
    }

    fn get(&self, channel: usize, block: usize, bins: &mut [Complex<f64>]) {
        let step = self.channels * self.blocks * GROUP;
        let first = (channel * self.blocks + block) * GROUP;
        for (group, bins) in self.data.chunks_exact(step).zip(bins.chunks_mut(LANES)) {
            let (re, im) = group[first..first + GROUP].split_at(LANES);
            for ((re, im), bin) in re.iter().zip(im).zip(bins) {
                *bin = Complex::new(*re, *im);
            }
        }
    }
}

/// Eight complex numbers.
#[derive(Clone, Copy)]
struct Group {
    re: [f64; LANES],
    im: [f64; LANES],
}

impl Group {
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
        re.copy_from_slice(&from[..LANES]);
        im.copy_from_slice(&from[LANES..GROUP]);
        Self { re, im }
    }

    #[inline(always)]
    fn store(&self, into: &mut [f64]) {
        into[..LANES].copy_from_slice(&self.re);
        into[LANES..GROUP].copy_from_slice(&self.im);
    }

    /// `self += conj(a)·b`
    #[inline(always)]
    fn add_conjugate_product(&mut self, a: &Self, b: &Self) {
        for i in 0..LANES {
            self.re[i] += a.re[i] * b.re[i] + a.im[i] * b.im[i];
            self.im[i] += a.re[i] * b.im[i] - a.im[i] * b.re[i];
        }
    }

    /// `self += a·b`
    #[inline(always)]
    fn add_product(&mut self, a: &Self, b: &Self) {
        for i in 0..LANES {
            self.re[i] += a.re[i] * b.re[i] - a.im[i] * b.im[i];
            self.im[i] += a.re[i] * b.im[i] + a.im[i] * b.re[i];
        }
    }
}

/// Adds `conj(left)·right`, summed over the blocks, to the sums: channel `l·R + r` of `sums` belongs to
/// the pair `(l, r)` of `L` left and `R` right channels.
pub(super) fn add_cross_spectra(left: &Spectra, right: &Spectra, sums: &mut Spectra) {
    let groups = sums.data.chunks_exact_mut(sums.channels * GROUP);
    let left = left.data.chunks_exact(left.channels * left.blocks * GROUP).zip(groups);
    let blocks = right.blocks * GROUP;
    let right = right.data.chunks_exact(right.channels * blocks);
    for ((left, sums), right) in left.zip(right) {
        let mut sums = sums.chunks_exact_mut(GROUP);
        for left in left.chunks_exact(blocks) {
            for right in right.chunks_exact(blocks) {
                let Some(place) = sums.next() else { return };
                let mut sum = Group::load(place);
                for (a, b) in left.chunks_exact(GROUP).zip(right.chunks_exact(GROUP)) {
                    sum.add_conjugate_product(&Group::load(a), &Group::load(b));
                }
                sum.store(place);
            }
        }
    }
}

/// A sum of filtered channels: which inputs it takes and where the spectra of their filters start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    /// First input channel.
    pub(super) input: usize,
    /// Number of input channels.
    pub(super) inputs: usize,
    /// Channel of `filters` that belongs to the first input; those of the others follow.
    pub(super) filter: usize,
}

/// Output channel `o` becomes the sum over the inputs of `mixes[o]` of filter times input, block by block.
pub(super) fn filter(inputs: &Spectra, filters: &Spectra, mixes: &[Mix], out: &mut Spectra) {
    let blocks = inputs.blocks * GROUP;
    let groups = inputs.data.chunks_exact(inputs.channels * blocks);
    let filters = filters.data.chunks_exact(filters.channels * GROUP);
    let out = out.data.chunks_exact_mut(out.channels * blocks);
    for ((inputs, filters), out) in groups.zip(filters).zip(out) {
        for (mix, out) in mixes.iter().zip(out.chunks_exact_mut(blocks)) {
            let inputs = &inputs[mix.input * blocks..][..mix.inputs * blocks];
            let filters = &filters[mix.filter * GROUP..][..mix.inputs * GROUP];
            for (block, out) in out.chunks_exact_mut(GROUP).enumerate() {
                let mut sum = Group { re: [0.0; LANES], im: [0.0; LANES] };
                for (input, filter) in inputs.chunks_exact(blocks).zip(filters.chunks_exact(GROUP))
                {
                    sum.add_product(&Group::load(&input[block * GROUP..]), &Group::load(filter));
                }
                sum.store(out);
            }
        }
    }
}
