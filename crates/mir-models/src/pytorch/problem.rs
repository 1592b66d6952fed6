//! What can be wrong with a file of PyTorch.

use crate::pytorch::limits;

/// What is wrong with a file of PyTorch, and where. Offsets count from the start of the pickle, which is
/// that of the file in the format before PyTorch 1.6, and that of `data.pkl` in a zip archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Neither a zip archive nor a stream of pickles of PyTorch.
    #[error("neither container of PyTorch; was it written by torch.save?")]
    NotPyTorch,
    /// The archive cannot be read.
    #[error("the zip archive is damaged; copy or download it again")]
    Zip {
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A member of the archive is missing.
    #[error("the archive has no member '{name}'")]
    NoMember {
        /// Its name.
        name: String,
    },
    /// A member of the archive is compressed; PyTorch never does that.
    #[error("the archive's member '{name}' is compressed; write the file with torch.save")]
    Compressed {
        /// Its name.
        name: String,
    },
    /// The checksum of a member is wrong.
    #[error("the archive's member '{name}' is damaged; copy or download it again")]
    Checksum {
        /// Its name.
        name: String,
    },
    /// The file was written on a big-endian machine.
    #[error("the file is big-endian; load and save it again on another machine")]
    BigEndian,
    /// The file is of a version that is not known.
    #[error("format version {version}, expected {expected}")]
    Version {
        /// The version.
        version: i64,
        /// The known one.
        expected: i64,
    },
    /// The file ends too early.
    #[error(
        "at byte {offset}: {needed} bytes are announced, {left} are there; the file is cut off"
    )]
    Truncated {
        /// Where.
        offset: u64,
        /// Bytes that should follow.
        needed: u64,
        /// Bytes that follow.
        left: u64,
    },
    /// An instruction that is not for data.
    #[error("at byte {offset}: the instruction 0x{opcode:02x} is not admitted")]
    Opcode {
        /// Where.
        offset: u64,
        /// The instruction.
        opcode: u8,
    },
    /// An instruction finds nothing, or the wrong thing, to work on.
    #[error("at byte {offset}: expected {expected}")]
    Expected {
        /// Where.
        offset: u64,
        /// What should be there.
        expected: &'static str,
    },
    /// Too many objects.
    #[error("at byte {offset}: more than {} objects", limits::OBJECTS)]
    Objects {
        /// Where.
        offset: u64,
    },
    /// The stack is too high.
    #[error("at byte {offset}: more than {} values wait on the stack", limits::STACK)]
    Stack {
        /// Where.
        offset: u64,
    },
    /// Containers in one another, without end or too many.
    #[error("'{name}' has more than {} containers in one another", limits::DEPTH)]
    Depth {
        /// The name as far as it was followed.
        name: String,
    },
    /// Objects are shared so often that visiting all would take forever.
    #[error("the file has more than {} places where a tensor may be", limits::VISITS)]
    Visits,
    /// A tensor sees elements that its storage does not have.
    #[error(
        "at byte {offset}: a tensor needs {needed} elements of its storage, which has {actual}"
    )]
    Bounds {
        /// Where.
        offset: u64,
        /// Elements up to the last one that is seen.
        needed: u64,
        /// Elements of the storage.
        actual: u64,
    },
    /// A storage has another size than announced.
    #[error("storage '{key}' has {actual} bytes, announced are {expected}")]
    StorageSize {
        /// The storage.
        key: String,
        /// Announced bytes.
        expected: u64,
        /// Bytes that are there.
        actual: u64,
    },
    /// The data of a storage are not there.
    #[error("storage '{key}' is announced, but its data are not there")]
    NoStorage {
        /// The storage.
        key: String,
    },
    /// A tensor is far larger than the file that it comes from.
    #[error("a tensor of shape {shape:?} would need {bytes} bytes, far more than the file has")]
    Expanded {
        /// Its shape.
        shape: Vec<usize>,
        /// Its bytes.
        bytes: u64,
    },
    /// There is no tensor of this name.
    #[error("there is no tensor '{name}'")]
    NoTensor {
        /// The name.
        name: String,
    },
    /// Complex numbers were asked for as real ones.
    #[error("tensor '{name}' is complex")]
    Complex {
        /// The name.
        name: String,
    },
}
