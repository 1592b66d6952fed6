//! Further places for logged numbers: tables and the console.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{Error, Result, run::EventWriter};

/// Where logged numbers go. [`RunFolder::add_sink`](crate::run::RunFolder::add_sink) takes any number of
/// them.
pub trait Sink: Send {
    /// One number.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()>;

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    fn flush(&mut self) -> Result<()>;
}

impl Sink for EventWriter {
    fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()> {
        Self::scalar(self, name, step, value)
    }

    fn flush(&mut self) -> Result<()> {
        Self::flush(self)
    }
}

/// Comma-separated values, `step,name,value`, one line for each number.
#[derive(Debug)]
pub struct CsvSink {
    file: BufWriter<File>,
    path: PathBuf,
}

impl CsvSink {
    /// A new file; one of the same name is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { action: "write", path: path.to_owned(), source };
        let mut file = BufWriter::new(File::create(path).map_err(io)?);
        writeln!(file, "step,name,value").map_err(io)?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn wrap(path: &Path, result: std::io::Result<()>) -> Result<()> {
        result.map_err(|source| Error::Io { action: "write", path: path.to_owned(), source })
    }
}

impl Sink for CsvSink {
    fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()> {
        // A name with a comma or a quotation mark is quoted, its quotation marks are doubled (RFC 4180).
        let quoted = if name.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", name.replace('"', "\"\""))
        } else {
            name.to_owned()
        };
        Self::wrap(&self.path, writeln!(self.file, "{step},{quoted},{value}"))
    }

    fn flush(&mut self) -> Result<()> {
        Self::wrap(&self.path, self.file.flush())
    }
}

/// The latest value of every name as one line, at most once in an interval: for logs without a terminal.
#[derive(Debug)]
pub struct ConsoleSink<W> {
    out: W,
    every: Duration,
    last: Option<Instant>,
    step: u64,
    values: BTreeMap<String, f64>,
}

impl<W: Write> ConsoleSink<W> {
    /// Writes to `out`, standard error say.
    pub fn new(out: W, every: Duration) -> Self {
        Self { out, every, last: None, step: 0, values: BTreeMap::new() }
    }

    /// Writes the line of the step whose values have come in.
    fn line(&mut self) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let values: Vec<String> =
            self.values.iter().map(|(name, value)| format!("{name} {}", short(*value))).collect();
        self.values.clear();
        self.last = Some(Instant::now());
        writeln!(self.out, "step {}: {}", self.step, values.join(", "))
            .map_err(|source| Error::Io { action: "write to", path: "(console)".into(), source })
    }
}

/// Four digits, whatever the magnitude.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() || magnitude.total_cmp(&0.0).is_eq() {
        format!("{value}")
    } else if (1e-3..1e5).contains(&magnitude) {
        let digits = (3.0 - magnitude.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    }
}

impl<W: Write + Send> Sink for ConsoleSink<W> {
    fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()> {
        if step != self.step && self.last.is_none_or(|last| last.elapsed() >= self.every) {
            self.line()?;
        }
        if step != self.step {
            self.values.clear();
        }
        self.step = step;
        self.values.insert(name.to_owned(), value);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.line()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn tables_quote_what_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut sink = CsvSink::create(&path).unwrap();
        sink.scalar("loss", 0, 0.5).unwrap();
        sink.scalar("a,\"b\"", 10, 1e-9).unwrap();
        sink.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "step,name,value\n0,loss,0.5\n10,\"a,\"\"b\"\"\",0.000000001\n");
    }

    #[test]
    fn the_console_gets_a_line_for_each_step_it_has_time_for() {
        let lines = |every| {
            let mut sink = ConsoleSink::new(Vec::new(), every);
            for step in 0..3u64 {
                sink.scalar("loss", step, 0.123_456 / (step + 1) as f64).unwrap();
                sink.scalar("rate", step, 6e-4).unwrap();
            }
            sink.flush().unwrap();
            String::from_utf8(sink.out).unwrap()
        };
        let expected = "step 0: loss 0.1235, rate 6.000e-4\nstep 1: loss 0.06173, rate 6.000e-4\n\
                        step 2: loss 0.04115, rate 6.000e-4\n";
        assert_eq!(lines(Duration::ZERO), expected);
        // The first and, at the end, the last.
        let rare = lines(Duration::from_secs(3600));
        assert_eq!(rare.lines().count(), 2);
        assert!(rare.contains("step 0") && rare.contains("step 2"));
        assert_eq!(
            [short(0.0), short(12345.6), short(-2.5), short(3e7)],
            ["0", "12346", "-2.500", "3.000e7"]
        );
    }
}
