//! Reports: the scores of a data set as a table for people, as JSON for programs, and as a page.
//!
//! Rows are pieces, columns are metrics; the last lines are mean, median and standard deviation over the
//! pieces, under a policy for undefined values that the table names. [`Page`] writes one HTML file that needs
//! no other; `TranscriptionReport` (feature `plots`) puts the error [`analysis`](crate::analysis) of a
//! transcriber into one.
//!
//! ```
//! use mir_eval::report::Table;
//! use mir_eval::stats::UndefinedPolicy;
//! let mut table = Table::new(["note F1", "frame F1"], UndefinedPolicy::Skip);
//! table.push("étude", [Some(0.913), Some(0.8)])?;
//! table.push("waltz", [Some(0.8215), None])?;
//! let text = table.to_string();
//! assert!(text.contains("mean     0.8673    0.8000"), "{text}");
//! assert!(text.ends_with("undefined values are left out: frame F1 1 of 2\n"));
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod page;
#[cfg(feature = "plots")]
mod transcription;

use std::{fmt, fmt::Write as _};

use serde::{Deserialize, Serialize};

use crate::{
    Error, NamedScores, Result,
    stats::{
        ConfidenceInterval, ResamplingConfig, Summary, UndefinedPolicy, apply, bootstrap_mean,
        summarize,
    },
};

pub use page::{Cell, Grid, Page, Sound};
#[cfg(feature = "plots")]
pub use transcription::{ReportPassage, ReportPiece, TranscriptionReport, worst_of_pieces};

/// Scores of several pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    columns: Vec<String>,
    policy: UndefinedPolicy,
    rows: Vec<Row>,
    /// Scores of all pieces as one, where they are known.
    #[serde(default)]
    pooled: Option<Vec<Option<f64>>>,
    /// How intervals of the means are found, if they are wanted.
    #[serde(default)]
    resampling: Option<ResamplingConfig>,
}

/// Scores of one piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name of the piece.
    pub name: String,
    /// One value a column; `None` if undefined.
    pub values: Vec<Option<f64>>,
}

