//! Files of PyTorch are read exactly, and nothing in a file makes the reader run, hang or grow.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use mir_models::{
    Error,
    pytorch::{DType, Problem, PyTorchFile, Scalar},
};
use mir_testkit::signal::Random;
use serde::Deserialize;

use crate::ALLOCATOR;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    torch: String,
    files: BTreeMap<String, BTreeMap<String, Tensor>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    values: Vec<f64>,
}

const FILES: [&str; 3] = ["zip.pth", "stream.pth", "module-zip.pt"];

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch");
    fs::read(folder.join(name)).unwrap()
}

fn load(bytes: &[u8]) -> Result<PyTorchFile, Problem> {
    match PyTorchFile::from_bytes(bytes.to_vec(), "test.pth".as_ref()) {
        Ok(file) => Ok(file),
        Err(Error::PyTorch { problem, .. }) => Err(*problem),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn tensors_of_every_kind_and_layout_have_the_values_that_pytorch_gives() {
    let expected: Expected = serde_json::from_slice(&bytes("expected.json")).unwrap();
    assert_eq!(expected.torch, "2.11.0");
    assert_eq!(expected.files.len(), FILES.len());
    for (name, tensors) in expected.files {
        let file = load(&bytes(&name)).unwrap();
        let names: Vec<&str> = file.tensors().iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.len(), tensors.len(), "{name}: {names:?}");
        for entry in file.tensors() {
            let tensor = &tensors[&entry.name];
            assert_eq!(format!("{:?}", entry.dtype).to_lowercase(), short(&tensor.dtype), "{name}");
            assert_eq!(entry.shape, tensor.shape, "{name} {}", entry.name);
            let values = file.read_f32(&entry.name).unwrap();
            let reference: Vec<f32> = tensor.values.iter().map(|&x| x as f32).collect();
            assert_eq!(values, reference, "{name} {}", entry.name);
        }
    }
}

fn short(dtype: &str) -> String {
    let letter = &dtype[..1];
    match dtype {
        "bool" => "bool".to_owned(),
        "bfloat16" => "bf16".to_owned(),
        _ => format!("{letter}{}", dtype.trim_start_matches(|c: char| c.is_alphabetic())),
    }
}

#[test]
fn values_beside_the_tensors_are_there_by_name() {
    for name in ["zip.pth", "stream.pth"] {
        let file = load(&bytes(name)).unwrap();
        let scalars: BTreeMap<_, _> = file.scalars().iter().cloned().collect();
        assert_eq!(scalars["extra.step"], Scalar::Int(12));
        assert_eq!(scalars["extra.big"], Scalar::Int(1 << 40));
        assert_eq!(scalars["extra.rate"], Scalar::Float(0.5));
        assert_eq!(scalars["extra.name"], Scalar::Text("tiny".to_owned()));
        assert_eq!(scalars["extra.flag"], Scalar::Bool(true));
        assert_eq!(scalars["history.0.loss"], Scalar::Float(1.5));
        assert_eq!(scalars["history.1.1"], Scalar::Int(-7));
        assert!(!scalars.contains_key("extra.none"));
        assert!(file.unsupported().is_empty());
        let missing = file.read_bytes("nothing");
        assert!(
            matches!(missing, Err(Error::PyTorch { problem, .. }) if matches!(*problem, Problem::NoTensor { .. }))
        );
    }
}

/// Where the value stands in [`stream`].
const START: u64 = 27;

/// A pickle of the earlier container: what is given, as the value of a file with one storage of 4 floats.
fn stream(value: &[u8]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02");
    file.extend(value);
    file.extend(b".\x80\x02]U\x010a.");
    file.extend(4u64.to_le_bytes());
    for x in [1.0f32, 2.0, 3.0, 4.0] {
        file.extend(x.to_le_bytes());
    }
    file
}

/// `torch._utils._rebuild_tensor_v2` on that storage, with numbers of one byte.
fn rebuild(first: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut out = b"ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04NtQ".to_vec();
    out.extend([b'K', first]);
    for numbers in [shape, strides] {
        out.push(b'(');
        out.extend(numbers.iter().flat_map(|&n| [b'K', n]));
        out.push(b't');
    }
    out.extend(b"\x89}tR");
    out
}

#[test]
fn a_hand_made_tensor_is_read() {
    let mut value = b"}U\x01w".to_vec();
    value.extend(rebuild(1, &[2, 2], &[1, 1]));
    value.push(b's');
    let file = load(&stream(&value)).unwrap();
    assert_eq!(file.tensors()[0].name, "w");
    assert_eq!(file.tensors()[0].dtype, DType::F32);
    assert_eq!(file.read_f32("w").unwrap(), [2.0, 3.0, 3.0, 4.0]);
}

/// What each trick is refused with. Offsets are those of the byte after the instruction's operands, or of
/// the instruction itself where that is what is wrong.
#[test]
fn tricks_are_refused_with_their_place() {
    let storage = rebuild(0, &[4], &[1]);
    let with = |value: &[u8]| load(&stream(value)).unwrap_err();
    let start = START;
    // Instructions that import and call, or reach outside.
    for opcode in [b'i', b'o', b'P', 0x82, 0x83, 0x84, 0x97, b'I', b'F', b'S', 0x00, 0xff] {
        match with(&[opcode]) {
            Problem::Opcode { offset, opcode: found } => {
                assert_eq!((offset, found), (start, opcode));
            }
            other => panic!("{opcode:02x}: {other:?}"),
        }
    }
    // Lengths that lie.
    for lie in [
        &b"X\xff\xff\xff\xff"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"T\xff\xff\xff\x7f",
    ] {
        assert!(matches!(with(lie), Problem::Truncated { .. }), "{lie:?}");
    }
    // Instructions without operands on the stack.
    for bare in [
        &b"R"[..],
        b"s",
        b"u",
        b"a",
        b"e",
        b"t",
        b"\x85",
        b"q\x00",
        b"h\x05",
        b"b",
        b"Q",
        b"\x93",
        b"0",
        b"2",
        b"",
        b"(R",
        b"K\x01K\x02R",
        b"K\x01(ts",
        b"]K\x01K\x02s",
        b"}(K\x01u",
    ] {
        assert!(matches!(with(bare), Problem::Expected { .. }), "{bare:?}");
    }
    // Tensors beyond their storage.
    for (first, shape, strides) in
        [(4, &[1][..], &[1][..]), (0, &[5], &[1]), (0, &[2, 2], &[3, 1]), (1, &[2], &[3])]
    {
        let problem = with(&rebuild(first, shape, strides));
        assert!(matches!(problem, Problem::Bounds { actual: 4, .. }), "{problem:?}");
    }
    assert!(matches!(with(&rebuild(0, &[2, 2], &[1])), Problem::Expected { .. }));
    // One value seen 255⁴ times over.
    let many = load(&stream(&rebuild(0, &[255; 4], &[0; 4]))).unwrap();
    let error = many.read_f32("").unwrap_err();
    assert!(
        matches!(error, Error::PyTorch { problem, .. } if matches!(*problem, Problem::Expanded { .. }))
    );
    // A storage with another length than its data, or without data.
    let change = |from: &[u8], to: &[u8]| {
        let at = storage.windows(from.len()).position(|w| w == from).unwrap();
        [&storage[..at], to, &storage[at + from.len()..]].concat()
    };
    assert!(matches!(with(&change(b"K\x04N", b"K\x09N")), Problem::StorageSize { .. }));
    assert!(matches!(with(&change(b"U\x010", b"U\x011")), Problem::NoStorage { .. }));
    // A list within itself, and lists shared so often that a walk would not end.
    let after = |value: &[u8]| with(&[&storage, &b"0"[..], value].concat());
    assert!(matches!(after(b"]q\x00h\x00a"), Problem::Depth { .. }));
    let mut bomb = b"]".to_vec();
    for level in 0..40u8 {
        bomb.extend([b'q', level, b'0', b']', b'(']);
        bomb.extend([b'h', level].repeat(10));
        bomb.push(b'e');
    }
    assert!(matches!(after(&bomb), Problem::Visits));
}

#[test]
fn a_call_of_anything_else_is_only_noted_down() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("ran");
    let command = format!("touch {}", marker.display());
    let mut value = b"}U\x01xcos\nsystem\n(X".to_vec();
    value.extend((command.len() as u32).to_le_bytes());
    value.extend(command.as_bytes());
    value.extend(b"tRsU\x01w");
    value.extend(rebuild(0, &[4], &[1]));
    value.push(b's');
    let file = load(&stream(&value)).unwrap();
    assert_eq!(file.tensors().len(), 1);
    assert!(!marker.exists());
}

