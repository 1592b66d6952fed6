//! What is written is read back.

use mir_core::formats::{
    AudacityLabel, Jams, JamsAnnotation, JamsMetadata, MusicNetLabel, NoteFormat, PitchUnit,
    SonicKind, SonicLayer, SonicPoint, parse_audacity, parse_f0, parse_musicnet, parse_sonic_csv,
    parse_svl, render_audacity, render_f0, render_musicnet, render_sonic_csv, render_svl,
};
use mir_core::{F0Frame, F0Track, Interval, Key, Note, Pitch, SampleRate};
use proptest::prelude::*;

use super::{here, note};

/// Times on a grid of 10 µs, so that equal times stay equal in six decimals.
fn time() -> impl Strategy<Value = f64> {
    (0u32..360_000_000).prop_map(|n| f64::from(n) * 1e-5)
}

fn notes(midi: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<Note>> {
    let one = (time(), 0u32..2_000_000, midi, 1u8..=127)
        .prop_map(|(t, n, midi, velocity)| note(t, t + f64::from(n) * 1e-5, midi, velocity));
    prop::collection::vec(one, 0..40).prop_map(|mut notes| {
        Note::sort(&mut notes);
        notes
    })
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zA-Z0-9 ,;:\"'<>&#ö♯/-]{0,12}"]
        .prop_map(|text: String| text.trim().to_owned())
}

fn close(a: &[Note], b: &[Note], seconds: f64) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            (a.onset() - b.onset()).abs() <= seconds
                && (a.offset() - b.offset()).abs() <= seconds
                && (a.pitch().midi() - b.pitch().midi()).abs() < 1e-9
        })
}

/// Whether the velocities are in the text.
fn keeps_velocity(format: NoteFormat) -> bool {
    !matches!(
        format,
        NoteFormat::Maps | NoteFormat::MusicNet | NoteFormat::Score | NoteFormat::Audacity
    )
}

