//! The instruments of RWC: names, scales, and the bank of their notes.

use std::{f64::consts::TAU, path::Path};

use mir_audio::{WavFormat, write_wav};
use mir_core::{AudioBuffer, SampleRate};
use mir_datasets::{
    Error, Kind, LoadOptions,
    loaders::{
        self,
        rwc_instruments::{self, RwcBankConfig, load_bank},
    },
    sampled::{NoteKey, NoteLevel},
};
use mir_testkit::assert_close;
use tempfile::TempDir;

use super::put;

/// Writes so many notes of 0.3 s, semitone by semitone, with silences of 0.2 s; each has a dip of 40 ms that
/// is no end, and a second partial of some strength.
fn put_scale(root: &Path, name: &str, lowest: i32, notes: i32, second: f64) {
    let rate = SampleRate::HZ_44100;
    let (length, gap) = (rate.sample_at(0.3), rate.sample_at(0.2));
    let mut samples = vec![0.0f32; gap];
    for key in lowest..lowest + notes {
        let hz = 440.0 * 2f64.powf(f64::from(key - 69) / 12.0);
        samples.extend((0..length).map(|n| {
            let seconds = n as f64 / 44_100.0;
            let dip = (0.15..0.19).contains(&seconds);
            let sound = (TAU * hz * seconds).sin() + second * (2.0 * TAU * hz * seconds).sin();
            if dip { 0.0 } else { (0.3 * sound) as f32 }
        }));
        samples.extend(vec![0.0; gap]);
    }
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_wav(&path, &AudioBuffer::mono(rate, samples), WavFormat::Int16).unwrap();
}

#[test]
fn a_scale_of_an_rwc_instrument_is_cut_into_its_notes() {
    let root = TempDir::new().unwrap();
    let rate = SampleRate::HZ_44100;
    put_scale(root.path(), "wav/311/311CLNOF.WAV", 69, 12, 0.0);
    put(root.path(), "wav/311/README.WAV", "");
    let rwc = loaders::open("rwc_instruments", root.path()).unwrap();
    let [clarinet] = rwc.tracks() else { panic!("{:?}", rwc.tracks()) };
    assert_eq!((clarinet.instrument(), clarinet.artist()), ("clarinet", Some("311")));
    let notes = rwc_instruments::segment(&clarinet.audio(&LoadOptions::default()).unwrap());
    assert_eq!(notes.len(), 12);
    for (number, note) in notes.iter().enumerate() {
        assert_close(note.start(), 0.2 + 0.5 * number as f64, 0.011, "start");
        assert_close(note.duration(), 0.3, 0.021, "duration");
    }
    assert!(rwc_instruments::segment(&AudioBuffer::mono(rate, vec![0.0; 1000])).is_empty());
    assert!(rwc_instruments::segment(&AudioBuffer::mono(rate, vec![])).is_empty());
}

/// An element of a MATLAB 5 file, from the definition of the format.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A variable of a class: 2 is a structure, 6 holds doubles.
fn variable(class: u32, columns: u32, name: &str, content: &[u8]) -> Vec<u8> {
    let flags = [class.to_le_bytes(), [0; 4]].concat();
    let size = [1u32.to_le_bytes(), columns.to_le_bytes()].concat();
    let parts =
        [element(6, &flags), element(5, &size), element(1, name.as_bytes()), content.to_vec()];
    element(14, &parts.concat())
}

fn row(values: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    variable(6, values.len() as u32, "", &element(9, &bytes))
}

/// A structure of fields with names of one letter.
fn structure(name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<u8> = (b'a'..).take(fields.len()).flat_map(|letter| [letter, 0]).collect();
    let content = [element(5, &2u32.to_le_bytes()), element(1, &names), fields.concat()].concat();
    variable(2, 1, name, &content)
}

/// The annotation of a recording: keys, first and last samples.
fn annotation(keys: &[f64], starts: &[f64], ends: &[f64]) -> Vec<u8> {
    let file = structure("", &[row(&[0.0]), row(&[0.0]), row(&[0.0]), row(&[44_100.0])]);
    let mut fields = vec![file];
    fields.extend((1..14).map(|_| row(&[0.0])));
    fields.extend([row(keys), row(starts), row(ends)]);
    let mut bytes = vec![b' '; 124];
    bytes.extend([0, 1, b'I', b'M']);
    bytes.extend(structure("featureStruct", &fields));
    bytes
}

fn key(instrument: &str, pitch: u8, make: u8) -> NoteKey {
    let (level, style) = (NoteLevel::Forte, "NO".to_owned());
    NoteKey { instrument: instrument.to_owned(), pitch, level, style, make }
}

