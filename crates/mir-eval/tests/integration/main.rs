//! Tests of the public interface.
#![expect(clippy::unwrap_used, reason = "what a test sets up has to work")]

mod analysis;
mod averages;
mod bad_input;
#[path = "../../benches/data/mod.rs"]
mod data;
mod differential;
#[cfg(feature = "plots")]
mod pages;
#[cfg(feature = "plots")]
mod plots;
mod properties;
mod reference_data;
#[cfg(feature = "separation")]
mod separation;
#[cfg(feature = "separation")]
mod separation_rules;
mod stored_cases;
mod undefined;
