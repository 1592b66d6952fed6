//! Pictures: they have the promised size, decode, and refuse what cannot be drawn.

use mir_eval::{
    Error, F0Frame, F0Track, Key, Note, Pitch, Velocity,
    plots::{
        BarSeries, BarsPlot, BoxPlot, ConfusionPlot, CurvesPlot, Figure, Group, HistogramPlot,
        MatrixPlot, OperatingPoint, PitchFrame, PitchPlot, RollPlot, Series, bars, box_plots,
        confusion, curves, histogram, matrix, piano_roll, pitch_confusion, pitch_errors,
        pitch_roll, precision_recall,
    },
};
use mir_testkit::signal::Random;
use ndarray::Array2;

/// A piece and a transcription of it with errors of every kind.
fn piece(notes: usize, seconds: f64) -> (Vec<Note>, Vec<Note>) {
    let mut random = Random::new(7);
    let (mut reference, mut estimate) = (Vec::new(), Vec::new());
    for _ in 0..notes {
        let onset = random.uniform() * seconds;
        let offset = onset + 0.1 + 0.9 * random.uniform();
        let key = 40 + random.below(44) as u8;
        let velocity = Velocity::new(20 + random.below(100) as u8).unwrap();
        let note = |key: u8, on: f64, off: f64| {
            Note::new(on, off, Key::new(key).unwrap().pitch(), velocity).unwrap()
        };
        match random.below(10) {
            0 => reference.push(note(key, onset, offset)),
            1 => estimate.push(note(key, onset, offset)),
            2 => {
                reference.push(note(key, onset, offset));
                estimate.push(note(key, onset, onset + 0.4 * (offset - onset)));
            }
            _ => {
                reference.push(note(key, onset, offset));
                estimate.push(note(key, onset + 0.01, offset));
            }
        }
    }
    Note::sort(&mut reference);
    Note::sort(&mut estimate);
    (reference, estimate)
}

/// Decodes the PNG and checks its size and that something was painted.
fn check(figure: &Figure, name: &str) {
    let bytes = figure.png_bytes().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = figure.size();
    assert_eq!((info.width, info.height), (2 * width, 2 * height), "{name}");
    assert!(pixels.iter().any(|&p| p < 200), "{name} is blank");
    assert!(figure.svg().starts_with("<svg") && figure.svg().ends_with("</svg>\n"));
    // For a look at the pictures themselves.
    if let Some(folder) = std::env::var_os("MIR_EVAL_PICTURES") {
        for extension in ["png", "svg"] {
            figure
                .write(std::path::Path::new(&folder).join(format!("{name}.{extension}")))
                .unwrap();
        }
    }
}

#[test]
fn rolls_of_any_length_are_drawn() {
    for (name, notes, seconds) in
        [("roll-short", 60, 12.0), ("roll-long", 1500, 250.0), ("roll-hour", 20_000, 3600.0)]
    {
        let (reference, estimate) = piece(notes, seconds);
        let plot = RollPlot { title: format!("A piece of {seconds} s"), ..RollPlot::default() };
        check(&piano_roll(Some(&reference), &estimate, &plot).unwrap(), name);
    }
    let (_, estimate) = piece(60, 12.0);
    check(&piano_roll(None, &estimate, &RollPlot::default()).unwrap(), "roll-alone");
    check(&piano_roll(Some(&[]), &[], &RollPlot::default()).unwrap(), "roll-empty");
    let plot = RollPlot {
        range: Some((4.0, 6.5)),
        size: (480, 300),
        title: "A longer title than there is room for in one line".into(),
        ..RollPlot::default()
    };
    check(&piano_roll(Some(&estimate), &estimate, &plot).unwrap(), "roll-part");
}

#[test]
fn the_legend_counts_what_is_shown() {
    let (reference, estimate) = piece(60, 12.0);
    let figure = piano_roll(Some(&reference), &estimate, &RollPlot::default()).unwrap();
    let config = mir_eval::transcription::TranscriptionConfig::default();
    let scores = mir_eval::transcription::evaluate(&reference, &estimate, &config).unwrap();
    let missed = reference.len() - scores.note.counts.matched;
    let extra = estimate.len() - scores.note.counts.matched;
    for text in [format!(">{missed} missed<"), format!(">{extra} extra<")] {
        assert!(figure.svg().contains(&text), "{text}");
    }
}

