//! The truth table of the pedal rules.

use mir_core::{Key, Note, Velocity};
use mir_midi::{Error, Pedal, PedalEvent, PedalRule, Performance, Score, Strictness, pedal};

/// One case a row: keys (`key:down-up`, seconds), pedals, and under each rule where the notes end, in
/// order of onset. `=` stands for the ends of the keys. A pedal is `+t` (sustain to 127 at time t), `-t`
/// (to 0), or `pedal value@t` with s, o, f for sustain, sostenuto, soft.
const TABLE: &str = "
case                                       | keys                   | pedals                  | default | none    | jongwook | magenta | pretty_midi | hpt     | onsets_velocities
no pedal                                   | 60:1-2                 |                         | =       | 2       | =        | =       | =           | =       | =
up before the release of the key           | 60:1-2                 | +0.5 -1.5               | =       | 2       | =        | =       | =           | =       | =
down after the release                     | 60:1-2                 | +2.5 -3                 | =       | 2       | =        | =       | =           | =       | =
down while the key is down                 | 60:1-2                 | +1.5 -3                 | 3       | 2       | 3        | 3       | 3           | 3       | 3
down before the key                        | 60:1-2                 | +0.5 -3                 | 3       | 2       | 3        | 3       | 3           | 3       | 3
down at the release                        | 60:1-2                 | +2 -3                   | 3       | 2       | =        | 3       | =           | =       | =
up at the release                          | 60:1-2                 | +0 -2                   | =       | 2       | =        | =       | =           | =       | =
never up: until the last event             | 60:1-2 64:3-4          | +0                      | 4 4     | 2 4     | 4 4      | 4 4     | =           | 4 4     | 4 4
down twice, up once                        | 60:1-2                 | +0 +1.5 -3              | 3       | 2       | 3        | 3       | 3           | 3       | 3
up without having been down                | 60:1-2                 | -1.5                    | =       | 2       | =        | =       | =           | =       | =
down and up at one time                    | 60:1-3                 | +2 -2                   | =       | 3       | =        | =       | =           | =       | =
up and down at one time                    | 60:1-2                 | +0 -3 +3 -5             | 3       | 2       | 3        | 3       | 3           | 3       | 5
the note begins as the pedal comes up      | 60:3-4                 | +0 -3                   | =       | 4       | =        | =       | =           | =       | =
the note begins as the pedal goes down     | 60:3-4                 | +3 -5                   | 5       | 4       | 5        | 5       | 5           | 5       | 5
the key outlasts the pedal                 | 60:1-6                 | +2 -3                   | =       | 6       | =        | =       | =           | =       | =
released under the second pedal            | 60:1-6                 | +2 -3 +5 -7             | 7       | 6       | 7        | 7       | 7           | 7       | 7
held by the first of two pedals            | 60:1-2                 | +0 -2.5 +2.6 -4         | 2.5     | 2       | 2.5      | 2.5     | 2.5         | 2.5     | 2.5
64 is down, 63 is up                       | 60:1-2                 | s64@0 s63@3 s0@5        | 3       | 2       | 3        | 3       | 3           | 3       | 5
63 is up                                   | 60:1-2                 | s63@0 s0@3              | =       | 2       | =        | =       | =           | =       | 3
8 is up, 7 is up                           | 60:1-2                 | s8@0.5 s7@3             | =       | 2       | =        | =       | =           | =       | 3
7 is up everywhere                         | 60:1-2                 | s7@0.5 s0@3             | =       | 2       | =        | =       | =           | =       | =
another pitch ends nothing                 | 60:1-2 64:2.5-2.6      | +0 -3                   | 3 3     | 2 2.6   | 3 3      | 3 3     | 3 3         | 3 3     | 3 3
struck again under the pedal               | 60:1-1.5 60:2-2.5      | +0 -3                   | 2 3     | 1.5 2.5 | 2 3      | 2 3     | 3 3         | 2 3     | 2 3
struck again after the pedal               | 60:1-1.5 60:3.5-4      | +0 -3                   | 3 4     | 1.5 4   | 3 4      | 3 4     | 3 4         | 3 4     | 3 4
struck again under the next pedal          | 60:1-2 60:3.5-3.8      | +1.5 -3 +3.6 -5         | 3 5     | 2 3.8   | 3 5      | 3 5     | 3 5         | 3 5     | 3 5
struck again among other keys              | 60:1-2 62:1-2.5 60:3-3.5 | +1.5 -4               | 3 4 4   | 2 2.5 3.5 | 3 4 4  | 3 4 4   | 4 4 4       | 3 4 4   | 3 4 4
struck again while down, no pedal          | 60:1-3 60:2-4          |                         | 2 4     | 3 4     | 2 3      | =       | =           | =       | 1.999 3
the same with one release, as read         | 60:1-3 60:2-3          |                         | 2 3     | 3 3     | 2 3      | =       | =           | =       | 1.999 3
struck again while down, after a pedal     | 60:1-4 60:3-5          | +0 -2                   | 3 5     | 4 5     | 3 4      | =       | =           | =       | 2.999 4
struck again while down, under the pedal   | 60:1-3 60:2-4          | +0 -5                   | 2 5     | 3 4     | =        | 2 5     | 5 5         | 2 5     | 2 5
the same with one release, as read         | 60:0.1-0.9 60:0.5-0.9  | +0.2 -1.5               | 0.5 1.5 | 0.9 0.9 | 0.9 1.5  | 0.5 1.5 | 1.5 1.5     | 0.5 1.5 | 0.5 1.5
released and struck at one time            | 60:1-2 60:2-3          |                         | =       | 2 3     | =        | =       | =           | =       | =
released and struck, under the pedal       | 60:1-2 60:2-3          | +0 -4                   | 2 4     | 2 3     | 2 4      | 2 4     | 4 4         | 2 4     | 2 4
struck twice at one time                   | 60:1-2 60:1-3          |                         | 3       | 2 3     | 2        | =       | =           | =       | 2
struck twice at one time, under the pedal  | 60:1-2 60:1-3          | +0 -4                   | 4       | 2 3     | =        | 4       | 4 4         | 4       | 4
no length                                  | 60:1-1                 |                         | =       | 1       | =        | =       | =           | =       | 1.001
no length, under the pedal                 | 60:1-1                 | +0 -3                   | 3       | 1       | 3        | 3       | =           | 3       | 3
released in the frame of pedal down        | 60:1-2.01              | +2.005 -3               | 3       | 2.01    | 3        | 3       | =           | 3       | 3
a pedal within a frame                     | 60:1-2.005             | +2.001 -2.01            | 2.01    | 2.005   | 2.01     | 2.01    | =           | 2.01    | 2.01
sostenuto holds a key that is down         | 60:1-2                 | o127@1.5 o0@3           | =       | 2       | =        | =       | =           | =       | 3
sostenuto leaves later keys alone          | 64:1.6-2               | o127@1.5 o0@3           | =       | 2       | =        | =       | =           | =       | =
sostenuto is down above 0                  | 60:1-2                 | o1@1.5 o0@3             | =       | 2       | =        | =       | =           | =       | 3
sostenuto outlasts sustain                 | 60:0-1                 | o1@0.5 s100@0.7 s0@1.5 o0@2 | 1.5 | 1       | 1.5      | 1.5     | 1.5         | 1.5     | 2
sustain outlasts sostenuto                 | 60:0-1                 | o1@0.5 s100@0.7 o0@1.5 s0@2 | 2   | 1       | 2        | 2       | 2           | 2       | 2
struck again while hooked                  | 60:0-1 60:1.5-1.8      | o1@0.5 o0@3             | =       | 1 1.8   | =        | =       | =           | =       | 1.5 3
the soft pedal holds nothing               | 60:1-2                 | f127@0 f0@3             | =       | 2       | =        | =       | =           | =       | =
no key at all                              |                        | +0 -3                   | =       |         | =        | =       | =           | =       | =
";

