//! The transforms and spectral metrics that librosa's tests compare with: a stereo recording, mixed down.

use std::{collections::BTreeMap, fs, path::Path};

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    FrameLayout, Istft, IstftConfig, SpectralCentroid, SpectralCentroidConfig, SpectralRolloff,
    SpectralRolloffConfig, Spectrum, Stft, StftConfig, Window,
};
use mir_testkit::{assert_all_close, assert_close, mat, test_data};
use ndarray::Axis;

/// The recording and a file of reference values.
fn reference(name: &str) -> Option<(AudioBuffer, BTreeMap<String, mat::Matrix>)> {
    let folder = test_data("librosa-test-data")?;
    let audio = mixed_wav(&folder.join("test1_22050.wav"));
    Some((audio, mat::read(&folder.join(format!("{name}.mat")))))
}

/// A WAV file of 16 bits and two channels, as the mean of both.
fn mixed_wav(path: &Path) -> AudioBuffer {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 12;
    while &bytes[at..at + 4] != b"data" {
        at += 8 + word(at + 4).next_multiple_of(2);
    }
    let data = &bytes[at + 8..at + 8 + word(at + 4)];
    let sample = |b: &[u8]| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
    let mixed = data.chunks_exact(4).map(|f| (sample(f) + sample(&f[2..])) / 2.0).collect();
    AudioBuffer::mono(SampleRate::HZ_22050, mixed)
}

fn stft_config(file: &BTreeMap<String, mat::Matrix>) -> StftConfig {
    let value = |name: &str| file[name].scalar() as usize;
    let win_length = (value("hann_w") > 0).then(|| value("hann_w"));
    StftConfig {
        n_fft: value("nfft"),
        hop: value("hop_length") as u32,
        win_length,
        window: if win_length.is_some() { Window::Hann } else { Window::Rectangular },
        layout: FrameLayout::Inside,
        ..StftConfig::librosa(SampleRate::HZ_22050)
    }
}

#[test]
fn the_transform_is_the_reference() {
    for name in ["core-stft-005", "core-stft-006"] {
        let Some((audio, file)) = reference(name) else { return };
        let spectrum = Stft::new(stft_config(&file)).unwrap().spectrum(&audio).unwrap();
        let (re, im) = (&file["D"].re, file["D"].im.as_ref().unwrap());
        let (bins, frames) = re.dim();
        assert_eq!(spectrum.data.dim(), (1, frames, bins), "{name}");
        let largest = re.iter().chain(im).fold(0.0_f64, |most, x| most.max(x.abs()));
        for ((_, frame, bin), got) in spectrum.data.indexed_iter() {
            let place = format!("{name}: frame {frame}, bin {bin}");
            // The reference has the other sign in the exponent.
            assert_close(f64::from(got.re), re[(bin, frame)], 1e-6 * largest, &place);
            assert_close(f64::from(got.im), -im[(bin, frame)], 1e-6 * largest, &place);
        }
    }
}

#[test]
fn the_inverse_of_the_reference_is_the_recording() {
    let Some((_, file)) = reference("core-istft-005") else { return };
    let config = IstftConfig { stft: stft_config(&file), ..IstftConfig::default() };
    let stft = Stft::new(config.stft.clone()).unwrap();
    let (re, im) = (&file["D"].re, file["D"].im.as_ref().unwrap());
    let data = ndarray::Zip::from(re)
        .and(im)
        .map_collect(|&re, &im| mir_features::Complex::new(re as f32, -im as f32));
    let data = data.reversed_axes().insert_axis(Axis(0)).as_standard_layout().into_owned();
    let spectrum = Spectrum { grid: stft.grid(), axis: stft.axis(), data };
    let samples = Istft::new(config).unwrap().process(&spectrum, None).unwrap();
    let expected: Vec<f32> = file["Dinv"].re.iter().map(|&x| x as f32).collect();
    // The last hop is a gap behind the last frame, which the reference fills with zeros.
    assert!(expected.len() >= samples.len() && expected.len() - samples.len() <= 128);
    assert_all_close(samples.channel(0), &expected[..samples.len()], 1e-6, "core-istft-005");
}

/// Frames of the toolbox that the metrics come from.
fn metric_frames(file: &BTreeMap<String, mat::Matrix>) -> StftConfig {
    StftConfig {
        n_fft: file["nfft"].scalar() as usize,
        hop: file["hop_length"].scalar() as u32,
        window: Window::Hamming,
        symmetric_window: true,
        layout: FrameLayout::Inside,
        ..StftConfig::librosa(SampleRate::HZ_22050)
    }
}

#[test]
fn centroid_and_rolloff_are_the_reference() {
    let Some((audio, file)) = reference("met-centroid-001") else { return };
    let config = SpectralCentroidConfig { stft: metric_frames(&file) };
    let centroid = SpectralCentroid::new(config).unwrap().process(&audio).unwrap();
    assert_eq!(centroid.data.len(), file["centroid"].re.len());
    for (frame, (&got, &expected)) in centroid.data.iter().zip(&file["centroid"].re).enumerate() {
        assert_close(f64::from(got), expected, 1e-5 * expected, &format!("frame {frame}"));
    }
    for name in ["met-rolloff-001", "met-rolloff-002"] {
        let Some((audio, file)) = reference(name) else { return };
        let config =
            SpectralRolloffConfig { stft: metric_frames(&file), share: file["pct"].scalar() };
        let rolloff = SpectralRolloff::new(config).unwrap().process(&audio).unwrap();
        assert_eq!(rolloff.data.len(), file["rolloff"].re.len());
        for (frame, (&got, &expected)) in rolloff.data.iter().zip(&file["rolloff"].re).enumerate() {
            assert_close(f64::from(got), expected, 1e-6 * expected, &format!("{name} {frame}"));
        }
    }
}
