//! Every feature of single frames: a stream, however it is cut, gives the bits of the whole.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    ChromaStft, Complex, CqtConfig, Delta, DeltaConfig, DeltaEdge, Error, FrameFeature,
    FrameLayout, HybridCqt, KaldiFbank, KaldiFbankConfig, LogFiltered, LogFilteredConfig,
    LogMelConfig, Mfcc, MfccConfig, OnsetAggregate, OnsetStrength, OnsetStrengthConfig, Pad, Pcen,
    PcenConfig, PseudoCqt, Rms, RmsConfig, SpectralBandwidth, SpectralCentroid, SpectralContrast,
    SpectralContrastConfig, SpectralFlatness, SpectralFlux, SpectralFluxConfig, SpectralRolloff,
    Spectrogram, Stft, StftConfig, Streaming, Yin, YinConfig, ZeroCrossingRate,
};
use mir_testkit::signal;
use ndarray::Array2;

use crate::stream::{bits, rows_of};

const LENGTHS: [usize; 5] = [0, 1, 1500, 5000, 20_011];

/// Uneven lengths, from some samples to several frames.
fn cuts() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(5), |size| Some(size * 5 % 7919)).take(12)
}

fn chunks(samples: &[f32]) -> impl Iterator<Item = &[f32]> {
    let mut rest = samples;
    cuts().chain(std::iter::repeat(3000)).map_while(move |size| {
        let (now, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn noise(rate: SampleRate, length: usize) -> AudioBuffer {
    signal::noise(rate, 0.5, length, 12)
}

fn check<F: FrameFeature>(make: impl Fn() -> mir_features::Result<F>) {
    let feature = make().unwrap();
    for length in LENGTHS {
        let audio = noise(feature.framing().sample_rate(), length);
        let map = feature.process(&audio).unwrap();
        let stream = Streaming::new(make().unwrap()).unwrap();
        let rows = rows_of(stream, feature.bins(), audio.channel(0), cuts());
        assert_eq!(rows.len(), map.frames(), "{feature:?}, {length} samples");
        for (frame, (got, expected)) in rows.iter().zip(map.data.rows()).enumerate() {
            assert!(got == &bits(expected), "{feature:?}, {length} samples, frame {frame}");
        }
        let middle = map.frames() / 2;
        let mut crop = Array2::zeros((map.frames() - middle, feature.bins()));
        feature.process_frames(audio.channel(0), middle..map.frames(), &mut crop).unwrap();
        assert!(crop == map.data.slice(ndarray::s![0, middle.., ..]), "{feature:?}: crop");
    }
}

#[test]
fn every_feature_of_frames_streams() {
    check(|| SpectralCentroid::new(Default::default()));
    check(|| SpectralBandwidth::new(Default::default()));
    check(|| SpectralRolloff::new(Default::default()));
    check(|| SpectralFlatness::new(Default::default()));
    check(|| SpectralContrast::new(SpectralContrastConfig { top_db: None, ..Default::default() }));
    check(|| ZeroCrossingRate::new(Default::default()));
    check(|| ChromaStft::new(Default::default()));
    check(|| Spectrogram::new(Default::default()));
    for pad in [Pad::Zero, Pad::Reflect] {
        let config = CqtConfig { hop: 333, f_min: 220.0, bins: 40, pad, ..CqtConfig::default() };
        check(|| PseudoCqt::new(config.clone()));
    }
    check(|| LogFiltered::new(Default::default()));
    check(|| LogFiltered::new(LogFilteredConfig { hop: 441, n_fft: 1024, ..Default::default() }));
    check(|| KaldiFbank::new(KaldiFbankConfig { snip_edges: false, ..Default::default() }));
    check(|| KaldiFbank::new(KaldiFbankConfig { use_energy: true, ..Default::default() }));
    check(|| {
        let rate = SampleRate::HZ_22050;
        let log_mel = LogMelConfig { top_db: None, ..LogMelConfig::librosa(rate) };
        Mfcc::new(MfccConfig { log_mel, ..Default::default() })
    });
    for layout in [
        FrameLayout::Centred,
        FrameLayout::Started,
        FrameLayout::Inside,
        FrameLayout::Covering,
        FrameLayout::Hops,
    ] {
        for pad in [Pad::Reflect, Pad::Zero, Pad::Symmetric, Pad::Edge, Pad::Constant(0.25)] {
            for (frame_length, hop) in [(601, 100), (64, 200), (1000, 333)] {
                let config = RmsConfig { frame_length, hop, layout, pad, ..Default::default() };
                check(|| Rms::new(config.clone()));
            }
        }
    }
}

#[test]
fn hybrid_transforms_stream() {
    // Both parts, the constant-Q transform alone, the pseudo-transform alone.
    for (hop, f_min, bins) in [(512, 110.0, 60), (20, 110.0, 40), (900, 2000.0, 20)] {
        let config = CqtConfig { hop, f_min, bins, pad: Pad::Reflect, ..CqtConfig::default() };
        for length in LENGTHS {
            let audio = noise(SampleRate::HZ_22050, length);
            let whole = HybridCqt::new(config.clone()).unwrap().process(&audio).unwrap();
            let stream = HybridCqt::new(config.clone()).unwrap().stream().unwrap();
            let rows = rows_of(stream, bins, audio.channel(0), cuts());
            assert_eq!(rows.len(), whole.frames(), "hop {hop}, {length} samples");
            for (frame, (got, expected)) in rows.iter().zip(whole.data.rows()).enumerate() {
                assert!(got == &bits(expected), "hop {hop}, {length} samples, frame {frame}");
            }
        }
    }
}

#[test]
fn pitch_streams() {
    for centred in [true, false] {
        let config = YinConfig { hop: 333, centred, pad: Pad::Reflect, ..YinConfig::default() };
        for length in LENGTHS {
            let audio = noise(SampleRate::HZ_22050, length);
            let whole = Yin::new(config.clone()).unwrap().process(&audio).unwrap().remove(0);
            let mut stream = Yin::new(config.clone()).unwrap().stream();
            let mut found = vec![];
            for chunk in chunks(audio.channel(0)) {
                stream.push(chunk);
                found.extend(std::iter::from_fn(|| stream.pop()));
            }
            stream.finish();
            found.extend(std::iter::from_fn(|| stream.pop()));
            assert_eq!(found.len(), whole.len(), "centred {centred}, {length} samples");
            let bits = |x: &[f64]| x.iter().map(|hz| hz.to_bits()).collect::<Vec<_>>();
            assert!(bits(&found) == bits(&whole), "centred {centred}, {length} samples");
        }
    }
}

#[test]
fn complex_spectra_stream() {
    for layout in [FrameLayout::Centred, FrameLayout::Inside, FrameLayout::Covering] {
        let config = StftConfig { n_fft: 512, hop: 100, layout, ..StftConfig::default() };
        let audio = noise(SampleRate::HZ_16000, 5000);
        let whole = Stft::new(config.clone()).unwrap().spectrum(&audio).unwrap();
        let mut stream = Stft::new(config).unwrap().stream();
        let mut row = vec![Complex::default(); 257];
        let mut frames = 0;
        let mut take = |stream: &mut mir_features::StreamingStft| {
            while stream.pop_into(&mut row) {
                assert!(
                    whole.data.slice(ndarray::s![0, frames, ..]).as_slice() == Some(&row[..]),
                    "frame {frames}"
                );
                frames += 1;
            }
        };
        for chunk in chunks(audio.channel(0)) {
            stream.push(chunk);
            take(&mut stream);
        }
        stream.finish();
        take(&mut stream);
        assert_eq!(frames, whole.data.dim().1);
    }
}

#[test]
fn flux_streams() {
    for lag in [1, 3] {
        let make = || SpectralFlux::new(SpectralFluxConfig { lag, ..Default::default() }).unwrap();
        let audio = noise(SampleRate::HZ_22050, 9000);
        let map = make().process(&audio).unwrap();
        let mut rows = Array2::zeros((map.frames(), 1));
        make().process_into(audio.channel(0), &mut rows);
        let mut stream = make().stream();
        let mut values = vec![];
        for chunk in chunks(audio.channel(0)) {
            stream.push(chunk);
            values.extend(std::iter::from_fn(|| stream.pop()));
        }
        stream.finish();
        values.extend(std::iter::from_fn(|| stream.pop()));
        assert_eq!(values.len(), map.frames());
        assert!(values.iter().zip(&map.data).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert!(values.iter().zip(&rows).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert!(values[..lag].iter().all(|&y| y == 0.0) && values[lag] > 0.0);
    }
}

#[test]
fn deltas_stream() {
    let map = Array2::from_shape_vec((40, 3), noise(SampleRate::HZ_16000, 120).channel(0).to_vec());
    let map = map.unwrap();
    for edge in [DeltaEdge::Interp, DeltaEdge::Nearest, DeltaEdge::Mirror, DeltaEdge::Zero] {
        for frames in [0, 1, 5, 8, 9, 40] {
            let input = map.slice(ndarray::s![..frames, ..]).to_owned();
            let delta = Delta::new(DeltaConfig { edge, ..Default::default() }).unwrap();
            let mut whole = Array2::zeros((frames, 3));
            let enough = delta.process_into(&input, &mut whole).is_ok();
            assert_eq!(enough, edge != DeltaEdge::Interp || frames >= 9);
            let mut stream = delta.stream(3);
            let mut out = [0.0; 3];
            let mut got = vec![];
            for row in input.rows() {
                stream.push(row.as_slice().unwrap());
                while stream.pop_into(&mut out) {
                    got.extend(out.map(f32::to_bits));
                }
            }
            stream.finish();
            while stream.pop_into(&mut out) {
                got.extend(out.map(f32::to_bits));
            }
            let expected: Vec<u32> = whole.iter().map(|y| y.to_bits()).collect();
            assert_eq!(got, if enough { expected } else { vec![] }, "{edge:?}, {frames} frames");
        }
    }
}

#[test]
fn onset_strength_streams() {
    let log_mel = LogMelConfig { top_db: None, ..LogMelConfig::librosa(SampleRate::HZ_22050) };
    for (lag, max_size, detrend, centred, bands) in [
        (1, 1, false, true, vec![]),
        (3, 5, true, true, vec![0..20, 10..128]),
        (2, 2, true, false, vec![]),
    ] {
        let config = OnsetStrengthConfig {
            log_mel: log_mel.clone(),
            lag,
            max_size,
            detrend,
            centred,
            bands,
            aggregate: OnsetAggregate::Median,
        };
        for length in LENGTHS {
            let audio = noise(SampleRate::HZ_22050, length);
            let strength = OnsetStrength::new(config.clone()).unwrap();
            let whole = strength.process(&audio).unwrap();
            let mut out = vec![0.0; strength.bins()];
            let mut stream = strength.stream().unwrap();
            let mut got = vec![];
            for chunk in chunks(audio.channel(0)) {
                stream.push(chunk);
                while stream.pop_into(&mut out) {
                    got.extend(out.iter().map(|y| y.to_bits()));
                }
            }
            stream.finish();
            while stream.pop_into(&mut out) {
                got.extend(out.iter().map(|y| y.to_bits()));
            }
            let expected: Vec<u32> = whole.data.iter().map(|y| y.to_bits()).collect();
            assert_eq!(got, expected, "{config:?}, {length} samples");
        }
    }
    let whole_file = OnsetStrength::new(OnsetStrengthConfig::default()).unwrap();
    assert!(matches!(whole_file.stream(), Err(Error::NeedsWholeSignal { field: "top_db" })));
}

#[test]
fn energies_are_normalised_frame_by_frame_as_on_the_whole() {
    let spectrogram = Spectrogram::new(Default::default()).unwrap();
    let map = spectrogram.process(&noise(SampleRate::HZ_16000, 9000)).unwrap();
    let pcen = Pcen::new(PcenConfig { max_size: 3, ..Default::default() }, &map.grid).unwrap();
    let whole = pcen.process(&map).unwrap();
    let mut state = pcen.state(map.bins());
    for (input, expected) in map.data.rows().into_iter().zip(whole.data.rows()) {
        let mut frame = input.to_vec();
        pcen.frame_in_place(&mut state, &mut frame);
        assert!(expected.as_slice() == Some(&frame[..]));
    }
    let mut negative = map;
    negative.data[(0, 0, 0)] = -1.0;
    assert!(pcen.process(&negative).is_err());
}
