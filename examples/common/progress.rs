//! Progress: a bar with rate and time left on a terminal, a line now and then elsewhere.

use std::{
    fmt::Write as _,
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(20);

/// The progress of one long step.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    name: &'static str,
    unit: &'static str,
    lines: bool,
    /// How much was done before: it counts neither for the rate nor for the time left.
    first: u64,
    start: Instant,
    last_line: Instant,
}

impl Progress {
    /// A step of a known amount of work; `unit` is what is counted ("steps", "s of audio").
    pub fn new(name: &'static str, unit: &'static str, total: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if quiet || !terminal {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = format!(
            "{{prefix:>11}} [{{bar:28}}] {{pos}}/{{len}} {unit} {{per_second}} left {{eta}} {{msg}}"
        );
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key(
                "per_second",
                |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(out, "{:.1}/s", state.per_sec());
                },
            )
            .progress_chars("=> ");
        bar.set_style(style);
        bar.set_prefix(name);
        let now = Instant::now();
        let lines = !quiet && !terminal;
        Self { bar, name, unit, lines, first: 0, start: now, last_line: now }
    }

    /// A step of which a part was done earlier.
    pub fn resumed_at(mut self, done: u64) -> Self {
        self.first = done;
        self.bar.set_position(done);
        self.bar.reset_eta();
        self
    }

    /// Corrects the amount of work.
    pub fn set_total(&mut self, total: u64) {
        self.bar.set_length(total);
    }

    /// How far the step is, and what else there is to say.
    pub fn set(&mut self, done: u64, message: impl Into<String>) {
        let message = message.into();
        self.bar.set_position(done);
        self.bar.set_message(message.clone());
        if self.lines && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            eprintln!("{}", self.line(done, &message));
        }
    }

    /// Ends the step, leaving one line of summary.
    pub fn finish(self, summary: impl AsRef<str>) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.note(&format!("{} ({seconds:.1} s)", summary.as_ref()));
        self.bar.finish_and_clear();
    }

    /// Leaves one line.
    pub fn note(&self, text: &str) {
        let line = format!("{:>11} {text}", self.name);
        if self.lines {
            eprintln!("{line}");
        } else if !self.bar.is_hidden() {
            self.bar.suspend(|| eprintln!("{line}"));
        }
    }

    fn line(&self, done: u64, message: &str) -> String {
        let total = self.bar.length().unwrap_or(0);
        let rate =
            done.saturating_sub(self.first) as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
        let mut line = format!("{:>11} {done}/{total} {} {rate:.1}/s", self.name, self.unit);
        if done > self.first {
            let _ = write!(line, " left {left:.0} s");
        }
        let _ = write!(line, " {message}");
        line
    }
}