proptest! {
    #[test]
    fn notes_survive_every_format(notes in notes((0u8..=127).prop_map(f64::from))) {
        for format in NoteFormat::ALL {
            let text = format.render(&notes).unwrap();
            let back = format.parse(&text, here()).unwrap();
            // Half a sample at 44.1 kHz where the format counts samples, else half of the sixth decimal.
            let seconds = match format {
                NoteFormat::MusicNet | NoteFormat::Svl => 1.2e-5,
                _ => 5.1e-7,
            };
            // Rounding may exchange notes of one time; order by key there.
            let order = |notes: &[Note]| {
                let mut notes = notes.to_vec();
                notes.sort_by(|a, b| {
                    a.pitch().midi().total_cmp(&b.pitch().midi())
                        .then(a.onset().total_cmp(&b.onset()))
                        .then(a.offset().total_cmp(&b.offset()))
                });
                notes
            };
            prop_assert!(close(&order(&notes), &order(&back), seconds), "{format}: {text}");
            if keeps_velocity(format) {
                let mut sum = [0u32; 2];
                for (notes, sum) in [&notes, &back].into_iter().zip(&mut sum) {
                    *sum = notes.iter().map(|n| u32::from(n.velocity().value())).sum();
                }
                prop_assert_eq!(sum[0], sum[1], "{}", format);
            }
        }
    }

    #[test]
    fn pitches_between_the_keys_survive(notes in notes(0.0f64..127.0)) {
        for format in NoteFormat::ALL {
            if format == NoteFormat::MusicNet {
                continue;
            }
            let back = format.parse(&format.render(&notes).unwrap(), here()).unwrap();
            let sum = |notes: &[Note]| notes.iter().map(|n| n.pitch().midi()).sum::<f64>();
            prop_assert_eq!(back.len(), notes.len());
            prop_assert!((sum(&back) - sum(&notes)).abs() < 1e-6, "{}", format);
        }
    }

    #[test]
    fn a_format_is_recognised_by_its_text(notes in notes((0u8..=127).prop_map(f64::from))) {
        // Sonic Visualiser's values look like ours, and an empty text is every format.
        prop_assume!(!notes.is_empty());
        for format in NoteFormat::ALL {
            let name = match format {
                NoteFormat::Json => "x.json",
                NoteFormat::Jams => "x.jams",
                NoteFormat::SonicCsv => continue,
                _ => "x.txt",
            };
            let text = format.render(&notes).unwrap();
            prop_assert_eq!(NoteFormat::detect(&text, name.as_ref()), format, "{}", text);
        }
    }

    #[test]
    fn audacity_labels_survive(
        rows in prop::collection::vec((time(), 0u32..100_000, label(), prop::option::of((0u32..20_000, 0u32..20_000))), 0..20)
    ) {
        let labels: Vec<AudacityLabel> = rows.into_iter().map(|(t, n, text, band)| AudacityLabel {
            interval: Interval::new(t, t + f64::from(n) * 1e-5).unwrap(),
            text,
            band: band.map(|(low, high)| (f64::from(low), f64::from(high))),
        }).collect();
        let back = parse_audacity(&render_audacity(&labels), here()).unwrap();
        prop_assert_eq!(back.len(), labels.len());
        for (a, b) in back.iter().zip(&labels) {
            prop_assert!((a.interval.start() - b.interval.start()).abs() < 6e-7);
            prop_assert!((a.interval.end() - b.interval.end()).abs() < 6e-7);
            prop_assert_eq!(&a.text, &b.text);
            prop_assert_eq!(a.band, b.band);
        }
    }

    #[test]
    fn layers_survive_as_values_and_as_xml(
        kind in prop::sample::select(vec![SonicKind::Instants, SonicKind::Values, SonicKind::Notes, SonicKind::Regions]),
        // Samples at 48 kHz, so that XML is exact.
        rows in prop::collection::vec((0u32..100_000_000, -500.0f64..20_000.0, 0u32..1_000_000, 0u8..=128, label()), 0..20),
        name in label(),
    ) {
        let has_value = kind != SonicKind::Instants;
        let lasts = matches!(kind, SonicKind::Notes | SonicKind::Regions);
        let points: Vec<SonicPoint> = rows.into_iter().map(|(frame, value, duration, level, label)| SonicPoint {
            time: f64::from(frame) / 48_000.0,
            value: if has_value { value } else { 0.0 },
            duration: if lasts { f64::from(duration) / 48_000.0 } else { 0.0 },
            level: if kind == SonicKind::Notes { f64::from(level) / 128.0 } else { 0.0 },
            label,
        }).collect();
        let same = |a: &[SonicPoint], b: &[SonicPoint], seconds: f64| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| {
                (a.time - b.time).abs() <= seconds
                    && (a.duration - b.duration).abs() <= seconds
                    && (a.value - b.value).abs() == 0.0
                    && (a.level - b.level).abs() == 0.0
                    && a.label == b.label
            })
        };
        let back = parse_sonic_csv(&render_sonic_csv(kind, &points), kind, here()).unwrap();
        prop_assert!(same(&back, &points, 1e-9), "{back:?} {points:?}");
        let unit = if has_value { "Hz" } else { "" }.to_owned();
        let layer = SonicLayer { kind, name, unit, points };
        let back = parse_svl(&render_svl(&layer, SampleRate::HZ_48000), here()).unwrap();
        prop_assert_eq!(back.len(), 1);
        prop_assert!(same(&back[0].points, &layer.points, 1e-9));
        prop_assert_eq!((&back[0].name, &back[0].unit, back[0].kind), (&layer.name, &layer.unit, kind));
    }

    #[test]
    fn labels_of_musicnet_survive(
        rows in prop::collection::vec((0u32..1 << 30, 0u32..1 << 20, 0u8..=128, 0u8..=127, 0.0f64..2000.0, 0.0f64..16.0, label()), 0..20)
    ) {
        let labels: Vec<MusicNetLabel> = rows.into_iter().map(|(start, length, instrument, key, start_beat, beats, note_value)| MusicNetLabel {
            start: u64::from(start),
            end: u64::from(start) + u64::from(length),
            instrument,
            key: Key::new(key).unwrap(),
            start_beat,
            beats,
            note_value,
        }).collect();
        prop_assert_eq!(parse_musicnet(&render_musicnet(&labels), here()).unwrap(), labels);
    }

    #[test]
    fn pitch_tracks_survive(
        graded: bool,
        frames in prop::collection::vec((1u32..1000, prop::option::of(20.0f64..5000.0), 0u8..=8), 0..60)
    ) {
        let mut now = 0.0;
        let frames = frames.into_iter().map(|(step, hz, eighths)| {
            now += f64::from(step) * 1e-4;
            let pitch = hz.map(|hz| Pitch::from_hz(hz).unwrap());
            let voicing = if graded { f32::from(eighths) / 8.0 } else { f32::from(eighths % 2) };
            F0Frame { time: now, pitch, voicing: if pitch.is_some() { voicing } else { 0.0 } }
        });
        let track = F0Track::new(frames.collect()).unwrap();
        let annotation = JamsAnnotation::from_f0(std::slice::from_ref(&track));
        let jams = {
            let mut jams = Jams::new(&JamsMetadata::default());
            jams.push(annotation);
            Jams::parse(&jams.render(), here()).unwrap()
        };
        let contours = jams.annotations()[0].contours().unwrap();
        let text = parse_f0(&render_f0(&track), here()).unwrap();
        let empty = F0Track::default();
        for back in [&text, contours.first().unwrap_or(&empty)] {
            prop_assert_eq!(back.frames().len(), track.frames().len());
            for (a, b) in back.frames().iter().zip(track.frames()) {
                prop_assert!((a.time - b.time).abs() < 1e-9);
                prop_assert!((a.voicing - b.voicing).abs() < 1e-6);
                prop_assert_eq!(a.pitch.is_some(), b.pitch.is_some());
                let hz = |f: &F0Frame| f.pitch.map_or(0.0, Pitch::hz);
                prop_assert!((hz(a) - hz(b)).abs() < 1e-6);
            }
        }
        let layer = SonicLayer::from_f0(&track);
        let voiced = |track: &F0Track| track.frames().iter().filter(|f| f.voicing > 0.0).count();
        prop_assert_eq!(voiced(&layer.f0(here()).unwrap()), voiced(&track));
    }

    #[test]
    fn jams_documents_survive(
        notes in notes(0.0f64..127.0),
        title in label(),
        duration in prop::option::of(0.0f64..1e5),
    ) {
        let metadata = JamsMetadata { title, duration, ..JamsMetadata::default() };
        let mut jams = Jams::new(&metadata);
        jams.push(JamsAnnotation::from_notes(&notes, PitchUnit::Midi));
        jams.push(JamsAnnotation::from_notes(&[], PitchUnit::Hertz));
        let back = Jams::parse(&jams.render(), here()).unwrap();
        prop_assert_eq!(&back, &jams);
        prop_assert_eq!(back.metadata(), metadata);
        prop_assert!(close(&back.notes().unwrap(), &notes, 1e-9));
    }
}

#[test]
fn nothing_is_nothing_in_every_format() {
    for format in NoteFormat::ALL {
        for text in ["", "\u{feff}", "\r\n\r\n"] {
            assert_eq!(format.parse(text, here()).unwrap(), [], "{format} {text:?}");
        }
        let text = format.render(&[]).unwrap();
        assert_eq!(format.parse(&text, here()).unwrap(), [], "{format}");
        assert_eq!(format.name().parse::<NoteFormat>().unwrap(), format);
    }
    assert!(parse_f0("", here()).unwrap().frames().is_empty());
    assert!("midi".parse::<NoteFormat>().is_err());
}

#[test]
fn a_compressed_jams_file_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jamz");
    let notes = [note(0.5, 1.25, 60.0, 80)];
    NoteFormat::write(&path, &notes).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(NoteFormat::read(&path).unwrap(), notes);
}
