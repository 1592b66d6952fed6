//! Kinds of elements.

/// What the elements of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// Truth values of one byte.
    Bool,
    /// 8-bit whole numbers without sign.
    U8,
    /// 8-bit whole numbers.
    I8,
    /// 16-bit whole numbers without sign.
    U16,
    /// 16-bit whole numbers.
    I16,
    /// 32-bit whole numbers without sign.
    U32,
    /// 32-bit whole numbers.
    I32,
    /// 64-bit whole numbers without sign.
    U64,
    /// 64-bit whole numbers.
    I64,
    /// IEEE half precision.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// Pairs of 32-bit floats.
    C64,
    /// Pairs of 64-bit floats.
    C128,
}

impl DType {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::C64 => 8,
            Self::C128 => 16,
        }
    }

    /// The kind that a storage class of PyTorch holds.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "BoolStorage" => Self::Bool,
            // An untyped storage counts its bytes.
            "ByteStorage" | "UntypedStorage" => Self::U8,
            "CharStorage" => Self::I8,
            "ShortStorage" => Self::I16,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "ComplexFloatStorage" => Self::C64,
            "ComplexDoubleStorage" => Self::C128,
            _ => return None,
        })
    }

    /// The kind that PyTorch calls `torch.NAME`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "uint8" => Self::U8,
            "int8" => Self::I8,
            "uint16" => Self::U16,
            "int16" => Self::I16,
            "uint32" => Self::U32,
            "int32" => Self::I32,
            "uint64" => Self::U64,
            "int64" => Self::I64,
            "float16" => Self::F16,
            "bfloat16" => Self::Bf16,
            "float32" => Self::F32,
            "float64" => Self::F64,
            "complex64" => Self::C64,
            "complex128" => Self::C128,
            _ => return None,
        })
    }

    /// Little-endian elements as 32-bit floats; `None` for complex numbers.
    pub(crate) fn to_f32(self, bytes: &[u8]) -> Option<Vec<f32>> {
        fn all<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|&element| convert(element)).collect()
        }
        Some(match self {
            Self::Bool => all(bytes, |[x]| f32::from(u8::from(x != 0))),
            Self::U8 => all(bytes, |[x]| f32::from(x)),
            Self::I8 => all(bytes, |[x]| f32::from(x as i8)),
            Self::U16 => all(bytes, |x| f32::from(u16::from_le_bytes(x))),
            Self::I16 => all(bytes, |x| f32::from(i16::from_le_bytes(x))),
            Self::U32 => all(bytes, |x| u32::from_le_bytes(x) as f32),
            Self::I32 => all(bytes, |x| i32::from_le_bytes(x) as f32),
            Self::U64 => all(bytes, |x| u64::from_le_bytes(x) as f32),
            Self::I64 => all(bytes, |x| i64::from_le_bytes(x) as f32),
            Self::F16 => all(bytes, |x| half(u16::from_le_bytes(x))),
            Self::Bf16 => all(bytes, |x| f32::from_bits(u32::from(u16::from_le_bytes(x)) << 16)),
            Self::F32 => all(bytes, f32::from_le_bytes),
            Self::F64 => all(bytes, |x| f64::from_le_bytes(x) as f32),
            Self::C64 | Self::C128 => return None,
        })
    }
}

/// The value of an IEEE half.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023) / 1024.0;
    match exponent {
        0 => sign * fraction * 2f32.powi(-14),
        31 if bits & 1023 == 0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_their_values() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert!(half(bits).total_cmp(&value).is_eq(), "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn elements_become_floats() {
        let of = |dtype: DType, bytes: &[u8]| dtype.to_f32(bytes).unwrap();
        assert_eq!(of(DType::Bool, &[0, 1, 2]), [0.0, 1.0, 1.0]);
        assert_eq!(of(DType::I8, &[255]), [-1.0]);
        assert_eq!(of(DType::I16, &(-300i16).to_le_bytes()), [-300.0]);
        assert_eq!(of(DType::U64, &(1u64 << 40).to_le_bytes()), [2f32.powi(40)]);
        assert_eq!(of(DType::Bf16, &[0x80, 0x3f]), [1.0]);
        assert_eq!(of(DType::F64, &0.5f64.to_le_bytes()), [0.5]);
        assert_eq!(DType::C64.to_f32(&[0; 8]), None);
    }
}
