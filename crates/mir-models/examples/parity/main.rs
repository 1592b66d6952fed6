//! Computes layers, optimisers, schedules and clipping for a program in another language, which compares
//! them with PyTorch: `scripts/parity/pytorch.py`.
//!
//! Each line of the standard input is a request, each line of the standard output its answer or
//! `{"error": …}`; `cases.rs` says what they hold.

#![expect(clippy::print_stdout, reason = "the answers")]

mod cases;

use std::io::{self, BufRead};

use serde_json::json;

fn main() -> io::Result<()> {
    tch::set_num_threads(1);
    for line in io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line?)
            .map_err(Into::into)
            .and_then(cases::answer)
            .unwrap_or_else(|error| json!({ "error": format!("{error:?}") }));
        println!("{answer}");
    }
    Ok(())
}
