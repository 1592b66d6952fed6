//! However the samples come, the frames are the same, bit for bit.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{Error, FrontEndConfig, LogMel, LogMelConfig, Pad, StreamingLogMel};
use mir_testkit::signal;
use ndarray::{Array2, s};
use proptest::prelude::*;

use crate::stream::{bits, rows_of};

fn configs() -> Vec<LogMelConfig> {
    vec![
        LogMelConfig::hw3(),
        LogMelConfig::jongwook(),
        LogMelConfig { pad: Pad::Zero, ..LogMelConfig::jongwook() },
        LogMelConfig { n_fft: 256, hop: 700, n_mels: 20, ..LogMelConfig::hw3() },
    ]
}

fn offline(log_mel: &LogMel, samples: &[f32]) -> Array2<f32> {
    let mut map = Array2::zeros((log_mel.frames(samples.len()), log_mel.bins()));
    log_mel.process_into(samples, &mut map);
    map
}

proptest! {
    #[test]
    fn a_stream_equals_the_whole(
        config in prop::sample::select(configs()),
        length in prop_oneof![0usize..3000, 3000usize..20_000],
        cuts in prop::collection::vec(0usize..5000, 0..30),
    ) {
        let audio = signal::noise(SampleRate::HZ_16000, 0.5, length, 2);
        let whole = offline(&LogMel::new(config.clone()).unwrap(), audio.channel(0));
        let stream = StreamingLogMel::new(LogMel::new(config).unwrap()).unwrap();
        let rows = rows_of(stream, whole.ncols(), audio.channel(0), cuts);
        prop_assert_eq!(rows.len(), whole.nrows());
        for (got, expected) in rows.iter().zip(whole.rows()) {
            prop_assert_eq!(got, &bits(expected));
        }
    }

    #[test]
    fn a_crop_equals_the_same_rows_of_the_whole(
        config in prop::sample::select(configs()), length in 1usize..20_000,
        start in 0.0f64..1.0, end in 0.0f64..1.0,
    ) {
        let audio = signal::noise(SampleRate::HZ_16000, 0.5, length, 4);
        let log_mel = LogMel::new(config).unwrap();
        let whole = offline(&log_mel, audio.channel(0));
        let at = |fraction: f64| (fraction * (whole.nrows() + 1) as f64) as usize;
        let range = at(start.min(end)).min(whole.nrows())..at(start.max(end)).min(whole.nrows());
        let mut crop = Array2::zeros((range.len(), log_mel.bins()));
        log_mel.process_frames(audio.channel(0), range.clone(), &mut crop).unwrap();
        let expected = whole.slice(s![range, ..]).to_owned();
        prop_assert_eq!(bits(&crop.into_raw_vec_and_offset().0), bits(&expected.into_raw_vec_and_offset().0));
    }
}

#[test]
fn threads_do_not_change_the_result() {
    // 2000 frames: several blocks, and a second channel.
    let long = signal::noise(SampleRate::HZ_16000, 0.5, 2000 * 512, 6);
    let channels = [long.channel(0), &vec![0.25; long.len()]];
    let stereo = AudioBuffer::from_channels(SampleRate::HZ_16000, &channels).unwrap();
    for config in [LogMelConfig::jongwook(), LogMelConfig::magenta()] {
        let log_mel = LogMel::new(config).unwrap();
        let map = log_mel.process(&stereo).unwrap();
        for channel in 0..2 {
            let expected = offline(&log_mel, stereo.channel(channel));
            let actual = map.data.slice(s![channel, .., ..]).to_owned();
            assert!(actual == expected, "channel {channel}");
        }
    }
}

#[test]
fn an_output_that_is_not_contiguous_is_filled_all_the_same() {
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, 5000, 9);
    let log_mel = LogMel::new(LogMelConfig::jongwook()).unwrap();
    let expected = offline(&log_mel, audio.channel(0));
    let mut transposed = Array2::zeros((229, expected.nrows())).reversed_axes();
    log_mel.process_into(audio.channel(0), &mut transposed);
    assert!(transposed == expected);
}

#[test]
fn a_front_end_can_be_built_from_its_configuration() {
    let front_end = FrontEndConfig::default().build().unwrap();
    let audio = signal::noise(SampleRate::HZ_16000, 0.5, 5000, 9);
    let map = front_end.process(&audio).unwrap();
    assert_eq!(map.frames(), front_end.frames(5000));
    assert_eq!(map.grid, front_end.grid());
    assert_eq!(map.axis, front_end.axis());
    assert_eq!(front_end.bins(), map.bins());
    let mut rows = Array2::zeros((2, 229));
    front_end.process_frames(audio.channel(0), 3..5, &mut rows).unwrap();
    assert!(rows == map.data.slice(s![0, 3..5, ..]));
    let again = front_end.config().build().unwrap();
    assert_eq!(again.fingerprint(), front_end.fingerprint());
}

#[test]
fn what_depends_on_the_maximum_cannot_be_streamed_or_cropped() {
    let log_mel = LogMel::new(LogMelConfig::magenta()).unwrap();
    let mut out = Array2::zeros((1, 229));
    let cropped = log_mel.process_frames(&[0.0; 4096], 0..1, &mut out);
    assert!(matches!(cropped, Err(Error::NeedsWholeSignal { field: "top_db" })));
    assert!(matches!(
        StreamingLogMel::new(log_mel),
        Err(Error::NeedsWholeSignal { field: "top_db" })
    ));
}
