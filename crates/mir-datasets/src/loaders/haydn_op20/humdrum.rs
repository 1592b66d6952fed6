//! Scores in Humdrum: where in the score are keys and harmonies?
//!
//! A file has columns (spines) of kinds that its first line names. Lines of data hold a token for each spine;
//! a dot continues what sounds. A `**kern` token has a length, and a line of data begins where the tokens
//! end that its own tokens follow: nothing else says when it is. Spines may split, join, come and go.

use std::path::Path;

use mir_core::formats::read_text;

use crate::{Error, Result};

/// Keys and harmonies of a score, at places in quarters from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Harmony {
    /// Keys, as `tonic:mode` with `b` and `#`: `Eb:major`.
    pub keys: Vec<(f64, String)>,
    /// Harmonies as the analysis writes them: `V7c/V`.
    pub numerals: Vec<(f64, String)>,
    /// Length of the score.
    pub quarters: f64,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it does not begin with the kinds of its spines, `**harm` among them")]
    NoHarmony,
    #[error("line {line} has {actual} tokens, expected {expected}")]
    Tokens { line: usize, expected: usize, actual: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Harmony,
    Notes,
    Other,
}

impl Kind {
    fn named(token: &str) -> Self {
        match token {
            "**harm" => Self::Harmony,
            "**kern" => Self::Notes,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Spine {
    kind: Kind,
    /// Where its last note ends, quarters; a spine that was just added has had none, and begins with the others.
    end: Option<f64>,
}

/// Reads keys and harmonies of a score.
///
/// # Errors
/// [`Error::Malformed`] with the line for a file without a harmonic analysis, or with lines of another number
/// of tokens than there are spines.
pub fn read_harmony(path: impl AsRef<Path>) -> Result<Harmony> {
    let path = path.as_ref();
    parse(&read_text(path)?).map_err(|fault| Error::Malformed {
        path: path.to_owned(),
        format: "Humdrum",
        source: Box::new(fault),
    })
}

fn parse(text: &str) -> Result<Harmony, Fault> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| {
        let line = line.trim_end();
        !line.is_empty() && !line.starts_with('!')
    });
    let kinds = lines.next().map_or("", |(_, line)| line.trim_end_matches('\r'));
    let kinds = kinds.split('\t').map(Kind::named);
    let mut spines: Vec<Spine> = kinds.map(|kind| Spine { kind, end: Some(0.0) }).collect();
    if !spines.iter().any(|spine| spine.kind == Kind::Harmony) {
        return Err(Fault::NoHarmony);
    }
    let (mut found, mut now) = (Harmony::default(), 0.0f64);
    for (line, content) in lines {
        let tokens: Vec<&str> = content.trim_end_matches('\r').split('\t').collect();
        if tokens.len() != spines.len() {
            let (expected, actual) = (spines.len(), tokens.len());
            return Err(Fault::Tokens { line, expected, actual });
        }
        if content.starts_with('*') {
            // Keys stand before the notes that they hold for.
            let next = spines.iter().filter(|spine| spine.kind == Kind::Notes);
            let next = next.filter_map(|spine| spine.end).reduce(f64::min).unwrap_or(now);
            let harmony = spines.iter().position(|spine| spine.kind == Kind::Harmony);
            if let Some(key) = harmony.and_then(|at| parse_key(tokens[at]))
                && found.keys.last().is_none_or(|(_, last)| *last != key)
            {
                found.keys.push((rounded(next.max(now)), key));
            }
            spines = moved(&spines, &tokens);
        } else if !content.starts_with('=') {
            let mut starting: Vec<(&mut Spine, f64)> = spines
                .iter_mut()
                .zip(&tokens)
                .filter(|(spine, _)| spine.kind == Kind::Notes)
                .filter_map(|(spine, token)| Some((spine, length(token)?)))
                .collect();
            let begin = starting.iter().filter_map(|(spine, _)| spine.end).reduce(f64::max);
            now = now.max(begin.unwrap_or(now));
            for (spine, length) in &mut starting {
                spine.end = Some(now + *length);
            }
            let harmonies = spines.iter().zip(&tokens);
            let mut harmonies = harmonies.filter(|(spine, _)| spine.kind == Kind::Harmony);
            if let Some((_, token)) = harmonies.find(|(_, token)| !matches!(**token, "." | "")) {
                found.numerals.push((rounded(now), (*token).to_owned()));
            }
        }
        let ends = spines.iter().filter_map(|spine| spine.end).fold(now, f64::max);
        found.quarters = found.quarters.max(rounded(ends));
    }
    Ok(found)
}

/// Sums of thirds of quarters miss whole ones by their last digits.
fn rounded(quarters: f64) -> f64 {
    (quarters * 1e6).round() / 1e6
}

/// `*E-:` is E flat major, `*c#:` C sharp minor.
fn parse_key(token: &str) -> Option<String> {
    let name = token.strip_prefix('*')?.strip_suffix(':')?;
    let letter = name.chars().next().filter(|letter| matches!(letter, 'a'..='g' | 'A'..='G'))?;
    let sign = match &name[1..] {
        "" => "",
        "-" => "b",
        "#" => "#",
        _ => return None,
    };
    let mode = if letter.is_ascii_uppercase() { "major" } else { "minor" };
    Some(format!("{}{sign}:{mode}", letter.to_ascii_uppercase()))
}

/// Length of a note or rest in quarters; `None` for a dot, and for a grace note, which has none.
fn length(token: &str) -> Option<f64> {
    let note = token.split(' ').next()?;
    if note == "." || note.contains(['q', 'Q']) {
        return None;
    }
    let digits: String = note.chars().filter(char::is_ascii_digit).collect();
    let dots = note.chars().filter(|c| *c == '.').count().min(8) as i32;
    let plain = match digits.as_str() {
        "" => return None,
        "0" => 8.0,
        "00" => 16.0,
        digits => 4.0 / digits.parse::<f64>().ok().filter(|value| *value > 0.0)?,
    };
    Some(plain * (2.0 - 0.5f64.powi(dots)))
}

/// The spines after a line that may split (`*^`), join (`*v`), add (`*+`), end (`*-`), exchange (`*x`) or rename
/// (`**kern`) them.
fn moved(spines: &[Spine], tokens: &[&str]) -> Vec<Spine> {
    let mut after: Vec<Spine> = Vec::with_capacity(spines.len());
    let mut joining = false;
    let mut exchanged: Option<usize> = None;
    for (spine, token) in spines.iter().zip(tokens) {
        let joins = *token == "*v";
        match *token {
            "*-" => {}
            "*^" => after.extend([*spine, *spine]),
            "*+" => after.extend([*spine, Spine { kind: Kind::Other, end: None }]),
            "*v" if joining => {
                if let Some(last) = after.last_mut() {
                    last.end = last.end.into_iter().chain(spine.end).reduce(f64::max);
                }
            }
            "*x" => {
                after.push(*spine);
                match exchanged.take() {
                    Some(first) => {
                        let last = after.len() - 1;
                        after.swap(first, last);
                    }
                    None => exchanged = Some(after.len() - 1),
                }
            }
            kind if kind.starts_with("**") => {
                after.push(Spine { kind: Kind::named(kind), ..*spine })
            }
            _ => after.push(*spine),
        }
        joining = joins;
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_from_the_lengths_of_notes() {
        let text = "!!!COM: Haydn\n**harm\t**kern\t**kern\n*c#:\t*\t*\n=1\t=1\t=1\n\
                    i\t4c\t8.e 8.g\n.\t.\t16f\nV7\t12d\tqa\n.\t12e\t2.f\n.\t12f\t.\n*A-:\t*\t*\n\
                    I\t2r\t.\n*-\t*-\t*-\n";
        let harmony = parse(text).unwrap();
        assert_eq!(harmony.keys, [(0.0, "C#:minor".to_owned()), (2.0, "Ab:major".to_owned())]);
        let expected =
            [(0.0, "i"), (1.0, "V7"), (2.0, "I")].map(|(at, name)| (at, name.to_owned()));
        assert_eq!(harmony.numerals, expected);
        assert!((harmony.quarters - 4.333_333).abs() < 1e-6, "{}", harmony.quarters);
    }

    #[test]
    fn spines_split_join_come_and_go() {
        let text = "**kern\t**harm\n4c\tI\n*^\t*\n8d\t4f\t.\n8e\t.\tV\n*v\t*v\t*\n4c\ti\n*+\t*\n\
                    **kern\t**kern\t*\n2c\t2c\tvi\n*x\t*\t*x\nIV\t.\t4c\n*-\t*\t*\n4c\t4c\n*-\t*-\n";
        let harmony = parse(text).unwrap();
        let at = |name: &str| harmony.numerals.iter().find(|(_, n)| n == name).map(|(at, _)| *at);
        assert_eq!(
            (at("V"), at("i"), at("vi"), at("IV")),
            (Some(1.5), Some(2.0), Some(3.0), Some(5.0))
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, expected) in [
            ("", "kinds of its spines"),
            ("**kern\n4c\n", "kinds of its spines"),
            ("**harm\t**kern\nI\n", "line 2 has 1 tokens, expected 2"),
            ("**harm\t**kern\n*^\t*\nI\t4c\n", "line 3 has 2 tokens, expected 3"),
        ] {
            let fault = parse(text).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
