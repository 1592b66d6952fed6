//! The Python side: one process that answers requests with times.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The Python process.
pub(crate) struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(python: &PathBuf) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers.py");
        let mut child = Command::new(python)
            .arg(script)
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let requests = child.stdin.take().context("the peer has no standard input")?;
        let answers = child.stdout.take().context("the peer has no standard output")?;
        Ok(Self { child, requests, answers: BufReader::new(answers) })
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value> {
        writeln!(self.requests, "{request}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut answer: Value =
            serde_json::from_str(&line).context("the Python peer did not answer")?;
        match answer.get("error") {
            Some(error) => bail!("the Python peer failed: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }

    pub(crate) fn times(&mut self, request: &Value) -> Result<Vec<f64>> {
        Ok(serde_json::from_value(self.ask(request)?)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when its input closes; a stuck one must not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
