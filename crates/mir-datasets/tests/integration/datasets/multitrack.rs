//! Data sets with stems: Bach10, MUSDB18, DSD100, Slakh.

use mir_core::AudioBuffer;
use mir_datasets::{
    Annotation, Error, Kind, LoadOptions, Split, Track,
    loaders::{self, bach10, mix_stems, musdb18, slakh},
};
use mir_testkit::{assert_close, test_data};
use tempfile::TempDir;

use super::{put, read, sample, track};
use crate::support::wav;

fn energy(audio: &AudioBuffer) -> f64 {
    let channels = (0..audio.channels()).map(|c| audio.channel(c));
    channels.flatten().map(|&x| f64::from(x).powi(2)).sum()
}

/// Level of what the stems leave of the mixture, dB.
fn residual(track: &dyn Track) -> f64 {
    let options = LoadOptions::default();
    let mixture = track.audio(&options).unwrap();
    let sum = mix_stems(track, &[], &options).unwrap();
    assert_eq!((mixture.len(), mixture.channels()), (sum.len(), sum.channels()));
    let difference = AudioBuffer::new(mixture.sample_rate(), &mixture.samples() - &sum.samples());
    10.0 * (energy(&difference.unwrap()) / energy(&mixture)).log10()
}

#[test]
fn the_chorales_of_bach10_have_the_published_shapes_and_counts() {
    let Some(bach10) = sample("bach10", "bach10/Bach10_v1.1") else { return };
    assert_eq!(bach10.tracks().len(), 7);
    let chorale = track(bach10.as_ref(), "01-AchGottundHerr");
    let parts = ["violin", "clarinet", "saxophone", "bassoon"];
    assert_eq!(chorale.audio(&LoadOptions::default()).unwrap().len(), 1_112_495);
    let frames = parts.map(|part| read(chorale.as_ref(), Kind::F0, part).len());
    assert_eq!(frames, [2519; 4]);
    let Annotation::F0(violin) = read(chorale.as_ref(), Kind::F0, "violin") else { panic!() };
    let voiced = violin.frames().iter().filter(|frame| frame.voicing > 0.0).count();
    assert_close(voiced as f64 / 2519.0, 0.873, 5e-4, "voiced");
    assert_close(violin.frames()[20].time, 0.223, 1e-12, "centre of frame 21");
    let counts = |track: &dyn Track| parts.map(|part| read(track, Kind::Notes, part).len());
    assert_eq!(counts(chorale.as_ref()), [34, 34, 38, 36]);
    assert_eq!(chorale.notes().unwrap().len(), 142);
    let Annotation::Notes(notes) = read(chorale.as_ref(), Kind::Notes, "violin") else { panic!() };
    assert_close(notes[0].onset(), 0.223, 1e-9, "onset");
    assert_close(notes[0].duration(), 0.68, 1e-9, "68 frames");
    assert!((notes[0].pitch().midi() - 72.0).abs() < 0.5);
    let all = chorale.multi_f0().unwrap();
    assert_eq!(all.times().len(), 2519);

    let other = track(bach10.as_ref(), "04-ChristeDuBeistand");
    assert_eq!(counts(other.as_ref()), [45, 60, 61, 66]);
    let folder = test_data("bach10/Bach10_v1.1").unwrap();
    let aligned = |name: &str| {
        let rows = bach10::read_alignment(folder.join(name).join(format!("{name}.txt"))).unwrap();
        let counts = [1, 2, 3, 4].map(|part| rows.iter().filter(|row| row.part == part).count());
        (rows, counts)
    };
    let (rows, _) = aligned("01-AchGottundHerr");
    assert_eq!(rows.len(), 139);
    let first = bach10::AlignedNote { onset: 220, score_onset: 1915, midi: 72, part: 1 };
    assert_eq!(rows[0], first);
    assert_eq!(aligned("04-ChristeDuBeistand").1, [46, 52, 61, 65]);
    // Every row says the same about voicing: it describes the ensemble.
    for track in bach10.tracks() {
        let zeros = parts.map(|part| match read(track.as_ref(), Kind::F0, part) {
            Annotation::F0(f0) => f0.frames().iter().map(|f| f.pitch.is_none()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        });
        assert!(zeros.windows(2).all(|pair| pair[0] == pair[1]), "{}", track.id());
    }
}

#[test]
fn the_stems_of_bach10_sum_to_its_mixture_up_to_a_residual() {
    let Some(bach10) = sample("bach10", "bach10/Bach10_v1.1") else { return };
    let chorale = track(bach10.as_ref(), "01-AchGottundHerr");
    let level = residual(chorale.as_ref());
    println!("Bach10 01-AchGottundHerr: the stems leave {level:.1} dB of the mixture");
    // The mixture was made apart, with a gain of its own: close, and not equal.
    assert!(level < -3.0, "{level} dB");
}

#[test]
fn a_song_of_musdb18_has_five_equal_streams() {
    let Some(musdb) = sample("musdb18", "musdb18-sample") else { return };
    let song = track(musdb.as_ref(), "Music Delta - 80s Rock");
    assert_eq!(
        (song.artist(), song.metadata()["title"].as_str()),
        (Some("Music Delta"), "80s Rock")
    );
    let options = LoadOptions::default();
    let mixture = song.audio(&options).unwrap();
    // The edit list says 6.800 s, in milliseconds.
    assert_close(mixture.len() as f64 / 44_100.0, 6.8, 5e-4, "seconds");
    assert_eq!(mixture.channels(), 2);
    let names: Vec<&str> = song.stems().iter().map(|stem| stem.name.as_str()).collect();
    assert_eq!(names, ["drums", "bass", "other", "vocals"]);
    // Streams of the file in their published order; the numbers are those of the release, not the loader's.
    let path = test_data("musdb18-sample/train/Music Delta - 80s Rock.stem.mp4").unwrap();
    let stream = |stream| {
        mir_audio::load(&path, &LoadOptions { stream: Some(stream), ..LoadOptions::default() })
    };
    assert!(stream(0).unwrap() == mixture && stream(5).is_err());
    for (number, name) in [(1, "drums"), (2, "bass"), (3, "other"), (4, "vocals")] {
        let stem = song.stem(name, &options).unwrap();
        assert_eq!((stem.len(), stem.channels()), (mixture.len(), 2), "{name}");
        assert!(stem == stream(number).unwrap(), "{name}");
    }
    // The bass crosses zero less often than all others: the order is not that of another release.
    let crossings = |name: &str| {
        let stem = song.stem(name, &options).unwrap();
        stem.channel(0).windows(2).filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0)).count()
    };
    let bass = crossings("bass");
    for name in ["drums", "other", "vocals"] {
        assert!(2 * bass < crossings(name), "{name}: {} against {bass}", crossings(name));
    }
    assert_close(song.seconds().unwrap(), 6.8, 5e-4, "seconds of the header");
    let level = residual(song.as_ref());
    println!("MUSDB18 80s Rock: the stems leave {level:.1} dB of the mixture");
    assert!(level < -15.0, "the streams are in another order: {level} dB");
    assert_eq!(musdb.split(Split::Train).unwrap().len(), 1);
}

