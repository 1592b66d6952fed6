//! How fast are stores built and read? Prints JSON for `scripts/compare/store.py`, which runs it beside Python.
//!
//! ```text
//! store_speed build FOLDER STORES THREADS FORMAT    features of all recordings into a new store
//! store_speed crops STORE FRAMES SECONDS THREADS    random crops out of a store, page cache warm
//! ```

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mir_datasets::{
    BuildOptions, FeatureStore, Hdf5Store, Split, StoreBuilder, ValueFormat, WindowConfig,
    WindowSampler, loaders::AudioFolder,
};
use mir_features::FrontEndConfig;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["build", folder, stores, threads, format] => build(folder, stores, threads, format),
        ["crops", store, frames, seconds, threads] => crops(store, frames, seconds, threads),
        _ => Err("expected build or crops; see the documentation of this example".into()),
    }
}

fn build(folder: &str, stores: &str, threads: &str, format: &str) -> Result<(), Failure> {
    let values: ValueFormat = serde_json::from_value(format.into())?;
    let begin = Instant::now();
    let recordings = AudioFolder::open(folder)?;
    let options = BuildOptions { threads: threads.parse()?, ..BuildOptions::default() };
    let built = StoreBuilder::new(&FrontEndConfig::default())?.with_values(values).build_or_open(
        stores,
        &recordings,
        Split::Train,
        options,
    )?;
    let wall = begin.elapsed().as_secs_f64();
    let report = serde_json::json!({
        "seconds_of_audio": built.report.seconds, "reused": built.reused, "wall": wall,
    });
    println!("{report}");
    Ok(())
}

fn crops(store: &str, frames: &str, seconds: &str, threads: &str) -> Result<(), Failure> {
    let store = Arc::new(Hdf5Store::open(store)?);
    let (frames, threads): (usize, usize) = (frames.parse()?, threads.parse()?);
    let limit = Duration::from_secs_f64(seconds.parse()?);
    let config = WindowConfig { frames, ..WindowConfig::default() };
    let windows = WindowSampler::new(store.as_ref(), config, 1)?.windows(0, 0, 1 << 14);
    let mut out = vec![0.0; frames * store.header().bins];
    // Every window once: what was not in the page cache is there then.
    for window in &windows {
        store.read_into(window.track, window.start..window.start + frames, &mut out)?;
    }
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    thread::scope(|scope| {
        for first in 0..threads {
            let (store, windows, stop, count) = (&store, &windows, &stop, &count);
            scope.spawn(move || {
                let mut out = vec![0.0; frames * store.header().bins];
                for window in windows.iter().cycle().skip(first * 1000) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let range = window.start..window.start + frames;
                    store.read_into(window.track, range, &mut out).expect("a crop of the store");
                    std::hint::black_box(&out);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(limit);
        stop.store(true, Ordering::Relaxed);
    });
    let wall = begin.elapsed().as_secs_f64();
    let crops = count.into_inner();
    println!(
        "{}",
        serde_json::json!({ "crops": crops, "wall": wall, "bins": store.header().bins })
    );
    Ok(())
}
