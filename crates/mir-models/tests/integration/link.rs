//! LibTorch is found at run time, without any search path set by hand.

#[test]
fn libtorch_is_found_at_run_time_and_computes() {
    let x = tch::Tensor::from_slice(&[1.0f32, 2.0, 3.0]);
    let sum = f64::try_from(x.sum(tch::Kind::Double)).expect("one element");
    mir_testkit::assert_close(sum, 6.0, 0.0, "sum");
}