#[test]
fn musdb18_hq_in_miniature() {
    let root = TempDir::new().unwrap();
    let songs =
        [("train", "A - B"), ("train", "Actions - One Minute Smile"), ("test", "PR - Oh No")];
    for (part, song) in songs {
        for file in ["mixture", "drums", "bass", "other", "vocals"] {
            put(root.path(), &format!("{part}/{song}/{file}.wav"), wav(0.2));
        }
    }
    let musdb = loaders::open("musdb18", root.path()).unwrap();
    assert_eq!(Split::ALL.map(|split| musdb.split(split).unwrap().len()), [1, 1, 1]);
    assert_eq!(musdb.errata().len(), 1);
    assert_eq!(musdb18::validation().count(), 14);
    let song = track(musdb.as_ref(), "A - B");
    let options = LoadOptions::default();
    let four = mix_stems(song.as_ref(), &[], &options).unwrap();
    let half = mix_stems(song.as_ref(), &[("vocals", 0.5)], &options).unwrap();
    let sample = song.audio(&options).unwrap().channel(0)[7];
    assert_close(f64::from(four.channel(0)[7]), f64::from(4.0 * sample), 1e-6, "sum");
    assert_close(f64::from(half.channel(0)[7]), f64::from(0.5 * sample), 1e-6, "weight");
    // A stem of another length is an error.
    put(root.path(), "train/A - B/bass.wav", wav(0.1));
    assert!(matches!(mix_stems(song.as_ref(), &[], &options), Err(Error::Core(_))));
}

