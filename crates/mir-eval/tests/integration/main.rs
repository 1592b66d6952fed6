//! Tests of the public interface.

mod bad_input;
mod properties;
mod reference_data;
mod stored_cases;
