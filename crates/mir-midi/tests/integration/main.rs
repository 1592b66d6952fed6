//! Integration tests of `mir-midi`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod corpus;
mod corruption;
mod pedals;
mod peers;
mod quantising;
mod reading;
mod reference;
mod rolls;
mod voices;
mod writing;
