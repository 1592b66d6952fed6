//! Generated music, as a data set and as material for remixing and export.

use std::sync::Arc;

use mir_core::{
    SampleRate,
    batch::{BatchPosition, BatchSource},
};
use mir_datasets::{
    Dataset, Error, Kind, LoadOptions, Split, Track,
    export::export,
    remix::{RemixConfig, RemixLoader, RemixPlan},
    shared_pieces,
    synthetic::{Synthetic, SyntheticConfig, SyntheticKind},
};
use ndarray::{Axis, s};
use tempfile::TempDir;

use crate::support::names;

fn small(kind: SyntheticKind) -> Synthetic {
    let config = SyntheticConfig { tracks: 8, seconds: 3.0, seed: 5, ..SyntheticConfig::new(kind) };
    Synthetic::new(config).unwrap()
}

fn at_8_khz() -> LoadOptions {
    LoadOptions { sample_rate: Some(SampleRate::new(8_000).unwrap()), ..LoadOptions::default() }
}

#[test]
fn every_kind_has_splits_stems_that_sum_up_and_what_it_is_annotated_with() {
    for kind in SyntheticKind::ALL {
        let set = small(kind);
        assert_eq!(kind.name().parse::<SyntheticKind>().unwrap(), kind);
        let [train, validation, test] = Split::ALL.map(|split| set.split(split).unwrap());
        assert_eq!((train.len(), validation.len(), test.len()), (6, 1, 1));
        assert!(shared_pieces(&train, &test).is_empty());
        for track in [&train[0], &train[1], &test[0]] {
            let mix = track.audio(&at_8_khz()).unwrap();
            let stems: Vec<_> = track
                .stems()
                .iter()
                .map(|stem| track.stem(&stem.name, &at_8_khz()).unwrap())
                .collect();
            assert!(mix.duration() > 2.0 && mix.peak() > 0.3 && mix.peak() < 0.71);
            for (n, &sample) in mix.channel(0).iter().enumerate() {
                let sum: f32 = stems.iter().map(|stem| stem.channel(0)[n]).sum();
                assert!((sum - sample).abs() < 1e-6);
            }
            assert!(stems.iter().all(|stem| stem.peak() > 0.01), "a stem is silent");
            for label in track.labels() {
                assert!(!track.annotation(label).unwrap().is_empty(), "{label}");
            }
            assert!(track.notes().unwrap().len() > 3);
            let wanted = match kind {
                SyntheticKind::Ensemble => Kind::Notes,
                SyntheticKind::Melody => Kind::F0,
                SyntheticKind::MultiF0 => Kind::MultiF0,
            };
            assert!(track.labels().iter().any(|label| label.kind == wanted));
            assert!(matches!(track.stem("kazoo", &at_8_khz()), Err(Error::NoStem { .. })));
        }
        let again = small(kind);
        for (a, b) in set.tracks().iter().zip(again.tracks()) {
            assert_eq!(a.source_fingerprint().unwrap(), b.source_fingerprint().unwrap());
        }
        assert_eq!(
            set.tracks()[2].audio(&at_8_khz()).unwrap(),
            again.tracks()[2].audio(&at_8_khz()).unwrap()
        );
    }
}

