//! Pages: whole, safe against any name, and with the numbers of the table.

use mir_eval::{
    Counts, Key, Note, Velocity,
    analysis::{
        AnalysisConfig, PassageConfig, PassageOrder, PrecisionRecall, ThresholdCounts, analyze,
        worst_passages,
    },
    plots::{CurvesPlot, Series},
    report::{
        Cell, Grid, Page, ReportPassage, ReportPiece, Sound, Table, TranscriptionReport,
        worst_of_pieces,
    },
    stats::{ResamplingConfig, UndefinedPolicy},
};
use mir_testkit::html::{Element, data_of, elements};

/// A name that would break a page in which it is not escaped.
const HOSTILE: &str = "</script><b>&\" onload=\"x\"";

const SECTIONS: [&str; 8] =
    ["run", "scores", "training", "thresholds", "mistakes", "confusions", "qualities", "passages"];

fn note(key: u8, onset: f64) -> Note {
    Note::new(onset, onset + 0.4, Key::new(key).unwrap().pitch(), Velocity::MEDIUM).unwrap()
}

fn piece(name: &str, reference: Vec<Note>, estimate: Vec<Note>) -> ReportPiece {
    let analysis = analyze(&reference, &estimate, &AnalysisConfig::default()).unwrap();
    ReportPiece { name: name.to_owned(), reference, estimate, analysis, has_velocity: false }
}

fn report(pieces: Vec<ReportPiece>) -> TranscriptionReport {
    let mut scores = Table::new(["note F1", "frame F1"], UndefinedPolicy::Refuse);
    for (index, piece) in pieces.iter().enumerate() {
        let f1 = piece.analysis.counts().score(1.0).f1;
        scores.push(piece.name.clone(), [Some(f1), Some(0.1 + index as f64 / 7.0)]).unwrap();
    }
    let config = PassageConfig::default();
    let lists: Vec<_> = pieces
        .iter()
        .map(|p| worst_passages(&p.reference, &p.estimate, &p.analysis, &config).unwrap())
        .collect();
    let passages = worst_of_pieces(&lists, 3, PassageOrder::Errors);
    let sound = Sound {
        label: format!("Recording of {HOSTILE}"),
        media_type: "audio/flac",
        bytes: (0..=255).collect(),
    };
    TranscriptionReport {
        title: format!("Run {HOSTILE}"),
        facts: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        settings: format!("name = '{HOSTILE}'"),
        headline: vec!["frame F1".to_owned(), "no such column".to_owned()],
        scores: scores.with_intervals(ResamplingConfig::default()).unwrap(),
        curves: Vec::new(),
        thresholds: None,
        passages: passages
            .into_iter()
            .map(|(piece, i)| {
                let (passage, sounds) = (lists[piece][i], vec![sound.clone()]);
                ReportPassage { piece, passage, sounds }
            })
            .collect(),
        pieces,
    }
}

