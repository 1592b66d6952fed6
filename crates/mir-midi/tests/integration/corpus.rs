//! Real files, well-formed and odd, where they are at hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mir_core::Note;
use mir_midi::{Error, PedalRule, Score, Strictness};
use mir_testkit::{assert_close, test_data};

/// All files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn is_midi(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    ["mid", "midi", "kar", "rmi"].contains(&extension)
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_with_a_reason() {
    for folder in ["midi-odd", "asap", "note-seq", "musicnet"] {
        let Some(folder) = test_data(folder) else {
            return;
        };
        let mut read = 0;
        for path in files_below(&folder) {
            let bytes = fs::read(&path).unwrap();
            match Score::parse(&bytes, Strictness::Lenient) {
                Ok((score, _)) => {
                    read += 1;
                    for rule in PedalRule::ALL {
                        assert!(
                            score.notes(rule).iter().all(|n| n.offset().is_finite()),
                            "{}",
                            path.display()
                        );
                    }
                    // What is strictly fine has no defect in lenient reading either, and reads the same.
                    if let Ok((strict, findings)) = Score::parse(&bytes, Strictness::Strict) {
                        assert_eq!(strict, score, "{}", path.display());
                        assert!(findings.iter().all(|d| !d.finding.is_defect()));
                    }
                }
                Err(error) => assert!(
                    matches!(error, Error::NotMidi { .. } | Error::Unsupported { .. }),
                    "{}: {error}",
                    path.display()
                ),
            }
        }
        assert!(read > 0, "{}", folder.display());
    }
}

#[test]
fn midi_2_clips_and_karaoke_are_refused_by_name() {
    let Some(folder) = test_data("midi-odd/jazz-soft") else {
        return;
    };
    let error = Score::read(folder.join("midi2/test-c-major-scale-m1-g0.midi2")).unwrap_err();
    let Error::File { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, Error::Unsupported { kind, .. } if kind.contains("MIDI 2.0")));
    let error = Score::read(folder.join("midi/test-karaoke-kar.mid")).unwrap_err();
    let Error::File { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*source, Error::Unsupported { kind, .. } if kind.contains("karaoke")));
}

fn by_pitch(mut notes: Vec<Note>) -> Vec<Note> {
    notes.sort_by(|a, b| {
        let key = |n: &Note| (n.pitch().midi(), n.onset());
        key(a).partial_cmp(&key(b)).unwrap()
    });
    notes
}

/// Read, written, read again: nothing changes, in the score or in seconds.
#[test]
fn scores_of_the_corpus_survive_being_written() {
    let (mut written, mut apart) = (0, 0);
    for folder in ["asap", "note-seq", "musicnet", "midi-odd"] {
        let Some(folder) = test_data(folder) else {
            return;
        };
        for path in files_below(&folder).iter().filter(|path| is_midi(path)) {
            let Ok(score) = Score::read(path) else { continue };
            let bytes = score.to_bytes().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let (again, _) = Score::parse(&bytes, Strictness::Strict).unwrap();
            assert_eq!(again, score, "{}", path.display());
            // And through seconds, at the default resolution.
            let performance = score.performance();
            let fine = Score::from_performance(&performance).performance();
            assert_eq!(fine.pedals.len(), performance.pedals.len());
            for (a, b) in fine.pedals.iter().zip(&performance.pedals) {
                assert_close(a.time, b.time, 1e-6, &path.display().to_string());
                assert_eq!((a.pedal, a.value), (b.pedal, b.value));
            }
            // Of notes that overlap on one key, as those of several channels do, some are cut.
            let (got, want) = (by_pitch(fine.notes), by_pitch(performance.notes));
            if want
                .windows(2)
                .all(|w| w[0].pitch() != w[1].pitch() || w[0].offset() <= w[1].onset())
            {
                assert_eq!(got.len(), want.len(), "{}", path.display());
                for (a, b) in got.iter().zip(&want) {
                    assert_close(a.onset(), b.onset(), 1e-6, &path.display().to_string());
                    assert_close(a.offset(), b.offset(), 1e-6, &path.display().to_string());
                    assert_eq!((a.pitch(), a.velocity()), (b.pitch(), b.velocity()));
                }
                apart += 1;
            }
            written += 1;
        }
    }
    assert!(written > 140 && apart > 100, "{written} files, {apart} of them without overlaps");
}
