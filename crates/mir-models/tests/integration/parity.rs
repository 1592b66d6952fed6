//! Layers, optimisers, schedules and clipping have the values that PyTorch has: cases that
//! `scripts/parity/pytorch.py --store` wrote.

#[path = "../../examples/parity/cases.rs"]
mod cases;
#[path = "../../examples/parity/stored.rs"]
mod stored;

#[test]
fn stored_cases_have_the_values_of_pytorch() {
    let stored = stored::Stored::read().unwrap();
    assert!(stored.versions.contains("PyTorch 2.11.0"));
    let stored::Compared { names, values } = stored.compare(&[]).unwrap();
    for name in [
        "Conv2d",
        "ConvTranspose1d",
        "LSTM",
        "GRU",
        "TransformerEncoderLayer",
        "AdamW",
        "RMSprop",
        "OneCycleLR",
        "tensor_norm",
    ] {
        assert!(names.contains(name), "{name} is not stored");
    }
    assert!(names.len() > 35 && values > 1000, "{names:?}, {values} values");
}