#[test]
fn dsd100_in_miniature() {
    let root = TempDir::new().unwrap();
    for (part, song) in [
        ("Dev", "051 - AM Contra - Heart Peripheral"),
        ("Dev", "052 - Al James - Schoolboy - Facination"),
        ("Test", "001 - ANiMAL - Clinic A"),
        ("Test", "002 - ANiMAL - Rockshow"),
    ] {
        put(root.path(), &format!("Mixtures/{part}/{song}/mixture.wav"), wav(0.2));
        for stem in ["bass", "drums", "other", "vocals"] {
            put(root.path(), &format!("Sources/{part}/{song}/{stem}.wav"), wav(0.2));
        }
    }
    put(root.path(), "Mixtures/Dev/.hidden/mixture.wav", "");
    let dsd = loaders::open("dsd100", root.path()).unwrap();
    assert_eq!(dsd.split(Split::Train).unwrap().len(), 2);
    assert_eq!(dsd.split(Split::Test).unwrap().len(), 2);
    let song = track(dsd.as_ref(), "052 - Al James - Schoolboy - Facination");
    assert_eq!(song.artist(), Some("Al James"));
    assert_eq!(song.metadata()["title"], "Schoolboy - Facination");
    assert_eq!(song.stem("vocals", &LoadOptions::default()).unwrap().len(), 3200);
    let audit = dsd.partitions()[0].audit(dsd.as_ref());
    assert!(audit.artists.is_empty() && audit.pieces.is_empty());
}

#[test]
fn slakh_leaves_out_what_was_not_rendered_and_takes_its_splits_from_the_folders() {
    let Some(folder) = test_data("slakh-metadata") else { return };
    let mut counts = Vec::new();
    for entry in walk(&folder) {
        if entry.file_name().unwrap().to_string_lossy().ends_with(".yaml") {
            let metadata = slakh::read_metadata(&entry).unwrap();
            let silent = metadata.stems.values().filter(|stem| !stem.audio_rendered).count();
            counts.push((metadata.stems.len(), silent));
        }
    }
    counts.sort_unstable();
    assert_eq!(counts, [(7, 0), (11, 1), (15, 2)]);

    let slakh = loaders::open("slakh", test_data("mirdata/mir_datasets/slakh").unwrap()).unwrap();
    assert_eq!(slakh.split(Split::Train).unwrap().len(), 1);
    let track = track(slakh.as_ref(), "Track00001");
    let names: Vec<&str> = track.stems().iter().map(|stem| stem.name.as_str()).collect();
    assert!(!names.contains(&"S06") && names.contains(&"S00"), "{names:?}");
    assert_eq!(track.metadata()["group S01"], "drums");
    assert!(track.notes().unwrap().len() > 100);
    assert!(!read(track.as_ref(), Kind::Notes, "S02").is_empty());
    assert!(!track.stem("S02", &LoadOptions::default()).unwrap().is_empty());

    let baby = test_data("mirdata/mir_datasets/slakh/babyslakh_16k").unwrap();
    let baby = loaders::open("slakh", baby).unwrap();
    assert_eq!(baby.version(), "baby");
    assert!(matches!(baby.split(Split::Train), Err(Error::EmptySplit { .. })));
    assert_eq!(baby.tracks()[0].audio(&LoadOptions::default()).unwrap().sample_rate().hz(), 16_000);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn bach10_sibelius_in_miniature() {
    let root = TempDir::new().unwrap();
    for part in ["bassoon", "clarinet", "saxophone", "violin"] {
        for style in ["gt", "fast"] {
            let name = format!("Source separation/01-Ach/01-Ach_{style}_{part}.wav");
            put(root.path(), &name, wav(0.2));
        }
        let score = "6.1600,6.7000,F4#\n7.0,7.5,A4\n";
        put(root.path(), &format!("Source separation/01-Ach/{part}_g.txt"), score);
    }
    let sibelius = loaders::open("bach10_sibelius", root.path()).unwrap();
    assert_eq!(sibelius.tracks().len(), 2);
    let (fast, gt) = (&sibelius.tracks()[0], &sibelius.tracks()[1]);
    assert_eq!((fast.piece(), gt.piece(), gt.id().as_str()), ("01-Ach", "01-Ach", "01-Ach_gt"));
    assert_eq!(gt.notes().unwrap().len(), 8);
    let Annotation::Notes(violin) = read(gt.as_ref(), Kind::Notes, "violin") else { panic!() };
    assert_close(violin[0].pitch().midi(), 66.0, 1e-12, "F4#");
    assert!(matches!(fast.notes(), Err(Error::NotAnnotated { .. })));
    let options = LoadOptions::default();
    let (mix, stem) = (gt.audio(&options).unwrap(), gt.stem("violin", &options).unwrap());
    assert_close(f64::from(mix.channel(0)[9]), f64::from(4.0 * stem.channel(0)[9]), 1e-6, "sum");
}