/// The elements of the page, after what has to hold for every page.
fn checked(report: &TranscriptionReport) -> Vec<Element> {
    let page = report.html().unwrap();
    let all = elements(&page);
    let sections: Vec<_> =
        all.iter().filter(|e| e.name == "section").filter_map(|e| e.attribute("id")).collect();
    assert_eq!(sections, SECTIONS);
    for element in &all {
        assert!(!["script", "link", "iframe", "b"].contains(&element.name.as_str()), "{element:?}");
        for (key, value) in &element.attributes {
            assert!(!key.starts_with("on"), "{element:?}");
            let inside = match key.as_str() {
                "href" => SECTIONS.iter().any(|section| *value == format!("#{section}")),
                "src" => data_of(value).is_some(),
                _ => true,
            };
            assert!(inside, "{key} leads out of the page: {value}");
        }
        let label = element.attribute("aria-label").unwrap_or_default();
        assert!(!["svg", "audio"].contains(&element.name.as_str()) || !label.is_empty());
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
    let text = |name: &str| all.iter().find(|e| e.name == name).unwrap().text.clone();
    assert_eq!((text("title"), text("h1")), (report.title.clone(), report.title.clone()));
    all
}

fn numbers(all: &[Element], section: &str) -> Vec<f64> {
    let values = all.iter().filter(|e| e.name == "data" && e.section == section);
    values.map(|e| e.attribute("value").unwrap().parse().unwrap()).collect()
}

fn melody(keys: std::ops::Range<u8>) -> Vec<Note> {
    keys.map(|key| note(key, f64::from(key) / 4.0)).collect()
}

#[test]
fn a_page_holds_the_table_and_what_is_wrong() {
    let mut estimate = melody(50..90);
    estimate.drain(10..16);
    estimate.push(note(72 + 12, 18.0));
    Note::sort(&mut estimate);
    let mut report = report(vec![
        piece(HOSTILE, melody(50..90), estimate),
        piece("right", melody(40..60), melody(40..60)),
    ]);
    let at = |threshold, matched, estimated| ThresholdCounts {
        threshold,
        counts: Counts { matched, reference: 60, estimated },
    };
    let curve = PrecisionRecall::new([[at(0.3, 55, 80), at(0.5, 54, 55), at(0.9, 0, 0)]]).unwrap();
    report.thresholds = Some((curve, 0.5));
    let series = Series { name: HOSTILE.to_owned(), points: vec![(1.0, 2.0), (2.0, 1.0)] };
    report.curves = vec![(CurvesPlot::default(), vec![series.clone(), series])];
    let all = checked(&report);

    let mut expected: Vec<f64> =
        report.scores.rows().iter().flat_map(|row| row.values.iter().flatten()).copied().collect();
    expected.extend((0..2).map(|column| report.scores.summary(column).unwrap().mean));
    assert_eq!(numbers(&all, "scores"), expected);
    let lead = all.iter().find(|e| e.attribute("class") == Some("lead")).unwrap();
    assert_eq!(lead.text, "Frame F1 0.171 over 2 pieces.");
    let sounds: Vec<_> = all.iter().filter(|e| e.name == "audio").collect();
    assert_eq!(sounds.len(), 1, "one passage has mistakes");
    let (media, bytes) = data_of(sounds[0].attribute("src").unwrap()).unwrap();
    assert_eq!((media.as_str(), bytes), ("audio/flac", (0..=255).collect()));
    assert!(all.iter().any(|e| e.name == "h3" && e.text.contains(HOSTILE)));
    let pictures =
        |section: &str| all.iter().filter(|e| e.name == "svg" && e.section == section).count();
    assert_eq!(SECTIONS.map(pictures), [0, 0, 1, 1, 1, 0, 4, 1]);
    // Every kind of note has its row, and the kinds add up.
    let rows =
        all.iter().filter(|e| e.section == "mistakes" && e.attribute("scope") == Some("row"));
    assert_eq!(rows.count(), 12);
    // Six missed notes and one octave beside a note that is there.
    let cells: Vec<&str> = (all.iter())
        .filter(|e| e.section == "mistakes" && e.name == "td")
        .map(|e| e.text.as_str())
        .collect();
    let row = |index: usize| (cells[5 * index], cells[5 * index + 2]);
    assert_eq!(
        (row(0), row(3), row(9), row(11)),
        (("54", "54"), ("0", "1"), ("6", "0"), ("60", "55"))
    );
}

#[test]
fn empty_runs_have_a_page_too() {
    for (what, pieces) in [
        ("no piece", vec![]),
        ("one piece without notes", vec![piece("rest", vec![], vec![])]),
        ("nothing heard", vec![piece("deaf", melody(50..70), vec![])]),
        ("nothing there", vec![piece("noise", vec![], melody(50..70))]),
        ("all right", vec![piece("right", melody(50..70), melody(50..70))]),
    ] {
        let report = report(pieces);
        let all = checked(&report);
        let passages = all.iter().filter(|e| e.name == "svg" && e.section == "passages").count();
        assert_eq!(passages, report.passages.len(), "{what}");
        let says = all.iter().any(|e| e.text.contains("No passage has a wrong note."));
        assert_eq!(says, report.passages.is_empty(), "{what}");
    }
}

#[test]
fn what_is_unfolded_on_demand_is_closed_before_the_next_section() {
    let mut page = Page::new("title", "lead");
    page.folded("outer", |page| {
        page.folded("inner", |page| page.verbatim("a < b"));
        page.paragraph("after");
    });
    page.section("next", "Next");
    page.heading("part");
    page.table(&Grid {
        rows: vec![("row".to_owned(), vec![Cell::Empty])],
        totals: 5,
        ..Grid::default()
    });
    page.sounds(&[]);
    let all = elements(&page.finish());
    let after = all.iter().position(|e| e.text == "after").unwrap();
    assert!(all[..after].iter().any(|e| e.name == "pre" && e.text == "a < b"));
    assert!(all.iter().any(|e| e.name == "h3" && e.section == "next"));
    assert!(all.iter().all(|e| e.name != "audio" && e.name != "tbody"));
}
