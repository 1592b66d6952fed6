//! Integration tests of `mir-midi`.

mod corpus;
mod reading;
mod reference;
mod writing;
