//! Tests of the public interface.

mod bad_input;
#[cfg(feature = "plots")]
mod plots;
mod properties;
mod reference_data;
mod stored_cases;