#[test]
fn the_pitch_annotation_is_what_sounds() {
    let set = small(SyntheticKind::Melody);
    let mut checked = 0;
    for track in &set.tracks()[..3] {
        let f0 = track.f0().unwrap();
        let melody = track.stem("melody", &LoadOptions::default()).unwrap();
        let (rate, samples) = (melody.sample_rate(), melody.channel(0));
        for frame in f0.frames().iter().step_by(40) {
            let Some(pitch) = frame.pitch else { continue };
            // The period by autocorrelation over 2048 samples, where the same note sounds throughout.
            let start = rate.sample_at(frame.time);
            let steady = f0
                .frames()
                .iter()
                .filter(|other| (frame.time - 0.06..frame.time + 0.08).contains(&other.time))
                .all(|other| other.pitch == frame.pitch);
            if !steady || start + 4096 > samples.len() {
                continue;
            }
            let period = f64::from(rate.hz()) / pitch.hz();
            let correlation = |lag: usize| -> f64 {
                let pairs = samples[start..start + 2048].iter().zip(&samples[start + lag..]);
                pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            let best = ((0.8 * period) as usize..=(1.25 * period) as usize)
                .max_by(|&a, &b| correlation(a).total_cmp(&correlation(b)))
                .unwrap();
            assert!((best as f64 - period).abs() < 1.5 + 0.01 * period, "{best} {period}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

fn remix() -> RemixConfig {
    RemixConfig {
        sample_rate: SampleRate::new(8_000).unwrap(),
        seconds: 0.5,
        per_track: 3,
        batch_size: 4,
        seed: 2,
        ..RemixConfig::default()
    }
}

fn training() -> Vec<Arc<dyn Track>> {
    small(SyntheticKind::Ensemble).split(Split::Train).unwrap()
}

#[test]
fn remixes_sum_up_come_from_several_tracks_and_follow_seed_and_position() {
    let stream = |workers, from: BatchPosition| {
        let config = RemixConfig { workers, ..remix() };
        let mut loader = RemixLoader::new(training(), config).unwrap();
        loader.seek(from).unwrap();
        (0..6).map(|_| loader.next_batch().unwrap()).collect::<Vec<_>>()
    };
    let all = stream(0, BatchPosition::default());
    // 18 items, four in a batch: two are left out.
    assert_eq!(RemixPlan::new(training(), remix()).unwrap().batches_per_epoch(), 4);
    assert_eq!(all, stream(4, BatchPosition::default()));
    assert_eq!(all[3..], stream(1, BatchPosition { epoch: 0, batch: 3 })[..3]);
    let mut several = 0;
    for batch in &all {
        assert_eq!(batch.targets.sources.dim(), (4, 4, 2, 4_000));
        assert_eq!(batch.inputs, batch.targets.sources.sum_axis(Axis(1)));
        for (remix, sources) in batch.targets.remixes.iter().zip(batch.targets.sources.outer_iter())
        {
            let first = remix[0].track;
            several += usize::from(remix.iter().any(|source| source.track != first));
            assert!(remix.iter().all(|source| (0.25..=1.25).contains(&source.gain)));
            // A mono stem that fills two channels is the same in both, swapped or not.
            assert_eq!(sources.slice(s![.., 0, ..]), sources.slice(s![.., 1, ..]));
        }
    }
    assert!(several > 12, "{several}");
    let together = RemixConfig { remix: 0.0, ..remix() };
    let batch = RemixPlan::new(training(), together).unwrap().batch(BatchPosition::default());
    for remix in batch.unwrap().targets.remixes {
        assert!(remix.iter().all(|source| source.track == remix[0].track));
        assert!(remix.iter().all(|source| source.start == remix[0].start));
    }
}

#[test]
fn an_item_is_made_as_its_record_says() {
    let config = RemixConfig { dropout: 0.5, ..remix() };
    let tracks = training();
    let plan = RemixPlan::new(tracks.clone(), config.clone()).unwrap();
    let batch = plan.batch(BatchPosition { epoch: 3, batch: 1 }).unwrap();
    let mut dropped = 0;
    for (remix, sources) in batch.targets.remixes.iter().zip(batch.targets.sources.outer_iter()) {
        for ((record, name), source) in remix.iter().zip(&config.sources).zip(sources.outer_iter())
        {
            let stem = tracks[record.track].stem(name, &at_8_khz()).unwrap();
            for n in 0..4_000 {
                let sample = stem.channel(0).get(record.start + n).copied().unwrap_or(0.0);
                let expected = sample * record.gain as f32;
                assert!((source[(0, n)] - expected).abs() < 1e-6);
            }
            dropped += usize::from(record.gain <= 0.0);
        }
        assert!(remix.iter().any(|source| source.gain > 0.0));
    }
    assert!(dropped > 0);
}

#[test]
fn impossible_remixes_are_refused() {
    let field = |config| match RemixPlan::new(training(), config) {
        Err(Error::InvalidConfig { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(RemixConfig { sources: vec![], ..remix() }), "sources");
    assert_eq!(field(RemixConfig { channels: 3, ..remix() }), "channels");
    assert_eq!(field(RemixConfig { seconds: f64::NAN, ..remix() }), "seconds");
    assert_eq!(field(RemixConfig { gain: [1.0, 0.5], ..remix() }), "gain");
    assert_eq!(field(RemixConfig { remix: 1.5, ..remix() }), "remix");
    let unknown = RemixConfig { sources: vec!["kazoo".to_owned()], ..remix() };
    assert!(matches!(RemixPlan::new(training(), unknown), Err(Error::NoStem { .. })));
    let many = RemixConfig { batch_size: 19, ..remix() };
    assert!(matches!(RemixPlan::new(training(), many), Err(Error::NoBatch { windows: 18, .. })));
}

#[test]
fn an_export_is_complete_and_readable() {
    let folder = TempDir::new().unwrap();
    let set = small(SyntheticKind::MultiF0);
    let mut counted = Vec::new();
    export(&set, folder.path(), |done| counted.push(done)).unwrap();
    assert_eq!(counted, (1..=8).collect::<Vec<_>>());
    assert_eq!(names(folder.path()).len(), 9);
    let text = std::fs::read_to_string(folder.path().join("dataset.json")).unwrap();
    let description: serde_json::Value = serde_json::from_str(&text).unwrap();
    let track = &set.tracks()[7];
    assert_eq!(description["tracks"][7]["split"], "test");
    let own = folder.path().join(track.id().as_str());
    for file in description["tracks"][7]["files"].as_array().unwrap() {
        assert!(own.join(file.as_str().unwrap()).metadata().unwrap().len() > 0, "{file}");
    }
    let notes = mir_core::formats::read_notes(own.join("notes.tsv")).unwrap();
    assert_eq!(notes.len(), track.notes().unwrap().len());
    let mix = mir_audio::load(own.join("mix.wav"), &LoadOptions::default()).unwrap();
    assert_eq!(mix, track.audio(&LoadOptions::default()).unwrap());
}