#[test]
fn curves_are_drawn() {
    let mut random = Random::new(3);
    let mut line = |name: &str, high: f64, n: usize| {
        let mut y =
            |i: usize| high * (-(i as f64) / n as f64 * 4.0).exp() + 0.03 * random.uniform();
        let points = (0..n).map(|i| (i as f64 * 20_000.0 / n as f64, y(i))).collect();
        Series { name: name.to_owned(), points }
    };
    let series = [line("training loss", 0.6, 20_000), line("validation loss", 0.7, 40)];
    let plot = CurvesPlot {
        title: "Loss".into(),
        x_label: "step".into(),
        y_label: "binary cross-entropy".into(),
        ..CurvesPlot::default()
    };
    check(&curves(&series, &plot).unwrap(), "curves");
    check(
        &curves(
            &series[..1],
            &CurvesPlot { y_range: Some((0.0, 0.3)), size: (300, 200), ..CurvesPlot::default() },
        )
        .unwrap(),
        "curves-cut",
    );
    check(&curves(&[], &plot).unwrap(), "curves-empty");
}

#[test]
fn matrices_are_drawn() {
    let values = Array2::from_shape_fn((4000, 229), |(t, b)| {
        let ridge = 60.0 + 40.0 * (t as f32 / 300.0).sin();
        -80.0 + 80.0 * (-((b as f32 - ridge) / 8.0).powi(2)).exp()
    });
    let plot = MatrixPlot {
        title: "Log-mel spectrogram".into(),
        x_label: "time (s)".into(),
        y_label: "mel band".into(),
        value_label: "level (dB)".into(),
        x_range: Some((0.0, 128.0)),
        ..MatrixPlot::default()
    };
    check(&matrix(&values, &plot).unwrap(), "matrix");
    check(&matrix(&Array2::zeros((3, 2)), &MatrixPlot::default()).unwrap(), "matrix-small");
    // A view that is not contiguous is as good as an array.
    check(&matrix(&values.t(), &MatrixPlot::default()).unwrap(), "matrix-view");
}

/// A melody and an estimate of it with mistakes of every kind.
fn melody(frames: usize) -> (F0Track, F0Track) {
    let mut random = Random::new(11);
    let (mut reference, mut estimate) = (Vec::new(), Vec::new());
    for i in 0..frames {
        let time = i as f64 * 0.01;
        let midi = 62.0 + 8.0 * (time / 2.0).sin() + 0.3 * (time * 30.0).sin();
        let there = i % 200 > 40;
        let error = match i / 60 % 7 {
            0 => 12.0,
            1 => -12.0,
            2 => 5.0 + random.uniform(),
            _ => 0.2 * random.uniform(),
        };
        let frame = |pitch: Option<f64>, voicing: f32| F0Frame {
            time,
            pitch: pitch.map(|midi| Pitch::from_midi(midi).unwrap()),
            voicing,
        };
        reference.push(frame(there.then_some(midi), f32::from(u8::from(there))));
        let voiced = i / 45 % 4 != 0;
        estimate.push(frame(Some(midi + error), f32::from(u8::from(voiced))));
    }
    (F0Track::new(reference).unwrap(), F0Track::new(estimate).unwrap())
}

/// Pairs of pitches where both sides have one.
fn pairs(frames: &[PitchFrame]) -> Vec<(f64, f64)> {
    let pair = |f: &PitchFrame| Some((f.reference.first()?.midi(), f.estimate.first()?.midi()));
    frames.iter().filter_map(pair).collect()
}

#[test]
fn pitches_are_drawn_and_counted() {
    let (reference, estimate) = melody(1500);
    let frames = PitchFrame::pair(&reference, &estimate);
    assert_eq!(frames.len(), 1500);
    let plot = PitchPlot { title: "Raw pitch accuracy 0.57".into(), ..PitchPlot::default() };
    let figure = pitch_roll(&frames, None, &plot).unwrap();
    check(&figure, "pitch");
    let there = frames.iter().filter(|f| !f.reference.is_empty()).count();
    assert!(figure.svg().contains(&format!(">{there} reference<")));
    let salience = Array2::from_shape_fn((1500, 360), |(t, b)| {
        let midi = 62.0 + 8.0 * (t as f32 / 200.0).sin();
        (-((b as f32 * 88.0 / 360.0 + 21.0 - midi) / 1.5).powi(2)).exp()
    });
    check(&pitch_roll(&frames, Some(&salience), &plot).unwrap(), "pitch-salience");
    check(&pitch_roll(&[], None, &PitchPlot::default()).unwrap(), "pitch-empty");
    let counted: u64 = pitch_confusion(&pairs(&frames)).0.sum();
    assert_eq!(counted as usize, pairs(&frames).len());
}

