//! Random crops from a warm store, and whole batches: what does feeding cost?
//!
//! `cargo bench -p mir-datasets --bench store`; throughput reads crops (or windows) per second.

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mir_core::{
    Fingerprint, FrameGrid, Key, Note, SampleRate, Velocity,
    batch::{BatchPosition, BatchSource},
};
use mir_datasets::{
    AugmentConfig, BatchLoader, BatchPlan, FeatureStore, Hdf5Store, Hdf5Writer, LoaderConfig,
    MemStore, Recording, StoreHeader, StoredTrack, TrackId, WindowConfig, WindowSampler,
    recordings,
};
use mir_features::{FeatureMap, FrontEndConfig};
use mir_testkit::signal::Random;
use ndarray::Array3;

/// Tracks of 5 minutes with 3,000 notes each: about 240 MB, an hour and three quarters.
fn sample_store() -> MemStore {
    let front_end = FrontEndConfig::default();
    let planned = front_end.build().expect("the default is valid");
    let grid: FrameGrid = planned.grid();
    let bins = planned.bins();
    let sources = Fingerprint::of_bytes(b"bench");
    let mut store = MemStore::new(StoreHeader {
        schema: mir_datasets::store::SCHEMA,
        dataset: "bench".to_owned(),
        version: "1".to_owned(),
        split: "train".to_owned(),
        front_end,
        front_end_fingerprint: planned.fingerprint(),
        grid,
        channels: 1,
        bins,
        axis: planned.axis(),
        values: mir_datasets::ValueFormat::F32,
        sources,
    });
    let mut random = Random::new(1);
    for number in 0..28 {
        let frames = 9_375 + random.below(1000);
        let seconds = SampleRate::HZ_16000.seconds(frames * 512);
        let data = Array3::from_shape_simple_fn((1, frames, bins), || random.uniform() as f32);
        let mut notes: Vec<Note> = (0..3000)
            .map(|_| {
                let onset = random.uniform() * seconds;
                let key = Key::new(21 + random.below(88) as u8).expect("a piano key");
                Note::new(onset, onset + 0.4, key.pitch(), Velocity::MEDIUM).expect("in range")
            })
            .collect();
        Note::sort(&mut notes);
        let track = StoredTrack {
            id: TrackId::new(format!("track-{number:02}")).expect("a name"),
            piece: String::new(),
            instrument: String::new(),
            frames,
            seconds,
        };
        let features = FeatureMap { grid, axis: planned.axis(), data };
        store.push(Recording { track, features, notes }).expect("it fits");
    }
    store
}

fn crops(c: &mut Criterion) {
    let memory = sample_store();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.h5");
    let mut writer = Hdf5Writer::create(&path, memory.header().clone()).expect("a store");
    for recording in recordings(&memory) {
        writer.push(&recording.expect("a recording")).expect("written");
    }
    writer.finish().expect("published");
    let file = Arc::new(Hdf5Store::open(&path).expect("a store"));
    let copying = Hdf5Store::open_copying(&path).expect("a store");

    let mut group = c.benchmark_group("random_crops");
    group.throughput(Throughput::Elements(1));
    for frames in [200, 640] {
        let config = WindowConfig { frames, ..WindowConfig::default() };
        let windows = WindowSampler::new(&memory, config, 1).expect("windows").windows(0, 0, 4096);
        let mut out = vec![0.0f32; frames * memory.header().bins];
        let stores: [(&str, &dyn FeatureStore); 3] =
            [("memory", &memory), ("mapped", file.as_ref()), ("library", &copying)];
        for (name, store) in stores {
            let id = BenchmarkId::new(name, format!("{frames}x{}", memory.header().bins));
            let mut next = 0;
            group.bench_function(id, |b| {
                b.iter(|| {
                    let w = windows[next % windows.len()];
                    next += 1;
                    store
                        .read_into(w.track, w.start..w.start + w.frames, black_box(&mut out))
                        .expect("a crop");
                });
            });
        }
    }
    group.finish();

    let mut group = c.benchmark_group("batches");
    let augment = AugmentConfig {
        gain: 0.5,
        tilt: 0.3,
        noise: 0.1,
        frequency_masks: 2,
        frequency_mask_bins: 20,
        ..AugmentConfig::default()
    };
    for (name, augment) in [("plain", AugmentConfig::default()), ("augmented", augment)] {
        let config = LoaderConfig { augment, ..LoaderConfig::default() };
        group.throughput(Throughput::Elements(config.batch_size as u64));
        let store: Arc<dyn FeatureStore> = file.clone();
        let plan = BatchPlan::new(store.clone(), config.clone()).expect("a plan");
        let mut batch = 0;
        group.bench_function(BenchmarkId::new("one_thread_8x200x229", name), |b| {
            b.iter(|| {
                let position = BatchPosition { epoch: 0, batch };
                batch = (batch + 1) % plan.batches_per_epoch();
                plan.batch(position).expect("a batch")
            });
        });
        let mut loader =
            BatchLoader::new(store, LoaderConfig { workers: 2, ..config }).expect("a loader");
        group.bench_function(BenchmarkId::new("two_workers_8x200x229", name), |b| {
            b.iter(|| loader.next_batch().expect("a batch"));
        });
    }
    group.finish();
}

criterion_group!(benches, crops);
criterion_main!(benches);