fn note(text: &str) -> Note {
    let (key, span) = text.split_once(':').unwrap();
    let (on, off) = span.split_once('-').unwrap();
    let pitch = Key::new(key.parse().unwrap()).unwrap().pitch();
    Note::new(on.parse().unwrap(), off.parse().unwrap(), pitch, Velocity::MEDIUM).unwrap()
}

fn pedal_event(text: &str) -> PedalEvent {
    let (pedal, value, time) = match text.split_at(1) {
        ("+", time) => (Pedal::Sustain, 127, time),
        ("-", time) => (Pedal::Sustain, 0, time),
        (letter, rest) => {
            let (value, time) = rest.split_once('@').unwrap();
            let pedal = match letter {
                "s" => Pedal::Sustain,
                "o" => Pedal::Sostenuto,
                "f" => Pedal::Soft,
                _ => panic!("{text}"),
            };
            (pedal, value.parse().unwrap(), time)
        }
    };
    PedalEvent { time: time.parse().unwrap(), pedal, value }
}

/// The rows of the table: name, performance, and the cells of the rules.
fn cases() -> Vec<(&'static str, Performance, Vec<&'static str>)> {
    let mut lines = TABLE.trim().lines();
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let rules: Vec<&str> = PedalRule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(cells(lines.next().unwrap())[3..], rules);
    lines
        .map(cells)
        .map(|row| {
            let performance = Performance {
                notes: row[1].split_whitespace().map(note).collect(),
                pedals: row[2].split_whitespace().map(pedal_event).collect(),
            };
            (row[0], performance, row[3..].to_vec())
        })
        .collect()
}

#[test]
fn the_truth_table_holds() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (name, performance, cells) in &cases {
        for (rule, cell) in PedalRule::ALL.into_iter().zip(cells) {
            // The second column is that of the keys.
            let cell = if *cell == "=" { cells[1] } else { cell };
            let ends: Vec<String> = pedal::apply(performance, rule)
                .iter()
                .map(|note| ((note.offset() * 1e6).round() / 1e6).to_string())
                .collect();
            assert_eq!(ends.join(" "), cell, "{name}, {rule}");
        }
    }
}