#[test]
fn mistakes_are_drawn() {
    let (reference, estimate) = melody(20_000);
    let pairs = pairs(&PitchFrame::pair(&reference, &estimate));
    let (counts, keys) = pitch_confusion(&pairs);
    let plot = ConfusionPlot { title: "Pitches".into(), ..ConfusionPlot::default() };
    check(&confusion(&counts, &keys, &plot).unwrap(), "confusion-pitches");
    let few = ndarray::array![[900, 40, 0], [30, 1200, 12], [5, 0, 77]];
    let labels = ["piano", "violin", "cello"].map(String::from);
    let plot = ConfusionPlot { shares: true, size: (520, 440), ..ConfusionPlot::default() };
    check(&confusion(&few, &labels, &plot).unwrap(), "confusion-few");
    check(&pitch_errors(&pairs, (900, 560), "Errors by interval and key").unwrap(), "pitch-errors");
    check(&pitch_errors(&[], (900, 560), "").unwrap(), "pitch-errors-none");

    let mut random = Random::new(5);
    let errors: Vec<f64> =
        (0..4000).map(|_| 0.004 + 0.02 * (random.uniform() + random.uniform() - 1.0)).collect();
    let plot = HistogramPlot {
        title: "Onsets".into(),
        label: "estimate − reference (s)".into(),
        range: Some((-0.03, 0.03)),
        ..HistogramPlot::default()
    };
    check(&histogram(&errors, &plot).unwrap(), "histogram");
    check(&histogram(&[], &HistogramPlot::default()).unwrap(), "histogram-none");
}

#[test]
fn scores_are_drawn() {
    let mut random = Random::new(9);
    let mut group = |name: &str, middle: f64, n: usize| {
        let value = |_| middle + 0.12 * (random.uniform() + random.uniform() - 1.0);
        let mut values: Vec<f64> = (0..n).map(value).collect();
        values.push(middle - 0.25);
        values.push(f64::NAN);
        Group { name: name.to_owned(), values }
    };
    let groups =
        [group("onsets and frames", 0.82, 60), group("note", 0.9, 60), group("few", 0.7, 5)];
    let plot = BoxPlot {
        title: "60 recordings".into(),
        label: "note F1".into(),
        range: Some((0.4, 1.0)),
        ..BoxPlot::default()
    };
    check(&box_plots(&groups, &plot).unwrap(), "boxes");
    check(&box_plots(&[], &BoxPlot::default()).unwrap(), "boxes-none");

    let curve = |quality: f64| -> Vec<OperatingPoint> {
        let point = |i: i32| {
            let threshold = f64::from(i) / 20.0;
            let recall = 1.0 - threshold.powf(quality);
            OperatingPoint { threshold, precision: 1.0 - 0.7 * recall.powf(quality), recall }
        };
        (0..=20).map(point).collect()
    };
    let systems = [("ours".to_owned(), curve(4.0)), ("baseline".to_owned(), curve(2.0))];
    let plot = CurvesPlot { size: (640, 560), title: "Onsets".into(), ..CurvesPlot::default() };
    let figure = precision_recall(&systems, &plot).unwrap();
    check(&figure, "precision-recall");
    assert!(figure.svg().contains("ours: F1"));
    let undefined = OperatingPoint { threshold: 1.0, precision: f64::NAN, recall: 0.0 };
    check(&precision_recall(&[(String::new(), vec![undefined])], &plot).unwrap(), "no-precision");
}

