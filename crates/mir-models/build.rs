//! Lets examples, tests and benches find LibTorch at run time.
fn main() {}
