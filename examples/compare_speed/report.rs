//! What was measured: shown line by line, and at the end as a table.

use std::{fmt::Write as _, path::Path};

use anyhow::Result;

/// In what a speed is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds of audio in a second: more is better.
    RealTime,
    /// Milliseconds: less is better.
    #[cfg_attr(not(feature = "models"), expect(dead_code, reason = "networks are timed in it"))]
    Milliseconds,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::RealTime => format!("{value:.0} x real time"),
            Self::Milliseconds => format!("{value:.1} ms"),
        }
    }

    /// How many times faster ours is.
    fn times_faster(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::RealTime => ours / theirs,
            Self::Milliseconds => theirs / ours,
        }
    }
}

/// A line of the table.
#[derive(Debug)]
struct Row {
    task: String,
    unit: Unit,
    ours: f64,
    /// Its name and its speed.
    peer: Option<(String, f64)>,
}

/// All lines so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Shows a task and how it compares with its peers; `note` says what else there is to know.
    pub(crate) fn add(
        &mut self,
        task: &str,
        unit: Unit,
        ours: f64,
        peers: &[(&str, f64)],
        note: &str,
    ) {
        println!("{task}: ours {}{note}", unit.show(ours));
        for &(name, theirs) in peers {
            let faster = unit.times_faster(ours, theirs);
            println!("    {name} {}, ours is {faster:.2} x as fast", unit.show(theirs));
        }
        let row = |peer| Row { task: task.to_owned(), unit, ours, peer };
        match peers {
            [] => self.rows.push(row(None)),
            _ => self.rows.extend(peers.iter().map(|(name, x)| row(Some(((*name).into(), *x))))),
        }
    }

    /// The table, as Markdown.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text =
            "| task | ours | peer | | times as fast |\n|---|---:|---|---:|---:|\n".to_owned();
        for Row { task, unit, ours, peer } in &self.rows {
            let ours_shown = unit.show(*ours);
            match peer {
                None => writeln!(text, "| {task} | {ours_shown} | | | |")?,
                Some((name, theirs)) => writeln!(
                    text,
                    "| {task} | {ours_shown} | {name} | {} | {:.2} |",
                    unit.show(*theirs),
                    unit.times_faster(*ours, *theirs)
                )?,
            }
        }
        Ok(mir_core::publish::write(path, text.as_bytes())?)
    }
}
