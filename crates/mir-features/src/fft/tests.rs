use std::f64::consts::TAU;

use mir_fft::num_complex::Complex;
use proptest::prelude::*;

use super::*;

const SIZES: [usize; 5] = [512, 1024, 2048, 4096, 8192];

/// Every kind of vectors that this machine has, and none.
fn machines() -> Vec<Arch> {
    let mut machines = vec![Arch::Scalar, Arch::new()];
    #[cfg(target_arch = "x86_64")]
    machines.extend(pulp::x86::V3::try_new().map(Arch::V3));
    machines
}

fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn window(n_fft: usize) -> Vec<f32> {
    (0..n_fft).map(|n| 0.5 - 0.5 * (TAU * n as f64 / n_fft as f64).cos() as f32).collect()
}

/// The sum of the definition.
fn spectrum(samples: &[f32], window: &[f32]) -> Vec<Complex<f64>> {
    let n_fft = samples.len();
    let turns: Vec<_> =
        (0..n_fft).map(|n| Complex::from_polar(1.0, -TAU * n as f64 / n_fft as f64)).collect();
    let x: Vec<_> =
        samples.iter().zip(window).map(|(&x, &w)| f64::from(x) * f64::from(w)).collect();
    (0..=n_fft / 2)
        .map(|k| x.iter().enumerate().map(|(n, x)| turns[n * k % n_fft] * x).sum())
        .collect()
}

fn block(samples: &[f32], length: usize, hop: usize) -> FrameBlock<'_> {
    FrameBlock::new(samples, length, hop)
}

/// Rows `[frames, bins · parts]` of a block.
fn rows(fft: &LaneFft, block: FrameBlock<'_>, output: Output) -> Vec<f32> {
    let width = output.parts() * fft.bins();
    let mut rows = vec![f32::NAN; block.len() * width];
    fft.block(block, output, &mut LaneScratch::default(), |frames, lanes, values| {
        lanes_to_rows(
            values,
            lanes,
            width,
            &mut Aligned::default(),
            &mut rows[frames.start * width..frames.end * width],
        );
    });
    rows
}

#[test]
fn every_size_is_the_sum_of_the_definition() {
    for n_fft in SIZES {
        let (hop, window) = (n_fft / 4, window(n_fft));
        let samples = noise(n_fft + 15 * hop, 3);
        let fft = LaneFft::new(&window, hop).unwrap();
        let [power, magnitude, complex] = [Output::Power, Output::Magnitude, Output::Complex]
            .map(|output| rows(&fft, block(&samples, n_fft, hop), output));
        for frame in [0, 7, 15] {
            let expected = spectrum(&samples[frame * hop..][..n_fft], &window);
            let norm = expected.iter().map(|x| x.norm_sqr()).sum::<f64>().sqrt();
            for (k, expected) in expected.iter().enumerate() {
                let at = frame * fft.bins() + k;
                let got = Complex::new(f64::from(complex[2 * at]), f64::from(complex[2 * at + 1]));
                let label = format!("n_fft {n_fft}, frame {frame}, bin {k}: {got}, {expected}");
                let tolerance = 1e-7 * norm;
                assert!((got - expected).norm() <= tolerance, "{label}");
                let got = f64::from(magnitude[at]);
                assert!((got - expected.norm()).abs() <= tolerance, "{label}: {got}");
                let (got, expected) = (f64::from(power[at]), expected.norm());
                let tolerance = 2.0 * tolerance * (expected + tolerance);
                assert!((got - expected * expected).abs() <= tolerance, "{label}: {got}");
            }
        }
    }
}

#[test]
fn other_lengths_are_left_to_others() {
    for n_fft in [2, 256, 400, 511, 513, 1536, 16_384] {
        assert!(LaneFft::new(&vec![1.0; n_fft], 100).is_none(), "{n_fft}");
    }
}

#[test]
fn a_frame_has_the_same_bits_alone_in_company_and_on_every_machine() {
    // Hops that divide the frame, do not, exceed it, and one sample.
    for (n_fft, hop, frames) in [
        (512, 128, 16),
        (1024, 160, 16),
        (2048, 1, 16),
        (512, 700, 16),
        (2048, 441, 5),
        (4096, 512, 1),
    ] {
        let samples = noise(n_fft + (frames - 1) * hop, 11);
        let block = block(&samples, n_fft, hop);
        for output in [Output::Power, Output::Magnitude, Output::Complex] {
            let mut expected = vec![];
            for samples in block.frames() {
                let fft = LaneFft::new(&window(n_fft), hop).unwrap();
                expected.extend_from_slice(fft.frame(samples, output, &mut LaneScratch::default()));
            }
            for arch in machines() {
                let fft = LaneFft::on(arch, &window(n_fft), hop).unwrap();
                let got = rows(&fft, block, output);
                let same = got.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(
                    same && got.len() == expected.len(),
                    "{n_fft}, {hop}, {output:?}, {arch:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_energy_of_a_frame_is_that_of_its_spectrum(
        size in 0..SIZES.len(), seed in any::<u32>(), scale in -20..20,
    ) {
        let n_fft = SIZES[size];
        let scale = 2.0_f32.powi(scale);
        let samples: Vec<f32> = noise(n_fft, seed).iter().map(|x| x * scale).collect();
        let fft = LaneFft::new(&vec![1.0; n_fft], n_fft).unwrap();
        let mut scratch = LaneScratch::default();
        let power = fft.frame(&samples, Output::Power, &mut scratch);
        // Bins that stand for their mirror image count twice.
        let twice: f64 = power[1..n_fft / 2].iter().map(|&p| f64::from(p)).sum();
        let energy = f64::from(power[0]) + f64::from(power[n_fft / 2]) + 2.0 * twice;
        let expected: f64 = samples.iter().map(|&x| f64::from(x).powi(2)).sum();
        prop_assert!((energy / n_fft as f64 / expected - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_transform_of_a_sum_is_the_sum_of_the_transforms(
        size in 0..SIZES.len(), seeds in any::<(u32, u32)>(), factor in -3.0_f32..3.0,
    ) {
        let n_fft = SIZES[size];
        let (a, b) = (noise(n_fft, seeds.0), noise(n_fft, seeds.1));
        let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + factor * b).collect();
        let fft = LaneFft::new(&window(n_fft), n_fft).unwrap();
        let transform =
            |x: &[f32]| fft.frame(x, Output::Complex, &mut LaneScratch::default()).to_vec();
        let (a, b, sum) = (transform(&a), transform(&b), transform(&sum));
        // Rounding of the sums in the input: 1e-7 of each sample, of norm √n_fft.
        let tolerance = 2e-6 * (1.0 + factor.abs()) * (n_fft as f32).sqrt();
        for ((a, b), sum) in a.iter().zip(&b).zip(&sum) {
            prop_assert!((a + factor * b - sum).abs() <= tolerance);
        }
    }
}
