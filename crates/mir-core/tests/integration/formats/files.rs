//! Files as they are in circulation.

use mir_core::formats::{
    Jams, NoteColumn, NoteFormat, SonicKind, parse_f0, parse_maps, parse_musicnet,
    parse_note_columns, parse_score_text, parse_sonic_csv, parse_svl, read_notes, read_text,
};
use mir_core::{Error, Note};
use mir_testkit::{assert_close, test_data};

use super::here;

#[test]
fn jams_files_hold_what_their_makers_say() {
    let Some(folder) = test_data("jams") else { return };
    for name in ["valid.jams", "valid.jamz"] {
        let jams = Jams::read(folder.join(name)).unwrap();
        let sizes: Vec<(&str, usize)> =
            jams.annotations().iter().map(|a| (a.namespace(), a.len())).collect();
        assert_eq!(sizes, [("beat", 32), ("tag_open", 2)], "{name}");
        assert_eq!(Jams::parse(&jams.render(), here()).unwrap(), jams, "{name}");
    }
    let notes = Jams::read(folder.join("transcription_ref.jams")).unwrap().notes().unwrap();
    assert_eq!(notes.len(), 4);
    assert_close(notes[0].pitch().hz(), 220.0, 1e-9, "pitch");
    assert_close(notes[1].offset(), 0.4, 1e-9, "offset");
    let patterns = Jams::read(folder.join("pattern_data.jams")).unwrap();
    assert_eq!(patterns.annotations()[0].len(), 292);
    let error = patterns.annotations()[0].notes().unwrap_err();
    assert!(matches!(error, Error::Entry { field: "namespace", .. }), "{error}");
    assert_eq!(Jams::parse(&patterns.render(), here()).unwrap(), patterns);
    // What is not interpreted passes, sense or nonsense.
    let invalid = Jams::read(folder.join("invalid.jams")).unwrap();
    assert!(invalid.annotations()[0].render().contains("-20"));
}

#[test]
fn a_guitarset_file_is_read_whole() {
    let Some(path) = test_data("guitarset/annotation/00_BN1-129-Eb_comp.jams") else { return };
    let jams = Jams::read(path).unwrap();
    let strings: Vec<usize> =
        jams.annotations().iter().filter(|a| a.holds_notes()).map(|a| a.len()).collect();
    assert_eq!(strings, [7, 23, 33, 36, 25, 9]);
    let notes = jams.notes().unwrap();
    assert_eq!(notes.len(), 133);
    let lowest = jams.annotations()[1].notes().unwrap()[0];
    assert_close(lowest.onset(), 7.457_274_376_417_217, 1e-12, "onset");
    assert_close(lowest.pitch().midi(), 44.018_916_657_381_37, 1e-12, "pitch");
    let contours = jams.annotations()[0].contours().unwrap();
    assert_eq!(contours.len(), 7);
    assert_close(contours[0].frames()[0].time, 7.463_079_364_999_999, 1e-12, "time");
    assert_close(jams.metadata().duration.unwrap(), 22.324_4, 1e-3, "duration");
    assert_eq!(jams.annotations().len(), 17);
    assert_eq!(Jams::parse(&jams.render(), here()).unwrap(), jams);
}

#[test]
fn musicnet_labels_are_in_seconds() {
    let Some(folder) = test_data("musicnet/labels-excerpt") else { return };
    let path = folder.join("1733.csv");
    let labels = parse_musicnet(&read_text(&path).unwrap(), &path).unwrap();
    assert_eq!((labels[0].start, labels[0].end, labels[0].instrument), (90_078, 92_638, 1));
    assert_eq!(labels[0].note_value, "Triplet Sixty Fourth");
    assert_close(labels[1].beats, 3.0, 0.0, "beats");
    assert_close(labels[0].note().onset(), 90_078.0 / 44_100.0, 1e-12, "onset");
    assert_eq!(NoteFormat::read(&path).unwrap().len(), labels.len());
}