#[test]
fn bars_stand_on_the_axis_and_gaps_stay_empty() {
    let classes = ["one", "two", "three"].map(str::to_owned);
    let series = |name: &str, values: [Option<f64>; 3]| BarSeries {
        name: name.to_owned(),
        values: values.into(),
    };
    let both = [
        series("first", [Some(0.5), None, Some(0.0)]),
        series("second", [Some(1.0), Some(f64::NAN), Some(2.0)]),
    ];
    let plot = BarsPlot { y_range: Some((0.0, 1.0)), ..BarsPlot::default() };
    let svg = bars(&classes, &both, &plot).unwrap().svg();
    // The colours of the two series; one sign each in the legend.
    let heights = |color: &str| -> Vec<f64> {
        let rects = svg.lines().filter(|line| line.starts_with("<rect") && line.contains(color));
        let height = |line: &str| line.split("height=\"").nth(1)?.split('"').next()?.parse().ok();
        rects.filter_map(height).filter(|&h: &f64| h > 12.0).collect()
    };
    let (first, second) = (heights("#0072b2"), heights("#56b4e9"));
    assert_eq!((first.len(), second.len()), (1, 2), "{svg}");
    assert!((2.0 * first[0] - second[0]).abs() < 0.1 && (second[0] - second[1]).abs() < 0.1);
    // Without classes there is nothing but the axes.
    assert!(bars(&[], &[], &BarsPlot::default()).unwrap().svg().ends_with("</svg>\n"));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let roll = |plot: RollPlot| piano_roll(None, &[], &plot).unwrap_err();
    for plot in [
        RollPlot { size: (10, 400), ..RollPlot::default() },
        RollPlot { size: (100_000, 400), ..RollPlot::default() },
        RollPlot { range: Some((2.0, 1.0)), ..RollPlot::default() },
        RollPlot { range: Some((0.0, f64::NAN)), ..RollPlot::default() },
        RollPlot { seconds_per_row: Some(0.0), ..RollPlot::default() },
        RollPlot { seconds_per_row: Some(f64::NAN), ..RollPlot::default() },
        RollPlot { seconds_per_row: Some(1e-9), ..RollPlot::default() },
    ] {
        assert!(matches!(roll(plot.clone()), Error::Config { .. }), "{plot:?}");
    }
    let plot = CurvesPlot { y_range: Some((1.0, 1.0)), ..CurvesPlot::default() };
    assert!(matches!(curves(&[], &plot), Err(Error::Config { field: "y_range", .. })));
    let plot = HistogramPlot { bins: 0, ..HistogramPlot::default() };
    assert!(matches!(histogram(&[], &plot), Err(Error::Config { field: "bins", .. })));
    let plot = BoxPlot { range: Some((1.0, 0.0)), ..BoxPlot::default() };
    assert!(matches!(box_plots(&[], &plot), Err(Error::Config { field: "range", .. })));
    let plot = PitchPlot { tolerance: -1.0, ..PitchPlot::default() };
    assert!(matches!(pitch_roll(&[], None, &plot), Err(Error::Config { .. })));
    let labels = ["a".to_owned()];
    let two = BarSeries { name: "two".to_owned(), values: vec![None, Some(1.0)] };
    let error = bars(&labels, &[two], &BarsPlot::default()).unwrap_err();
    assert!(matches!(error, Error::TableRow { expected: 1, actual: 2, .. }), "{error}");
    let counts = Array2::zeros((1, 1));
    let error = confusion(&counts, &labels, &ConfusionPlot::default()).unwrap_err();
    assert!(matches!(error, Error::TooFewValues { .. }), "{error}");
    let error = confusion(&counts, &[], &ConfusionPlot::default()).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let none = Array2::zeros((0, 5));
    assert!(matches!(matrix(&none, &MatrixPlot::default()), Err(Error::TooFewValues { .. })));
}

#[test]
fn the_extension_chooses_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let figure = curves(&[], &CurvesPlot::default()).unwrap();
    figure.write(folder.path().join("a.PNG")).unwrap();
    figure.write(folder.path().join("a.svg")).unwrap();
    let start = |name: &str| std::fs::read(folder.path().join(name)).unwrap()[..4].to_vec();
    assert_eq!(start("a.PNG"), *b"\x89PNG");
    assert_eq!(start("a.svg"), *b"<svg");
    let error = figure.write(folder.path().join("a.jpg")).unwrap_err();
    assert!(matches!(error, Error::PictureFormat { .. }), "{error}");
    let error = figure.write(folder.path().join("missing/a.png")).unwrap_err();
    assert!(matches!(error, Error::Core(_)), "{error}");
}