/// The rules on ticks and those on seconds are one: a score and its performance have the same notes.
#[test]
fn the_truth_table_holds_in_files() {
    for (name, performance, _) in cases() {
        let score = Score::from_performance(&performance);
        let (score, _) = Score::parse(&score.to_bytes().unwrap(), Strictness::Strict).unwrap();
        for rule in PedalRule::ALL {
            assert_eq!(
                score.notes(rule),
                pedal::apply(&score.performance(), rule),
                "{name}, {rule}"
            );
        }
    }
}

#[test]
fn every_rule_has_a_name() {
    for rule in PedalRule::ALL {
        assert_eq!(rule.to_string().parse::<PedalRule>().unwrap(), rule);
        assert_eq!(serde_json::to_string(&rule).unwrap(), format!("\"{rule}\""));
    }
    let error = "half".parse::<PedalRule>().unwrap_err();
    assert!(matches!(error, Error::UnknownName { .. }));
    assert!(error.to_string().contains("onsets_velocities"), "{error}");
    assert!("loose".parse::<Strictness>().is_err());
    assert_eq!("strict".parse::<Strictness>().unwrap(), Strictness::Strict);
}

/// The published intervals of the worked example of the Onsets-and-Frames specification, section 2.2.
#[test]
fn the_worked_example_gives_the_published_intervals() {
    let keys = "60:0.10-0.50 60:0.90-1.20 64:0.30-0.35 67:0.60-0.61 72:1.50-1.70 72:1.70-2.00 \
                76:2.10-2.30 48:3.00-3.20";
    let performance = Performance {
        notes: keys.split_whitespace().map(note).collect(),
        pedals: ["+0.40", "-1.05", "+2.20", "-2.40"].map(pedal_event).to_vec(),
    };
    let expected = [
        (60.0, 0.10, 0.90),
        (64.0, 0.30, 0.35),
        (67.0, 0.60, 1.05),
        (60.0, 0.90, 1.20),
        (72.0, 1.50, 1.70),
        (72.0, 1.70, 2.00),
        (76.0, 2.10, 2.40),
        (48.0, 3.00, 3.20),
    ];
    for rule in
        [PedalRule::Default, PedalRule::Jongwook, PedalRule::Magenta, PedalRule::OnsetsVelocities]
    {
        let spans: Vec<_> = pedal::apply(&performance, rule)
            .iter()
            .map(|n| (n.pitch().midi(), n.onset(), n.offset()))
            .collect();
        assert_eq!(spans, expected, "{rule}");
    }
}

/// Appendix D of the specification of the onsets-and-velocities system, from messages in a file of
/// millisecond ticks. `+` and `-` are the key 60 down and up.
#[test]
fn the_state_machine_gives_the_published_events() {
    type Events = &'static [(f64, f64, f64)];
    let cases: &[(&str, Events)] = &[
        ("+@0 -@1", &[(60., 0., 1.)]),
        ("+@0 s8@0.5 -@1 s7@2", &[(60., 0., 2.)]),
        ("s7@0.1 +@0.2 -@1", &[(60., 0.2, 1.)]),
        ("s127@0 +@0.1 -@1 +@2 -@3 s0@4", &[(60., 0.1, 2.), (60., 2., 4.)]),
        ("+@0 +@1 -@2", &[(60., 0., 0.999), (60., 1., 2.)]),
        ("s127@0 +@0.1 +@1 -@2 s0@3", &[(60., 0.1, 1.), (60., 1., 3.)]),
        ("+@0 o1@0.5 d@0.6 -@1 u@1.1 o0@2", &[(60., 0., 2.), (64., 0.6, 1.1)]),
        ("+@0 o1@0.5 s100@0.7 -@1 s0@1.5 o0@2", &[(60., 0., 2.)]),
        ("-@1", &[]),
    ];
    for (messages, expected) in cases {
        let mut body = Vec::new();
        let mut before = 0;
        for message in messages.split_whitespace() {
            let (what, time) = message.split_once('@').unwrap();
            let tick = (time.parse::<f64>().unwrap() * 1000.0).round() as u32;
            let delta = tick - before;
            before = tick;
            body.extend([0x80 | (delta >> 7) as u8, delta as u8 & 0x7f]);
            body.extend(match what.split_at(1) {
                ("+", _) => [0x90, 60, 64],
                ("-", _) => [0x80, 60, 64],
                ("d", _) => [0x90, 64, 64],
                ("u", _) => [0x80, 64, 64],
                ("s", value) => [0xb0, 64, value.parse().unwrap()],
                (_, value) => [0xb0, 66, value.parse().unwrap()],
            });
        }
        body.extend([0, 0xff, 0x2f, 0]);
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\xe7\x28MTrk".to_vec();
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(body);
        let (score, _) = Score::parse(&bytes, Strictness::Strict).unwrap();
        let got: Vec<_> = score
            .notes(PedalRule::OnsetsVelocities)
            .iter()
            .map(|n| (n.pitch().midi(), n.onset(), (n.offset() * 1e6).round() / 1e6))
            .collect();
        assert_eq!(got, *expected, "{messages}");
    }
}