#[test]
fn one_call_goes_from_the_folder_to_a_bank() {
    let root = TempDir::new().unwrap();
    // Bassoon from B flat, found in the sound; clarinet, annotated with two of its notes; noise of a violin.
    put_scale(root.path(), "wav/301/301FGNOF.WAV", 34, 20, 0.8);
    put_scale(root.path(), "wav/311/311CLNOF.WAV", 50, 4, 0.0);
    let (starts, ends) = ([8_820.0, 30_870.0], [22_050.0, 44_100.0]);
    put(root.path(), "mat/311clnof.wav.mat", annotation(&[50.0, 51.0], &starts, &ends));
    put(root.path(), "wav/151/151VNNOF.WAV", "RIFF, but no more");
    put_scale(root.path(), "wav/311/311CLVIF.WAV", 50, 4, 0.0);

    let rwc = load_bank(root.path(), &RwcBankConfig::default()).unwrap();
    assert_eq!((rwc.annotated, rwc.segmented, rwc.bank.len()), (1, 1, 22));
    let [(id, Error::Audio { .. })] = &rwc.skipped[..] else { panic!("{:?}", rwc.skipped) };
    assert_eq!(id.as_str(), "151VNNOF");
    for pitch in 34..54 {
        let note = rwc.bank.find(&key("bassoon", pitch, 1)).unwrap();
        assert_eq!(note.replaced, None, "{pitch}");
        assert_close(note.audio.duration(), 0.3, 0.02, "length");
    }
    let clarinet = rwc.bank.find(&key("clarinet", 51, 1)).unwrap();
    assert_eq!(clarinet.replaced, None);
    let replaced = rwc.bank.find(&key("clarinet", 53, 2)).unwrap().replaced.unwrap();
    assert_eq!(replaced.taken, key("clarinet", 51, 1), "53 is played, but not annotated");
    let track = rwc_instruments::open(root.path()).unwrap();
    let track = super::track(&track, "311CLNOF");
    assert_eq!(track.notes().unwrap().len(), 2);
    assert_close(track.notes().unwrap()[1].onset(), 0.7, 1e-12, "onset");
    assert_eq!(track.labels()[0].kind, Kind::Notes);

    let makes = RwcBankConfig { makes: vec![2], ..RwcBankConfig::default() };
    assert!(matches!(load_bank(root.path(), &makes), Err(Error::NoRecordings { .. })));
    let makes = RwcBankConfig { makes: vec![4], ..RwcBankConfig::default() };
    let refused = load_bank(root.path(), &makes);
    assert!(matches!(refused, Err(Error::InvalidConfig { field: "makes", .. })));
    let styles = RwcBankConfig { styles: vec![], ..RwcBankConfig::default() };
    assert_eq!(load_bank(root.path(), &styles).unwrap().bank.len(), 26, "every style");
}

#[test]
fn what_is_no_scale_or_no_annotation_is_refused() {
    let root = TempDir::new().unwrap();
    // Two octaves down and up again: no note votes as another does, but for two.
    let rate = SampleRate::HZ_44100;
    let mut samples = vec![];
    for midi in [60, 72, 48, 75, 51, 63] {
        let hz = 440.0 * 2f64.powf(f64::from(midi - 69) / 12.0);
        samples
            .extend((0..13_230).map(|n| (0.5 * (TAU * hz * f64::from(n) / 44_100.0).sin()) as f32));
        samples.extend(vec![0.0; 8_820]);
    }
    let melody = AudioBuffer::mono(rate, samples);
    assert_eq!(rwc_instruments::segment(&melody).len(), 6);
    assert_eq!(rwc_instruments::scale(&melody).unwrap(), None);
    assert_eq!(rwc_instruments::scale(&AudioBuffer::mono(rate, vec![])).unwrap(), None);

    let path = root.path().join("a.mat");
    for wrong in [
        annotation(&[50.0], &[0.0, 1.0], &[1.0, 2.0]),
        annotation(&[50.5], &[0.0], &[1.0]),
        annotation(&[128.0], &[0.0], &[1.0]),
        annotation(&[50.0], &[2.0], &[1.0]),
        annotation(&[50.0], &[f64::NAN], &[1.0]),
    ] {
        std::fs::write(&path, wrong).unwrap();
        let refused = rwc_instruments::read_annotation(&path);
        assert!(matches!(refused, Err(Error::Malformed { .. })), "{refused:?}");
    }
    let whole = annotation(&[50.0, 51.0], &[0.0, 2.0], &[1.0, 3.0]);
    for part in 0..16 {
        std::fs::write(&path, &whole[..whole.len() * part / 16]).unwrap();
        assert!(rwc_instruments::read_annotation(&path).is_err(), "{part}");
    }
    std::fs::write(&path, whole).unwrap();
    assert_eq!(rwc_instruments::read_annotation(&path).unwrap().len(), 2);
}
