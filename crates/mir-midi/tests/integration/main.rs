//! Integration tests of `mir-midi`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod corpus;
mod reading;
mod reference;
mod voices;
mod writing;
