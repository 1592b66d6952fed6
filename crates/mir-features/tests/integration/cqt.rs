//! Constant-Q transforms against librosa 0.11 and against inner products in `f64`.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    Complex, Cqt, CqtConfig, Error, FrontEndConfig, Gamma, Hcqt, HcqtConfig, HybridCqt, InverseCqt,
    Pad, PseudoCqt, StreamingCqt, StreamingHcqt, WaveletNorm, WaveletRate, Window,
};
use mir_testkit::{assert_close, fixtures, signal};
use ndarray::{Array2, Array3, s};
use proptest::prelude::*;
use serde::Deserialize;

use crate::stream::{bits, rows_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case<V> {
    name: String,
    #[serde(rename = "tool")]
    _tool: String,
    #[serde(rename = "version")]
    _version: String,
    /// Which transform, where a file has several.
    #[serde(default)]
    kind: String,
    config: CqtConfig,
    seed: u64,
    amplitude: f32,
    samples: usize,
    #[serde(default)]
    frames: usize,
    largest: f64,
    values: Vec<V>,
}

impl<V> Case<V> {
    fn audio(&self) -> AudioBuffer {
        signal::noise(self.config.sample_rate, self.amplitude, self.samples, self.seed)
    }

    /// Whether librosa's frames of a bin's octave see nothing but the recording; what its resampler does at
    /// the ends of a thinned recording reaches further.
    fn sees_no_end(&self, frame: usize, bin: usize) -> bool {
        let position = frame * self.config.hop as usize;
        let octaves = (self.config.bins - 1 - bin) / self.config.bins_per_octave;
        // Half the frame that the octave's longest wavelet was padded to is shorter than two of its wavelets.
        let reach = 2 * self.config.length(bin).ceil() as usize + (100 << octaves);
        position >= reach && position + reach <= self.samples
    }
}

#[test]
fn agrees_with_librosa() {
    let cases = fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/cqt.json");
    let mut inside = 0;
    for case in cases {
        let case: Case<(usize, usize, f64, f64)> = case;
        let audio = case.audio();
        let full = case.config.wavelet_rate == WaveletRate::Full;
        // At odd hops, librosa does not thin out: the rates are those of the recording either way.
        let exact = if full { WaveletRate::Octave } else { case.config.wavelet_rate };
        for wavelet_rate in [exact, case.config.wavelet_rate] {
            let cqt = Cqt::new(CqtConfig { wavelet_rate, ..case.config.clone() }).unwrap();
            let spectrum = cqt.spectrum(&audio).unwrap();
            let map = cqt.process(&audio).unwrap();
            assert_eq!(map.frames(), case.frames, "{}", case.name);
            for &(frame, bin, re, im) in &case.values {
                let share = if wavelet_rate == WaveletRate::Full {
                    // What was left out of the wavelets' spectra is cut by the frames' edges at another rate.
                    if case.config.sparsity > 0.001 { 3e-3 } else { 1e-4 }
                } else if full || case.sees_no_end(frame, bin) {
                    inside += 1;
                    // What lies at half a thinned rate, where both filters end, shows a little.
                    if full { 1e-4 } else { 2e-4 }
                } else {
                    // librosa cuts off and mirrors after thinning, which is not the definition.
                    3e-2
                };
                let tolerance = share * case.largest;
                let name = format!("{}, {wavelet_rate:?}: frame {frame}, bin {bin}", case.name);
                let value = spectrum.data[(0, frame, bin)];
                assert_close(f64::from(value.re), re, tolerance, &name);
                assert_close(f64::from(value.im), im, tolerance, &name);
                assert_close(f64::from(map.data[(0, frame, bin)]), re.hypot(im), tolerance, &name);
            }
        }
    }
    assert!(inside > 500, "{inside} values to the last digits");
}

/// `√L·Σ w̄(t)·x(n·hop + t)` in `f64`, by the definition: nothing thinned, nothing left out.
fn oracle(config: &CqtConfig, samples: &[f32], frame: usize, bin: usize) -> Complex<f64> {
    let length = config.length(bin);
    let first = (-length / 2.0).floor() as i64;
    let last = (length / 2.0).floor() as i64;
    let window = config.window.coefficients((last - first) as usize);
    let norm: f64 = match config.norm {
        WaveletNorm::L1 => window.iter().map(|w| w.abs()).sum(),
        WaveletNorm::L2 => window.iter().map(|w| w * w).sum::<f64>().sqrt(),
        WaveletNorm::Max => window.iter().fold(0.0, |m: f64, w| m.max(*w)),
        WaveletNorm::None => 1.0,
    };
    let step = TAU * config.hz(bin) / f64::from(config.sample_rate.hz());
    let centre = (frame * config.hop as usize) as i64;
    let mut sum = Complex::default();
    for (t, w) in (first..last).zip(&window) {
        // The transform reads the wavelet backwards: w(−t)·exp(−iωt), which is its conjugate but for the
        // half sample by which a periodic window of odd length is not symmetric.
        let x =
            usize::try_from(centre - t).ok().and_then(|i| samples.get(i)).copied().unwrap_or(0.0);
        sum += Complex::from_polar(w * f64::from(x), step * t as f64);
    }
    let scale = if config.scale { length.sqrt() } else { length };
    sum * (scale / norm)
}

#[test]
fn inner_products_in_double_precision_agree() {
    let base = CqtConfig { sparsity: 0.0, ..CqtConfig::default() };
    let configs = [
        CqtConfig { hop: 777, ..base.clone() },
        CqtConfig { hop: 256, bins: 120, bins_per_octave: 24, ..base.clone() },
        CqtConfig { hop: 1, f_min: 1000.0, bins: 24, ..base.clone() },
        CqtConfig {
            hop: 160,
            sample_rate: SampleRate::HZ_16000,
            bins: 72,
            bins_per_octave: 17,
            ..base.clone()
        },
        CqtConfig { hop: 441, norm: WaveletNorm::L2, window: Window::Blackman, ..base.clone() },
        CqtConfig { hop: 441, norm: WaveletNorm::Max, filter_scale: 0.9, ..base.clone() },
        // Higher up: wide wavelets at low frequencies reach below 0 Hz, where they are cut off.
        CqtConfig { hop: 512, gamma: Gamma::Erb, f_min: 880.0, bins: 24, ..base.clone() },
        CqtConfig {
            hop: 512,
            gamma: Gamma::Hz(7.0),
            tuning: -0.4,
            scale: false,
            f_min: 440.0,
            bins: 48,
            ..base
        },
    ];
    for config in configs {
        let samples = if config.hop == 1 { 700 } else { 9000 };
        let audio = signal::noise(config.sample_rate, 0.5, samples, 5);
        let spectrum = Cqt::new(config.clone()).unwrap().spectrum(&audio).unwrap();
        let (_, frames, bins) = spectrum.data.dim();
        let largest = spectrum.data.iter().map(|z| f64::from(z.norm())).fold(0.0, f64::max);
        for frame in (0..frames).step_by(frames.div_ceil(6)) {
            for bin in (0..bins).step_by(5) {
                let expected = oracle(&config, audio.channel(0), frame, bin);
                let actual = spectrum.data[(0, frame, bin)];
                let actual = Complex::new(f64::from(actual.re), f64::from(actual.im));
                let distance = (actual - expected).norm();
                assert!(
                    distance < 1e-4 * largest,
                    "{config:?}, frame {frame}, bin {bin}: {actual} instead of {expected}"
                );
            }
        }
    }
}

/// What librosa defines for wavelets so wide that their spectrum reaches below 0 Hz, where it is cut off: the sum of
/// the products of two spectra from 0 Hz on, that of the frame and that of the wavelet in the middle of as many points.
fn cut_oracle(config: &CqtConfig, samples: &[f32], frame: usize, bin: usize) -> Complex<f64> {
    let length = config.length(bin);
    let n_fft = (config.length(0).ceil() as usize).next_power_of_two();
    let first = (-length / 2.0).floor() as i64;
    let last = (length / 2.0).floor() as i64;
    let window = config.window.coefficients((last - first) as usize);
    let norm: f64 = window.iter().sum();
    let step = TAU * config.hz(bin) / f64::from(config.sample_rate.hz());
    let turns: Vec<Complex<f64>> =
        (0..n_fft).map(|i| Complex::from_polar(1.0, -TAU * i as f64 / n_fft as f64)).collect();
    let left = (n_fft - window.len()) / 2;
    let start = (frame * config.hop as usize) as i64 - n_fft as i64 / 2;
    let sample = |i: usize| {
        let position = usize::try_from(start + i as i64).ok();
        f64::from(position.and_then(|i| samples.get(i)).copied().unwrap_or(0.0))
    };
    let mut sum = Complex::default();
    for k in 0..=n_fft / 2 {
        let (mut kernel, mut spectrum) = (Complex::<f64>::default(), Complex::<f64>::default());
        for (j, (t, w)) in (first..last).zip(&window).enumerate() {
            kernel += Complex::from_polar(*w, step * t as f64) * turns[(left + j) * k % n_fft];
        }
        for i in 0..n_fft {
            spectrum += turns[i * k % n_fft] * sample(i);
        }
        sum += kernel * spectrum;
    }
    sum * (length.sqrt() / norm / n_fft as f64)
}

#[test]
fn a_loud_sine_far_above_leaks_as_much_as_by_definition() {
    let config = CqtConfig {
        sample_rate: SampleRate::HZ_16000,
        hop: 100,
        f_min: 120.0,
        bins: 4,
        bins_per_octave: 5,
        sparsity: 0.0,
        pad: Pad::Zero,
        ..CqtConfig::default()
    };
    // Seventy decibels above what a click makes of the band.
    let mut samples: Vec<f32> = (0..6000).map(|n| 0.5 * (n as f32 * 2.6).sin()).collect();
    samples[3000] += 0.5;
    let audio = AudioBuffer::mono(config.sample_rate, samples);
    let spectrum = Cqt::new(config.clone()).unwrap().spectrum(&audio).unwrap();
    let largest = spectrum.data.iter().map(|z| f64::from(z.norm())).fold(0.0, f64::max);
    for (frame, bin) in [(12, 0), (20, 0), (20, 3), (29, 1), (31, 2), (45, 0)] {
        let expected = cut_oracle(&config, audio.channel(0), frame, bin);
        let actual = spectrum.data[(0, frame, bin)];
        let distance = (Complex::new(f64::from(actual.re), f64::from(actual.im)) - expected).norm();
        assert!(distance < 1e-5 * largest, "frame {frame}, bin {bin}: {actual}, {expected}");
    }
}

#[test]
fn a_sine_peaks_in_its_bin_at_any_hop() {
    for hop in [1, 100, 256, 333, 1764, 40_000] {
        let config = CqtConfig { hop, bins: 60, f_min: 110.0, ..CqtConfig::default() };
        let cqt = Cqt::new(config).unwrap();
        let hz = cqt.config().hz(24);
        let samples = if hop == 1 { 3000 } else { 22_050 };
        let audio = signal::sine(SampleRate::HZ_22050, hz, 1.0, samples);
        let map = cqt.process(&audio).unwrap();
        assert_eq!(map.frames(), 1 + samples / hop as usize);
        let frame = map.frames() / 2;
        let expected = 0.5 * cqt.config().length(24).sqrt();
        if hop < 10_000 && hop > 1 {
            // The spectrum that is left out carries a hundredth at most.
            let value = f64::from(map.data[(0, frame, 24)]);
            assert_close(value, expected, 1e-2 * expected, &format!("hop {hop}"));
        }
        let row = map.data.slice(s![0, frame, ..]);
        let best = (0..60usize).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        if hop < 10_000 {
            assert_eq!(best, 24, "hop {hop}");
        }
    }
}

#[test]
fn values_do_not_depend_on_the_hop() {
    let audio = signal::noise(SampleRate::HZ_22050, 0.5, 22_050, 3);
    let map = |hop| {
        let config = CqtConfig { hop, ..CqtConfig::deep_salience() };
        Cqt::new(config).unwrap().process(&audio).unwrap()
    };
    let (fine, coarse) = (map(147), map(147 * 6));
    let largest = fine.data.iter().copied().fold(0.0, f32::max);
    for frame in 0..coarse.frames() {
        for bin in 0..360 {
            let (a, b) = (coarse.data[(0, frame, bin)], fine.data[(0, frame * 6, bin)]);
            assert!((a - b).abs() <= 1e-6 * largest, "frame {frame}, bin {bin}: {a} or {b}");
        }
    }
}

#[test]
fn the_harmonics_are_transforms_at_multiples() {
    let audio = signal::noise(SampleRate::HZ_22050, 0.5, 11_000, 8);
    let second = signal::sine(SampleRate::HZ_22050, 440.0, 0.5, 11_000);
    let stereo =
        AudioBuffer::from_channels(SampleRate::HZ_22050, &[audio.channel(0), second.channel(0)])
            .unwrap();
    for config in [
        HcqtConfig::default(),
        HcqtConfig {
            cqt: CqtConfig {
                bins: 50,
                hop: 300,
                wavelet_rate: WaveletRate::Librosa,
                ..CqtConfig::default()
            },
            harmonics: vec![1.0, 2.5, 4.0],
        },
    ] {
        let hcqt = Hcqt::new(config.clone()).unwrap();
        let map = hcqt.process(&stereo).unwrap();
        let harmonics = config.harmonics.len();
        assert_eq!(map.channels(), 2 * harmonics);
        for (harmonic, multiple) in config.harmonics.iter().enumerate() {
            let cqt = CqtConfig { f_min: config.cqt.f_min * multiple, ..config.cqt.clone() };
            let expected = Cqt::new(cqt).unwrap().process(&stereo).unwrap();
            let largest = expected.data.iter().copied().fold(0.0, f32::max);
            for channel in 0..2 {
                let actual = map.data.slice(s![channel * harmonics + harmonic, .., ..]);
                let expected = expected.data.slice(s![channel, .., ..]);
                for (a, b) in actual.iter().zip(&expected) {
                    // The filters of shared stages may differ.
                    assert!((a - b).abs() <= 2e-5 * largest, "multiple {multiple}: {a} or {b}");
                }
            }
        }
    }
}

fn offline(cqt: &Cqt, samples: &[f32]) -> Array2<f32> {
    let mut map = Array2::zeros((cqt.frames(samples.len()), cqt.bins()));
    cqt.process_into(samples, &mut map);
    map
}

fn small_configs() -> Vec<CqtConfig> {
    let base = CqtConfig { f_min: 110.0, bins: 48, ..CqtConfig::default() };
    vec![
        CqtConfig { hop: 128, ..base.clone() },
        CqtConfig { hop: 333, pad: Pad::Reflect, ..base.clone() },
        CqtConfig { hop: 4000, gamma: Gamma::Erb, ..base.clone() },
        CqtConfig { hop: 50, bins: 10, bins_per_octave: 40, ..base },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_stream_equals_the_whole(
        config in prop::sample::select(small_configs()),
        length in prop_oneof![0usize..3000, 3000usize..30_000],
        cuts in prop::collection::vec(0usize..7000, 0..20),
    ) {
        let audio = signal::noise(SampleRate::HZ_22050, 0.5, length, 2);
        let whole = offline(&Cqt::new(config.clone()).unwrap(), audio.channel(0));
        let stream = StreamingCqt::new(Cqt::new(config).unwrap());
        let rows = rows_of(stream, whole.ncols(), audio.channel(0), cuts);
        prop_assert_eq!(rows.len(), whole.nrows());
        for (got, expected) in rows.iter().zip(whole.rows()) {
            prop_assert_eq!(got, &bits(expected));
        }
    }

    #[test]
    fn a_crop_equals_the_same_rows_of_the_whole(
        config in prop::sample::select(small_configs()), length in 1usize..30_000,
        start in 0.0f64..1.0, end in 0.0f64..1.0,
    ) {
        let audio = signal::noise(SampleRate::HZ_22050, 0.5, length, 4);
        let cqt = Cqt::new(config).unwrap();
        let whole = offline(&cqt, audio.channel(0));
        let at = |fraction: f64| ((fraction * (whole.nrows() + 1) as f64) as usize).min(whole.nrows());
        let range = at(start.min(end))..at(start.max(end));
        let mut crop = Array2::zeros((range.len(), cqt.bins()));
        cqt.process_frames(audio.channel(0), range.clone(), &mut crop);
        prop_assert!(crop == whole.slice(s![range, ..]));
    }
}

#[test]
fn a_harmonic_stream_equals_the_whole() {
    let audio = signal::noise(SampleRate::HZ_22050, 0.5, 20_000, 6);
    for pad in [Pad::Zero, Pad::Reflect] {
        let cqt = CqtConfig { hop: 333, f_min: 220.0, bins: 30, pad, ..CqtConfig::default() };
        let config = HcqtConfig { cqt, harmonics: vec![0.5, 1.0, 3.0] };
        let hcqt = Hcqt::new(config).unwrap();
        let mut whole = Array3::zeros((3, hcqt.frames(audio.len()), 30));
        hcqt.process_into(audio.channel(0), &mut whole);
        let mut stream = StreamingHcqt::new(hcqt);
        let mut frame = Array2::zeros((3, 30));
        let mut count = 0;
        let mut pop = |stream: &mut StreamingHcqt| {
            while stream.pop_into(&mut frame) {
                assert!(frame == whole.slice(s![.., count, ..]), "frame {count}, {pad:?}");
                count += 1;
            }
        };
        for part in audio.channel(0).chunks(777) {
            stream.push(part);
            pop(&mut stream);
        }
        stream.finish();
        pop(&mut stream);
        assert_eq!(count, whole.dim().1);
    }
}

#[test]
fn threads_do_not_change_the_result() {
    let audio = signal::noise(SampleRate::HZ_22050, 0.5, 250_000, 6);
    let config = CqtConfig { hop: 64, f_min: 220.0, bins: 36, ..CqtConfig::default() };
    let cqt = Cqt::new(config.clone()).unwrap();
    let map = cqt.process(&audio).unwrap();
    assert!(map.data.slice(s![0, .., ..]) == offline(&cqt, audio.channel(0)));
    let hcqt = Hcqt::new(HcqtConfig { cqt: config, harmonics: vec![0.5, 1.0, 3.0] }).unwrap();
    let mut whole = Array3::zeros((3, hcqt.frames(audio.len()), 36));
    hcqt.process_into(audio.channel(0), &mut whole);
    assert!(hcqt.process(&audio).unwrap().data == whole);
    let mut crop = Array3::zeros((3, 10, 36));
    hcqt.process_frames(audio.channel(0), 1000, &mut crop);
    assert!(crop == whole.slice(s![.., 1000..1010, ..]));
}

#[test]
fn odd_recordings_have_defined_results() {
    let cqt = Cqt::new(CqtConfig::default()).unwrap();
    let rate = SampleRate::HZ_22050;
    assert_eq!(cqt.process(&AudioBuffer::mono(rate, vec![])).unwrap().data.dim(), (1, 0, 84));
    let one = cqt.process(&AudioBuffer::mono(rate, vec![1.0])).unwrap();
    assert_eq!(one.data.dim(), (1, 1, 84));
    assert!(one.data.iter().all(|x| x.is_finite()));
    let silent = cqt.process(&AudioBuffer::silence(rate, 1, 5000).unwrap()).unwrap();
    assert!(silent.data.iter().all(|&x| x == 0.0));
    let nan = AudioBuffer::mono(rate, vec![0.0, f32::NAN]);
    assert!(matches!(cqt.process(&nan), Err(Error::Core(_))));
    let other = AudioBuffer::silence(SampleRate::HZ_16000, 1, 5000).unwrap();
    assert!(matches!(cqt.process(&other), Err(Error::SampleRate { .. })));
    let mirrored = Cqt::new(CqtConfig { pad: Pad::Reflect, ..CqtConfig::default() }).unwrap();
    let map = mirrored.process(&AudioBuffer::mono(rate, vec![0.5])).unwrap();
    assert!(map.data.iter().all(|x| x.is_finite()));
}

#[test]
fn configurations_are_checked() {
    let base = CqtConfig::default();
    for (config, field) in [
        (CqtConfig { bins: 0, ..base.clone() }, "bins"),
        (CqtConfig { bins_per_octave: 0, ..base.clone() }, "bins_per_octave"),
        (CqtConfig { f_min: f64::NAN, ..base.clone() }, "f_min"),
        (CqtConfig { f_min: 1e-3, ..base.clone() }, "f_min"),
        (CqtConfig { filter_scale: 0.0, ..base.clone() }, "filter_scale"),
        (CqtConfig { sparsity: 1.0, ..base.clone() }, "sparsity"),
        (CqtConfig { gamma: Gamma::Hz(-1.0), ..base.clone() }, "gamma"),
        (CqtConfig { tuning: f64::INFINITY, ..base.clone() }, "tuning"),
    ] {
        match Cqt::new(config) {
            Err(Error::OutOfRange { field: actual, .. }) => assert_eq!(actual, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let high = CqtConfig { bins: 110, ..base.clone() };
    assert!(matches!(Cqt::new(high), Err(Error::InvalidBand { .. })));
    assert!(matches!(Cqt::new(CqtConfig { hop: 0, ..base.clone() }), Err(Error::Core(_))));
    for harmonics in [vec![], vec![0.0], vec![f64::NAN]] {
        let config = HcqtConfig { cqt: base.clone(), harmonics };
        assert!(matches!(Hcqt::new(config), Err(Error::OutOfRange { field: "harmonics", .. })));
    }
    let config = HcqtConfig { cqt: base, harmonics: vec![1.0, 9.0] };
    assert!(matches!(Hcqt::new(config), Err(Error::InvalidBand { .. })));
}

#[test]
fn a_front_end_is_built_from_its_configuration() {
    let front_end = FrontEndConfig::Cqt(CqtConfig::default()).build().unwrap();
    let audio = signal::noise(SampleRate::HZ_22050, 0.5, 5000, 9);
    let map = front_end.process(&audio).unwrap();
    assert_eq!(map.frames(), front_end.frames(5000));
    assert_close(map.axis.hz(12).unwrap(), 65.406, 1e-3, "the second octave");
    let mut rows = Array2::zeros((2, 84));
    front_end.process_frames(audio.channel(0), 3..5, &mut rows).unwrap();
    assert!(rows == map.data.slice(s![0, 3..5, ..]));
    let json = serde_json::to_string(&front_end.config()).unwrap();
    assert_eq!(serde_json::from_str::<FrontEndConfig>(&json).unwrap(), front_end.config());
}

#[test]
fn pseudo_and_hybrid_transforms_agree_with_librosa() {
    for case in fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/pseudo_cqt.json") {
        let case: Case<(usize, usize, f64)> = case;
        let (audio, config) = (case.audio(), case.config.clone());
        let pseudo = case.kind == "pseudo";
        let map = if pseudo {
            PseudoCqt::new(config).unwrap().process(&audio).unwrap()
        } else {
            HybridCqt::new(config).unwrap().process(&audio).unwrap()
        };
        assert_eq!(map.frames(), case.frames, "{}", case.name);
        for &(frame, bin, value) in &case.values {
            let share = match (pseudo, case.sees_no_end(frame, bin)) {
                (true, _) => 1e-5,
                (false, true) => 1e-4,
                // The hybrid's low bins are thinned, which the ends of the recording show.
                (false, false) => 1e-2,
            };
            let name = format!("{}: frame {frame}, bin {bin}", case.name);
            assert_close(f64::from(map.data[(0, frame, bin)]), value, share * case.largest, &name);
        }
    }
}

#[test]
fn the_inverse_agrees_with_librosa() {
    for case in fixtures(env!("CARGO_MANIFEST_DIR"), "tests/fixtures/icqt.json") {
        let case: Case<(usize, f64)> = case;
        let audio = case.audio();
        let spectrum = Cqt::new(case.config.clone()).unwrap().spectrum(&audio).unwrap();
        let again = InverseCqt::new(case.config).unwrap().process(&spectrum, case.samples).unwrap();
        assert_eq!(again.len(), case.samples);
        for (n, value) in case.values {
            let actual = f64::from(again.channel(0)[n]);
            assert_close(actual, value, 1e-3 * case.largest, &format!("{}: sample {n}", case.name));
        }
    }
}

#[test]
fn the_inverse_checks_what_it_gets() {
    let rate = SampleRate::HZ_22050;
    let inverse = InverseCqt::new(CqtConfig::default()).unwrap();
    let other = Cqt::new(CqtConfig { bins: 60, ..CqtConfig::default() }).unwrap();
    let spectrum = other.spectrum(&AudioBuffer::silence(rate, 1, 3000).unwrap()).unwrap();
    assert!(matches!(
        inverse.process(&spectrum, 3000),
        Err(Error::OutOfRange { field: "bins", .. })
    ));
    assert!(matches!(
        InverseCqt::new(CqtConfig::vqt()),
        Err(Error::OutOfRange { field: "gamma", .. })
    ));
    let empty = Cqt::new(CqtConfig::default()).unwrap();
    let empty = empty.spectrum(&AudioBuffer::mono(rate, vec![])).unwrap();
    assert_eq!(inverse.process(&empty, 100).unwrap().channel(0), [0.0; 100]);
}
