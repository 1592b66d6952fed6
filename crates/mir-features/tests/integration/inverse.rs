//! The inverse transform undoes the transform, whole and as a stream.

use mir_core::SampleRate;
use mir_features::{
    Complex, FrameLayout, Istft, IstftConfig, Pad, Stft, StftConfig, StftScale, Window,
};
use mir_testkit::{assert_all_close, signal};
use proptest::prelude::*;

fn transforms() -> impl Strategy<Value = StftConfig> {
    let window = prop::sample::select(vec![
        Window::Hann,
        Window::Hamming,
        Window::Blackman,
        Window::Sine,
        Window::Kaiser { beta: 6.0 },
    ]);
    let scale =
        prop::sample::select(vec![StftScale::None, StftScale::FrameLength, StftScale::Window]);
    let layout = prop::sample::select(vec![FrameLayout::Centred, FrameLayout::Covering]);
    let pad = prop::sample::select(vec![Pad::Reflect, Pad::Zero, Pad::Edge]);
    (window, scale, layout, pad, 8usize..200, 3usize..9, any::<bool>()).prop_map(
        |(window, scale, layout, pad, half, overlap, symmetric_window)| StftConfig {
            n_fft: 2 * half,
            hop: (2 * half / overlap).max(1) as u32,
            window,
            scale,
            layout,
            pad,
            symmetric_window,
            ..StftConfig::default()
        },
    )
}

proptest! {
    #[test]
    fn the_inverse_undoes_the_transform(stft in transforms(), length in 1usize..3000) {
        let audio = signal::noise(SampleRate::HZ_16000, 1.0, length, 3);
        let spectrum = Stft::new(stft.clone()).unwrap().spectrum(&audio).unwrap();
        let istft = Istft::new(IstftConfig { stft, ..Default::default() }).unwrap();
        let back = istft.process(&spectrum, Some(length)).unwrap();
        prop_assert_eq!(back.len(), length);
        assert_all_close(back.channel(0), audio.channel(0), 2e-5, "round trip");
    }

    #[test]
    fn a_stream_of_spectra_gives_the_same_samples(
        stft in transforms(), frames in 0usize..60, cut in prop::option::of(0usize..4000),
    ) {
        let bins = stft.n_fft / 2 + 1;
        let mut random = mir_testkit::signal::Random::new(4);
        let mut draw = || random.uniform() as f32 - 0.5;
        let spectrum = ndarray::Array2::from_shape_fn((frames, bins), |_| Complex::new(draw(), draw()));
        let config = IstftConfig { stft, ..Default::default() };
        let istft = Istft::new(config.clone()).unwrap();
        let mut whole = vec![0.0; cut.unwrap_or(istft.samples(frames)).max(istft.samples(frames))];
        istft.process_into(&spectrum, &mut whole);
        let mut stream = Istft::new(config).unwrap().stream();
        let mut samples = vec![];
        for row in spectrum.rows() {
            stream.push(row.as_slice().unwrap(), &mut samples);
        }
        stream.finish(Some(whole.len()), &mut samples);
        prop_assert_eq!(samples.len(), whole.len());
        for (a, b) in samples.iter().zip(&whole) {
            prop_assert_eq!(a.to_bits(), b.to_bits());
        }
    }
}

#[test]
fn the_transform_of_deep_conv_sep_is_the_published_one() {
    let audio = signal::sine(SampleRate::HZ_44100, 440.0, 0.5, 44_100);
    // Window, frames and bins, strongest bin of frame 40 and its value, mean, length of the inverse.
    for (window, n_fft, shape, bin, value, mean, length) in [
        (Window::BlackmanHarris, 1024, (1, 89, 513), 10, 2.816_686, 0.015_417_31, 45_568),
        (Window::Hann, 1024, (1, 89, 513), 10, 3.876_626, 0.016_077_90, 45_568),
        (Window::BlackmanHarris, 4096, (1, 89, 2049), 41, 5.700_363, 0.008_098_16, 47_104),
    ] {
        let config = StftConfig::deep_conv_sep(window, n_fft, 512);
        let stft = Stft::new(config.clone()).unwrap();
        let spectrum = stft.spectrum(&audio).unwrap();
        assert_eq!(spectrum.data.dim(), shape);
        let magnitude = spectrum.data.mapv(|c| f64::from(c.norm()));
        let row: Vec<f64> = magnitude.slice(ndarray::s![0, 40, ..]).to_vec();
        let strongest = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!(strongest, bin);
        mir_testkit::assert_close(row[bin], value, 3e-6, "strongest bin");
        mir_testkit::assert_close(magnitude.mean().unwrap(), mean, 1e-7, "mean");
        let istft = Istft::new(IstftConfig { stft: config, ..Default::default() }).unwrap();
        let back = istft.process(&spectrum, None).unwrap();
        assert_eq!(back.len(), length);
        assert_all_close(&back.channel(0)[..44_100], audio.channel(0), 2e-6, "round trip");
    }
}
