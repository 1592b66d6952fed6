//! Piano transcription.
fn main() {}