impl Table {
    /// An empty table.
    pub fn new<S: Into<String>>(
        columns: impl IntoIterator<Item = S>,
        policy: UndefinedPolicy,
    ) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            policy,
            rows: Vec::new(),
            pooled: None,
            resampling: None,
        }
    }

    /// A table of the scores of several pieces, with `mir_eval`'s names and one row a piece. Scores that
    /// mean nothing for a piece ([`NamedScores::values`]) are undefined there; under
    /// [`UndefinedPolicy::Zero`] the means are those of `mir_eval`'s numbers.
    ///
    /// # Errors
    /// [`Error::TableRow`] if a piece has other scores than the first.
    pub fn from_scores<'a, S: NamedScores + 'a>(
        pieces: impl IntoIterator<Item = (&'a str, &'a S)>,
        policy: UndefinedPolicy,
    ) -> Result<Self> {
        let mut table = Self::new([""; 0], policy);
        for (name, scores) in pieces {
            let entries = scores.values();
            if table.rows.is_empty() {
                table.columns = entries.iter().map(|(name, _)| (*name).to_owned()).collect();
            }
            table.push(name, entries.into_iter().map(|(_, value)| value.defined()))?;
        }
        Ok(table)
    }

    /// Adds a piece. Values that are not finite count as undefined.
    ///
    /// # Errors
    /// [`Error::TableRow`] unless there is one value for each column.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<()> {
        let name = name.into();
        let values = self.checked(&name, values)?;
        self.rows.push(Row { name, values });
        Ok(())
    }

    /// Sets the scores of all pieces taken as one, from the sum of their counts: long pieces weigh more
    /// than in the mean over pieces. They stand in a line of their own.
    ///
    /// # Errors
    /// [`Error::TableRow`] unless there is one value for each column.
    pub fn set_pooled(&mut self, values: impl IntoIterator<Item = Option<f64>>) -> Result<()> {
        self.pooled = Some(self.checked("pooled", values)?);
        Ok(())
    }

    /// The same table with bootstrap intervals of the means.
    ///
    /// # Errors
    /// [`Error::Config`] for a bad configuration.
    pub fn with_intervals(mut self, config: ResamplingConfig) -> Result<Self> {
        config.validate()?;
        self.resampling = Some(config);
        Ok(self)
    }

    /// How the intervals of the means are found, if they are wanted.
    pub fn resampling(&self) -> Option<&ResamplingConfig> {
        self.resampling.as_ref()
    }

    fn checked(
        &self,
        row: &str,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<Vec<Option<f64>>> {
        let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
        let values: Vec<Option<f64>> = values.into_iter().map(finite).collect();
        let (expected, actual) = (self.columns.len(), values.len());
        if actual == expected {
            Ok(values)
        } else {
            Err(Error::TableRow { row: row.to_owned(), expected, actual })
        }
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The pieces, in the order in which they were added.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Statistics of a column over the pieces.
    ///
    /// # Errors
    /// As [`summarize`].
    ///
    /// # Panics
    /// If there is no such column.
    pub fn summary(&self, column: usize) -> Result<Summary> {
        let values: Vec<Option<f64>> = self.rows.iter().map(|row| row.values[column]).collect();
        summarize(&values, self.policy)
    }

    /// Bootstrap interval of the mean of a column, under the policy of the table; `None` if none is wanted
    /// ([`with_intervals`](Self::with_intervals)).
    ///
    /// # Errors
    /// As [`bootstrap_mean`].
    ///
    /// # Panics
    /// If there is no such column.
    pub fn interval(&self, column: usize) -> Result<Option<ConfidenceInterval>> {
        let Some(config) = &self.resampling else {
            return Ok(None);
        };
        let values: Vec<Option<f64>> = self.rows.iter().map(|row| row.values[column]).collect();
        bootstrap_mean(&apply(self.policy, &values)?, config).map(Some)
    }

    /// The pieces as comma-separated values (RFC 4180): `piece` and the columns, one line a piece, undefined
    /// values empty, numbers with all their digits. Means are left to the reader of the file.
    pub fn to_csv(&self) -> String {
        let quoted = |text: &str| match text.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let mut text = String::from("piece");
        for column in &self.columns {
            let _ = write!(text, ",{}", quoted(column));
        }
        text.push('\n');
        for row in &self.rows {
            text += &quoted(&row.name);
            for value in &row.values {
                text.push(',');
                if let Some(value) = value {
                    let _ = write!(text, "{value}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// The table as JSON: `columns`, `policy`, `rows` with `name` and `values`, `pooled` (`null` unless
    /// set), and `summary` with mean, median, std and counts of each column and the interval of its mean
    /// (`null` where there is none).
    pub fn to_json(&self) -> serde_json::Value {
        let columns = self.columns.iter().enumerate();
        let summary: Vec<serde_json::Value> = columns
            .map(|(index, name)| {
                serde_json::json!({
                    "column": name,
                    "summary": self.summary(index).ok(),
                    "interval": self.interval(index).ok().flatten(),
                })
            })
            .collect();
        serde_json::json!({
            "columns": self.columns,
            "policy": self.policy,
            "rows": self.rows,
            "pooled": self.pooled,
            "summary": summary,
        })
    }
}

impl fmt::Display for Table {
    /// Aligned columns with four decimals, `-` for undefined values, then mean, median and standard
    /// deviation (intervals and pooled scores if there are any), what they are over, and how many values
    /// were undefined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summaries: Vec<Option<Summary>> =
            (0..self.columns.len()).map(|i| self.summary(i).ok()).collect();
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
        type Field = fn(&Summary) -> f64;
        let fields: [(&str, Field); 3] =
            [("mean", |s| s.mean), ("median", |s| s.median), ("std", |s| s.std)];
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for row in &self.rows {
            let values = row.values.iter().map(|&v| number(v)).collect();
            lines.push((row.name.clone(), values));
        }
        for (name, field) in fields {
            let value = |s: &Option<Summary>| number(s.as_ref().map(field));
            lines.push((name.to_owned(), summaries.iter().map(value).collect()));
        }
        if let Some(config) = &self.resampling {
            let intervals: Vec<Option<ConfidenceInterval>> =
                (0..self.columns.len()).map(|i| self.interval(i).ok().flatten()).collect();
            let percent = 100.0 * config.level;
            let end = |of: fn(&ConfidenceInterval) -> f64| {
                intervals.iter().map(|i| number(i.as_ref().map(of))).collect()
            };
            lines.push((format!("low {percent} %"), end(|i| i.low)));
            lines.push((format!("high {percent} %"), end(|i| i.high)));
        }
        if let Some(pooled) = &self.pooled {
            lines.push(("pooled".to_owned(), pooled.iter().map(|&v| number(v)).collect()));
        }
        let length = |text: &str| text.chars().count();
        let names = lines.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
        let widths: Vec<usize> = (self.columns.iter().enumerate())
            .map(|(i, column)| {
                lines.iter().map(|(_, v)| length(&v[i])).fold(length(column), usize::max)
            })
            .collect();
        let mut line = |name: &str, values: &[String]| {
            let mut text = format!("{name:<names$}");
            for (value, width) in values.iter().zip(&widths) {
                let _ = write!(text, "  {value:>width$}");
            }
            writeln!(f, "{}", text.trim_end())
        };
        let rule = "-".repeat(names + widths.iter().map(|w| w + 2).sum::<usize>());
        line("", &self.columns)?;
        line(&rule, &[])?;
        for (index, (name, values)) in lines.iter().enumerate() {
            if index == self.rows.len() && index > 0 {
                line(&rule, &[])?;
            }
            line(name, values)?;
        }
        let pieces = self.rows.len();
        let over = if pieces == 1 { "1 piece".to_owned() } else { format!("{pieces} pieces") };
        write!(f, "mean, median and std over {over}")?;
        if let Some(config) = &self.resampling {
            write!(f, ", interval of the mean by {} bootstrap samples", config.resamples)?;
        }
        writeln!(f, "{}", if self.pooled.is_some() { "; pooled: all pieces as one" } else { "" })?;
        let undefined: Vec<String> = (self.columns.iter().enumerate())
            .filter_map(|(i, column)| {
                let missing = self.rows.iter().filter(|row| row.values[i].is_none()).count();
                (missing > 0).then(|| format!("{column} {missing} of {}", self.rows.len()))
            })
            .collect();
        if undefined.is_empty() {
            return Ok(());
        }
        let policy = match self.policy {
            UndefinedPolicy::Skip => "undefined values are left out",
            UndefinedPolicy::Zero => "undefined values count as 0",
            UndefinedPolicy::Refuse => "no mean over undefined values",
        };
        writeln!(f, "{policy}: {}", undefined.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_names() {
        let mut table = Table::new(["F1", "a long name"], UndefinedPolicy::Zero);
        table.push("Für Elise", [Some(1.0), Some(-12.5)]).unwrap();
        table.push("x", [Some(f64::NAN), Some(0.25)]).unwrap();
        let text = table.to_string();
        let widths: Vec<usize> = text.lines().take(8).map(|l| l.chars().count()).collect();
        assert!(widths.iter().all(|&w| w == widths[0]), "{text}");
        assert!(text.contains("mean       0.5000      -6.1250"), "{text}");
        assert!(text.ends_with("undefined values count as 0: F1 1 of 2\n"), "{text}");
    }

    #[test]
    fn the_table_names_its_policy_its_counts_and_its_intervals() {
        let mut table = Table::new(["F1"], UndefinedPolicy::Skip);
        for (name, value) in [("a", Some(0.5)), ("b", Some(0.7)), ("c, \"d\"", None)] {
            table.push(name, [value]).unwrap();
        }
        table.set_pooled([Some(0.65)]).unwrap();
        let table = table.with_intervals(ResamplingConfig::default()).unwrap();
        let text = table.to_string();
        for line in [
            "low 95 %   0.5000",
            "high 95 %  0.7000",
            "pooled     0.6500",
            "mean, median and std over 3 pieces, interval of the mean by 10000 bootstrap samples; \
             pooled: all pieces as one",
            "undefined values are left out: F1 1 of 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let json = table.to_json();
        assert_eq!((&json["pooled"][0], &json["policy"]), (&0.65.into(), &"skip".into()));
        assert_eq!(json["summary"][0]["summary"]["policy"], "skip");
        assert_eq!(json["summary"][0]["interval"]["low"], 0.5);
        assert_eq!(table.to_csv(), "piece,F1\na,0.5\nb,0.7\n\"c, \"\"d\"\"\",\n");
        let read: Table = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
        assert_eq!(read, table);
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let mut table = Table::new(["F1"], UndefinedPolicy::Skip);
        let error = table.push("piece", [None, None]).unwrap_err();
        assert!(matches!(error, Error::TableRow { expected: 1, actual: 2, .. }), "{error}");
    }

    #[test]
    fn json_has_rows_and_statistics() {
        let scores = crate::Counts { matched: 1, reference: 2, estimated: 1 }.score(1.0);
        let pieces = [("a", &scores), ("b", &scores)];
        let table = Table::from_scores(pieces, UndefinedPolicy::Skip).unwrap();
        let json = table.to_json();
        assert_eq!(json["columns"][2], "Recall");
        assert_eq!(json["rows"][1]["name"], "b");
        assert_eq!(json["summary"][1]["summary"]["mean"], 1.0);
        assert_eq!(json["summary"][0]["summary"]["used"], 2);
        let empty = Table::new(["F1"], UndefinedPolicy::Skip);
        assert!(empty.to_json()["summary"][0]["summary"].is_null());
        assert!(empty.to_string().contains("mean"));
    }
}
