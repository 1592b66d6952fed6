//! Excerpts of recordings: cut and put together they are what they were.

use mir_core::{Interval, Note, SampleRate};
use mir_datasets::{
    Annotation, Kind, Label, LoadOptions, Track,
    excerpt::{Edges, ExcerptConfig, excerpt},
    loaders,
};
use mir_testkit::{assert_close, signal::Random};
use tempfile::TempDir;

use crate::{
    datasets::{put, sample, track},
    support::wav,
};

/// Borders of ranges that follow each other up to `end`, drawn by a seed.
fn ranges(end: f64, count: usize, seed: u64) -> Vec<Interval> {
    let mut random = Random::new(seed);
    let mut cuts: Vec<f64> = (0..count).map(|_| random.uniform() * end).collect();
    cuts.extend([0.0, end]);
    cuts.sort_by(f64::total_cmp);
    cuts.windows(2).map(|pair| Interval::new(pair[0], pair[1]).unwrap()).collect()
}

/// Samples of all excerpts of a track, one after the other.
fn joined(track: &dyn Track, ranges: &[Interval]) -> Vec<f32> {
    let cut = |range: &Interval| excerpt(track, *range, &[], &ExcerptConfig::default()).unwrap();
    ranges.iter().flat_map(|range| cut(range).audio.channel(0).to_vec()).collect()
}

#[test]
fn audio_that_is_cut_and_joined_is_the_audio() {
    let root = TempDir::new().unwrap();
    put(root.path(), "adc2004_full_set/pop1.wav", wav(1.7));
    put(root.path(), "adc2004_full_set/pop1REF.txt", "0.00 0\n0.01 440.0\n0.02 441.0\n");
    let contest = loaders::open("adc2004", root.path()).unwrap();
    let pop = track(contest.as_ref(), "pop1");
    let whole = pop.audio(&LoadOptions::default()).unwrap();
    for seed in 0..20 {
        let parts = ranges(1.7, 6, seed);
        assert!(joined(pop.as_ref(), &parts) == whole.channel(0), "seed {seed}");
    }
    // Past the end there is less, and then nothing.
    let config = ExcerptConfig::default();
    let late = excerpt(pop.as_ref(), Interval::new(1.6, 3.0).unwrap(), &[], &config).unwrap();
    assert_eq!(late.audio.len(), 1_600);
    let later = excerpt(pop.as_ref(), Interval::new(2.0, 3.0).unwrap(), &[], &config).unwrap();
    assert!(later.audio.is_empty());

    // Another rate has the length of the range, and annotations come in the order that is asked for.
    let audio = LoadOptions { sample_rate: Some(SampleRate::HZ_44100), ..LoadOptions::default() };
    let config = ExcerptConfig { audio, edges: Edges::Cut };
    let range = Interval::new(0.01, 0.51).unwrap();
    let labels = [Label::from(Kind::F0)];
    let part = excerpt(pop.as_ref(), range, &labels, &config).unwrap();
    assert_eq!((part.audio.len(), part.range), (22_050, range));
    let [(label, Annotation::F0(melody))] = &part.annotations[..] else { panic!("{part:?}") };
    assert_eq!((label, melody.frames().len()), (&labels[0], 2));
    assert_close(melody.frames()[1].time, 0.01, 1e-15, "from the start of the range");
    let missing = excerpt(pop.as_ref(), range, &[Label::from(Kind::Notes)], &config);
    assert!(matches!(missing, Err(mir_datasets::Error::NotAnnotated { .. })));
}

#[test]
fn a_recording_of_vocadito_in_parts() {
    let Some(vocadito) = sample("vocadito", "mirdata/mir_datasets/vocadito") else { return };
    let song = track(vocadito.as_ref(), "vocadito_1");
    let end = song.seconds().unwrap();
    let parts = ranges(end, 7, 1);
    let whole = song.audio(&LoadOptions::default()).unwrap();
    assert!(joined(song.as_ref(), &parts) == whole.channel(0));

    let config = ExcerptConfig { edges: Edges::Onset, ..ExcerptConfig::default() };
    let labels = [Label::new(Kind::Notes, "a1"), Label::from(Kind::F0)];
    let labels = labels.map(|wanted| {
        let own = song.labels().iter().find(|label| label.kind == wanted.kind).unwrap();
        own.clone()
    });
    let (mut notes, mut frames): (Vec<Note>, usize) = (vec![], 0);
    for range in &parts {
        let part = excerpt(song.as_ref(), *range, &labels, &config).unwrap();
        let [(_, Annotation::Notes(own)), (_, Annotation::F0(melody))] = &part.annotations[..]
        else {
            panic!("{:?}", part.annotations)
        };
        notes.extend(own.iter().map(|note| note.shifted(range.start())));
        frames += melody.frames().len();
    }
    let expected = song.notes().unwrap();
    assert_eq!(notes.len(), expected.len());
    for (note, expected) in notes.iter().zip(&expected) {
        assert_close(note.onset(), expected.onset(), 1e-10, "onset");
        assert_close(note.offset(), expected.offset(), 1e-10, "offset");
        assert_eq!(note.pitch(), expected.pitch());
    }
    let inside = song.f0().unwrap().frames().iter().filter(|frame| frame.time < end).count();
    assert_eq!(frames, inside);
}