#[test]
fn label_files_of_maps_are_read() {
    let Some(folder) = test_data("maps/test/tsv/matched") else { return };
    let notes = read_notes(folder.join("MAPS_MUS-alb_se2_ENSTDkCl.tsv")).unwrap();
    assert_eq!(notes.len(), 2201);
    assert_close(notes[0].onset(), 0.521_985, 1e-12, "onset");
    // The same notes as the original label text has them.
    let text = mir_core::formats::render_maps(&notes);
    let original = parse_maps(&text, here()).unwrap();
    assert!(original.iter().zip(&notes).all(|(a, b)| a.shifted(0.0).pitch() == b.pitch()));
}

#[test]
fn sonic_visualiser_sessions_are_compressed() {
    let Some(path) = test_data("madmom/annotations/stereo_sample.sv") else { return };
    let error = read_text(path).unwrap_err();
    assert!(matches!(error, Error::Compressed { kind: "bzip2", .. }), "{error}");
}

#[test]
fn other_orders_of_columns_are_read() {
    use NoteColumn::{Duration, Hertz, Midi, Offset, Onset, Velocity};
    let read = |path: &str, columns: &[NoteColumn]| -> Option<Vec<Note>> {
        let path = test_data(path)?;
        Some(parse_note_columns(&read_text(&path).unwrap(), columns, &path).unwrap())
    };
    let folder = "madmom/annotations/stereo_sample";
    let notes = read(&format!("{folder}.notes"), &[Onset, Midi, Duration, Velocity]);
    let mirex = read(&format!("{folder}.notes.mirex"), &[Onset, Offset, Hertz]);
    if let (Some(notes), Some(mirex)) = (notes, mirex) {
        assert_eq!(notes.len(), 8);
        assert_eq!(notes[0].velocity().value(), 63);
        for (a, b) in notes.iter().zip(&mirex) {
            assert_close(a.offset(), b.offset(), 1.1e-3, "offset");
            assert_close(a.pitch().midi(), b.pitch().midi(), 0.02, "pitch");
        }
    }
    if let Some(solo) =
        read("wjazzd/score_csv/MilesDavis_SoWhat_FINAL_solo.csv", &[Midi, Onset, Duration])
    {
        assert_close(solo[0].onset(), 2.275_555_555_555_555_6, 1e-9, "onset");
        assert_close(solo[0].pitch().midi(), 74.0, 0.0, "pitch");
    }
}

#[test]
fn pitch_files_of_medleydb_are_read() {
    let Some(folder) = test_data("medleydb/Annotations/Pitch") else { return };
    let read = |name: &str| {
        let path = folder.join(name);
        parse_f0(&read_text(&path).unwrap(), &path)
    };
    assert_eq!(read("MusicDelta_Reggae_STEM_04.csv").unwrap().frames().len(), 1154);
    let flax = read("MatthewEntwistle_TheFlaxenField_STEM_02.csv").unwrap();
    assert_eq!(flax.frames().len(), 27_127);
    assert_close(flax.frames()[0].time, 86.501_333_333, 1e-12, "time");
    // This one runs backwards once.
    let error = read("MusicDelta_Beethoven_STEM_06.csv").unwrap_err();
    assert!(matches!(error, Error::Parse { field: "time", .. }), "{error}");
}

/// A session as Sonic Visualiser 2 writes it, shortened: two layers with points, and what surrounds them.
const SESSION: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE sonic-visualiser>
<sv>
<data>
  <model id="0" name="a &amp; b.wav" sampleRate="44100" start="0" end="182919" type="wavefile" mainModel="true"/>
  <playparameters mute="false" pan="0" gain="1" pluginId="" model="0"/>
  <model id="2" name="" sampleRate="44100" start="6477" end="152099" type="sparse" dimensions="3" resolution="1" notifyOnAdd="true" dataset="1"  subtype="note" valueQuantization="1" minimum="0" maximum="77" units=""/>
  <dataset id="1" dimensions="3">
    <point frame="6477" value="72" duration="146540" level="0.492188" label="C4 - vel 63" />
    <point frame="69090" value="41" duration="9830" level="0.226562" label="F1 &lt;29&gt;" />
  </dataset>
  <model id="5" name="" sampleRate="44100" start="4026" end="94718" type="sparse" dimensions="1" resolution="1" notifyOnAdd="true" dataset="4" />
  <dataset id="4" dimensions="1">
    <point frame="4026" label="1.1" />
    <point frame="35267" label="1.2" />
  </dataset>
