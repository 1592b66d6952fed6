//! Broken configurations and odd audio.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    Error, FilterNorm, FrontEndConfig, LogMel, LogMelConfig, MelConfig, MelFilterbank, MelScale,
    SpectrumPower, Stft, StftConfig,
};
use mir_testkit::signal;

fn field(config: LogMelConfig) -> &'static str {
    match LogMel::new(config).unwrap_err() {
        Error::OutOfRange { field, .. }
        | Error::Core(mir_core::Error::OutOfRange { field, .. }) => field,
        Error::InvalidBand { .. } => "band",
        other => panic!("{other}"),
    }
}

#[test]
fn a_configuration_is_refused_by_the_name_of_its_field() {
    let base = LogMelConfig::jongwook;
    for n_fft in [0, 1, 2047, usize::MAX - 1] {
        assert_eq!(field(LogMelConfig { n_fft, ..base() }), "n_fft");
    }
    assert_eq!(field(LogMelConfig { hop: 0, ..base() }), "hop");
    for n_mels in [0, usize::MAX] {
        assert_eq!(field(LogMelConfig { n_mels, ..base() }), "n_mels");
    }
    for f_max in [8000.1, 30.0, f64::NAN, f64::INFINITY] {
        assert_eq!(field(LogMelConfig { f_max, ..base() }), "band");
    }
    assert_eq!(field(LogMelConfig { f_min: -1.0, ..base() }), "band");
    for floor in [0.0, -1.0, 1e-40, f64::NAN, f64::INFINITY] {
        assert_eq!(field(LogMelConfig { floor, ..base() }), "floor");
    }
    for top_db in [0.0, f64::NAN, f64::INFINITY] {
        let config = LogMelConfig { top_db: Some(top_db), ..LogMelConfig::magenta() };
        assert_eq!(field(config), "top_db");
    }
    assert_eq!(field(LogMelConfig { top_db: Some(80.0), ..base() }), "top_db");
}

#[test]
fn a_window_fits_into_its_frame() {
    for win_length in [0, 2049] {
        let config = StftConfig { win_length: Some(win_length), ..StftConfig::default() };
        let error = Stft::new(config).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { field: "win_length", .. }), "{error}");
    }
}

#[test]
fn unknown_fields_are_refused() {
    assert!(serde_json::from_str::<LogMelConfig>(r#"{"hop":160}"#).is_ok());
    assert!(serde_json::from_str::<LogMelConfig>(r#"{"hops":160}"#).is_err());
    let good = r#"{"kind":"log_mel","hop":160}"#;
    assert!(serde_json::from_str::<FrontEndConfig>(good).is_ok());
    let bad = r#"{"kind":"log_mel","hops":160}"#;
    assert!(serde_json::from_str::<FrontEndConfig>(bad).is_err());
    assert!(serde_json::from_str::<FrontEndConfig>(r#"{"kind":"wavelet"}"#).is_err());
}

#[test]
fn audio_of_another_rate_is_refused_with_both_rates() {
    let audio = AudioBuffer::silence(SampleRate::HZ_44100, 1, 5000).unwrap();
    let error = LogMel::new(LogMelConfig::default()).unwrap().process(&audio).unwrap_err();
    assert!(matches!(error, Error::SampleRate { .. }));
    let text = error.to_string();
    assert!(text.contains("44100 Hz") && text.contains("16000 Hz"), "{text}");
}

#[test]
fn a_sample_that_is_not_a_number_is_found() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut audio = AudioBuffer::silence(SampleRate::HZ_16000, 2, 5000).unwrap();
        audio.channel_mut(1)[4321] = value;
        let log_mel = LogMel::new(LogMelConfig::default()).unwrap().process(&audio).unwrap_err();
        let stft = Stft::new(StftConfig::default()).unwrap();
        let stft = stft.process(&audio, SpectrumPower::Power).unwrap_err();
        for error in [log_mel, stft] {
            assert!(matches!(
                error,
                Error::Core(mir_core::Error::NonFiniteSample { channel: 1, sample: 4321, .. })
            ));
        }
    }
}

#[test]
fn recordings_of_any_length_have_finite_features() {
    for config in [
        LogMelConfig::hw3(),
        LogMelConfig::jongwook(),
        LogMelConfig::magenta(),
        LogMelConfig::hpt(),
    ] {
        let log_mel = LogMel::new(config).unwrap();
        for samples in [0, 1, 2, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049] {
            let audio = signal::noise(SampleRate::HZ_16000, 1.0, samples, 1);
            let map = log_mel.process(&audio).unwrap();
            assert_eq!(map.frames(), log_mel.frames(samples));
            assert!(map.data.iter().all(|y| y.is_finite()), "{samples} samples");
        }
    }
}

#[test]
fn enormous_samples_do_not_make_infinities() {
    let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![f32::MAX; 4000]);
    let map = LogMel::new(LogMelConfig::hw3()).unwrap().process(&audio).unwrap();
    assert!(map.data.iter().all(|y| y.is_finite()));
}

#[test]
fn a_band_without_a_bin_gets_nothing() {
    let bank = MelFilterbank::new(MelConfig {
        sample_rate: SampleRate::HZ_16000,
        n_fft: 64,
        n_mels: 128,
        f_min: 0.0,
        f_max: 8000.0,
        mel_scale: MelScale::Htk,
        filter_norm: FilterNorm::None,
    })
    .unwrap();
    let mut bands = vec![f32::NAN; 128];
    bank.process_into(&[1.0; 33], &mut bands);
    assert!(bands.iter().any(|&y| y <= 0.0));
    assert!(bands.iter().all(|y| y.is_finite()));
}