/// Thousands of damaged files: an error or a result, never a panic, and no more memory than some times the
/// file. In a process of its own, since the allocator counts for all threads.
#[test]
fn damaged_files_neither_panic_nor_grow() {
    if std::env::var_os("MIR_MEASURE").is_none() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["pytorch::damaged_files_neither_panic_nor_grow", "--exact"])
            .env("MIR_MEASURE", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let mut random = Random::new(5);
    let (mut refused, mut read) = (0, 0);
    for name in FILES {
        let whole = bytes(name);
        let mut check = |damaged: Vec<u8>, case: &str| {
            ALLOCATOR.reset_peak_usage();
            let before = ALLOCATOR.current_usage();
            let allowed = (1 << 20) + 200 * damaged.len();
            match load(&damaged) {
                Err(_) => refused += 1,
                Ok(file) => {
                    read += 1;
                    for entry in file.tensors() {
                        // A changed size may ask for anything up to the documented limit.
                        if entry.shape.iter().product::<usize>() < 10_000 {
                            let _ = file.read_f32(&entry.name);
                        }
                    }
                }
            }
            let used = ALLOCATOR.peak_usage().saturating_sub(before);
            assert!(used <= allowed, "{name}, {case}: {used} bytes");
        };
        for length in 0..whole.len() {
            check(whole[..length].to_vec(), &format!("cut at {length}"));
        }
        for round in 0..6000 {
            let mut damaged = whole.clone();
            for _ in 0..1 + round % 3 {
                let at = random.below(whole.len());
                damaged[at] = random.next_u64() as u8;
            }
            check(damaged, &format!("round {round}"));
        }
        for round in 0..500 {
            let mut damaged = whole.clone();
            let at = random.below(whole.len() - 16);
            match round % 3 {
                0 => damaged[at..at + 4].fill(0xff),
                1 => damaged[at..at + 8].copy_from_slice(&[255, 255, 255, 255, 255, 255, 255, 127]),
                _ => {
                    damaged.drain(at..at + 1 + random.below(15));
                }
            }
            check(damaged, &format!("block {round}"));
        }
    }
    println!("{refused} refused, {read} read");
    assert!(refused > 10_000 && read > 1000, "{refused} refused, {read} read");
}

#[test]
fn a_published_checkpoint_of_the_earlier_format_is_read() {
    let Some(path) = mir_testkit::test_data("giantmidi/piano_solo_model_32k.pth") else { return };
    let file = PyTorchFile::open(&path).unwrap();
    assert!(file.tensors().len() > 10, "{}", file.tensors().len());
    for entry in file.tensors() {
        let values = file.read_f32(&entry.name).unwrap();
        assert_eq!(values.len(), entry.shape.iter().product::<usize>());
        assert!(values.iter().all(|x| x.is_finite()), "{}", entry.name);
    }
}