</data>
<display>
</display>
</sv>
"##;

#[test]
fn the_layers_of_a_session_are_found() {
    let layers = parse_svl(SESSION, here()).unwrap();
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[1].kind, SonicKind::Instants);
    assert_close(layers[1].points[0].time, 4026.0 / 44_100.0, 1e-12, "instant");
    let notes = layers[0].notes(layers[0].pitch_unit(), here()).unwrap();
    assert_eq!(notes.iter().map(|n| n.velocity().value()).collect::<Vec<_>>(), [63, 29]);
    assert_eq!(layers[0].points[1].label, "F1 <29>");
    for (from, to, field) in [
        ("frame=\"6477\"", "frame=\"x\"", "frame"),
        ("duration=\"9830\"", "duration=\"-1\"", "duration"),
        ("value=\"41\"", "", "value"),
        ("sampleRate=\"44100\" start=\"6477\"", "sampleRate=\"0\"", "sampleRate"),
    ] {
        let error = parse_svl(&SESSION.replace(from, to), here()).unwrap_err();
        assert!(matches!(error, Error::Entry { field: f, .. } if f == field), "{from}: {error}");
    }
    let cut = parse_svl(&SESSION[..900], here()).unwrap_err();
    assert!(matches!(cut, Error::Xml { line: 9.., .. }), "{cut}");
    assert!(parse_svl("no xml", here()).is_err());
}

#[test]
fn errors_say_where() {
    let place = |error: Error| match error {
        Error::Parse { line, field, .. } => (line, field),
        other => panic!("{other}"),
    };
    let score = |text: &str| place(parse_score_text(text, here()).unwrap_err());
    assert_eq!(score("! comment\n0.5,x,C4\n"), (2, "offset"));
    assert_eq!(score("0.5,1.0\n"), (1, "note"));
    assert_eq!(score("0.5,0.1,C4\n"), (1, "onset and offset"));
    let label = |text: &str| place(mir_core::formats::parse_audacity(text, here()).unwrap_err());
    assert_eq!(label("\\\t1\t2\n"), (1, "line"));
    assert_eq!(label("1\t0.5\tx\n"), (1, "end"));
    assert_eq!(label("-1\t0.5\tx\n"), (1, "start"));
    assert_eq!(label("1\t2\tx\n\\\tnan\t2\n"), (2, "low frequency"));
    let musicnet = |text: &str| place(parse_musicnet(text, here()).unwrap_err());
    assert_eq!(musicnet("start_time,…\n10,5,1,60,0,0,x\n"), (2, "end_time"));
    assert_eq!(musicnet("1.5,5,1,60,0,0,x\n"), (1, "start_time"));
    assert_eq!(musicnet("1,5,1,128,0,0,x\n"), (1, "note"));
    assert_eq!(musicnet("1e18,5e18,1,60,0,0,x\n"), (1, "start_time"));
    let f0 = |text: &str| place(parse_f0(text, here()).unwrap_err());
    assert_eq!(f0("0.0 220\n0.0 220\n"), (2, "time"));
    assert_eq!(f0("0.0 220 1.5\n"), (1, "confidence"));
    assert_eq!(f0("0.0\n"), (1, "frequency"));
    let sonic = |text: &str, kind| place(parse_sonic_csv(text, kind, here()).unwrap_err());
    assert_eq!(sonic("0.5,60,-1,0.5,x\n", SonicKind::Notes), (1, "duration"));
    assert_eq!(sonic("0.5,60,1,500,x\n", SonicKind::Notes), (1, "level"));
    assert_eq!(sonic("0.5\n", SonicKind::Values), (1, "value"));
}
