//! Which processor computes, and with how many threads.
//!
//! One binary serves CPU and GPU. It is linked against LibTorch's CPU library alone; before LibTorch is
//! asked about CUDA for the first time, [`DeviceChoice::resolve`] tries to load `libtorch_cuda.so`.
//! LibTorch looks its CUDA hooks up once and keeps the answer, so the order matters and is kept here.

use std::{env, fmt, path::PathBuf, str::FromStr, sync::OnceLock};

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

use crate::{Error, Result};

/// A wish for a device: `auto`, `cpu`, `cuda` or `cuda:n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// A CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by number; an error if it is not there.
    Cuda(usize),
}

impl DeviceChoice {
    /// The device itself.
    ///
    /// # Errors
    /// [`Error::Device`] if a CUDA device is asked for by name and not usable: never a silent fallback.
    pub fn resolve(self) -> Result<Device> {
        if self == Self::Cpu {
            return Ok(Device::Cpu);
        }
        let loaded = load_cuda();
        let count = if Cuda::is_available() { Cuda::device_count().max(0) as usize } else { 0 };
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if count > 0 => Ok(Device::Cuda(0)),
            Self::Auto => Ok(Device::Cpu),
            Self::Cuda(index) if index < count => Ok(Device::Cuda(index)),
            Self::Cuda(_) => {
                let reason = match loaded {
                    _ if count > 0 => {
                        format!("this machine has {count} CUDA device(s), counted from 0")
                    }
                    Ok(library) => format!(
                        "{library} was loaded, but it finds no usable graphics card; look at nvidia-smi"
                    ),
                    Err(why) => format!(
                        "{why}; run `./setup.sh --cuda`, or set MIR_LIBTORCH_CUDA to the folder of a \
                         LibTorch 2.11.0 with CUDA, or use --device cpu"
                    ),
                };
                Err(Error::Device { requested: self.to_string(), reason })
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| Error::config("device", "auto, cpu, cuda or cuda:N", other)),
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

/// Limits the threads of LibTorch's operators, once at the start of a program.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(threads.clamp(1, 1024) as i32);
}

/// Threads of LibTorch's operators.
pub fn threads() -> usize {
    tch::get_num_threads().max(1) as usize
}

/// Loads LibTorch's CUDA library into the process, once; the name that worked, or why none did.
pub(crate) fn load_cuda() -> &'static std::result::Result<String, String> {
    static LOADED: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        const LIBRARY: &str = "libtorch_cuda.so";
        let mut candidates: Vec<PathBuf> = Vec::new();
        if let Some(folder) = env::var_os("MIR_LIBTORCH_CUDA") {
            candidates.push(PathBuf::from(&folder).join(LIBRARY));
            candidates.push(PathBuf::from(folder).join("lib").join(LIBRARY));
        }
        if let Some(cache) = cache_folder() {
            candidates.push(cache.join("mir/libtorch-2.11.0-cuda/torch/lib").join(LIBRARY));
        }
        candidates.push(PathBuf::from(LIBRARY));
        let mut reason = format!("no {LIBRARY} was found");
        for candidate in candidates {
            if candidate.is_absolute() && !candidate.exists() {
                continue;
            }
            match open_global(&candidate) {
                Ok(()) => return Ok(candidate.display().to_string()),
                Err(error) if candidate.is_absolute() => reason = error,
                Err(_) => {}
            }
        }
        Err(reason)
    })
}

/// The user's cache folder, where `setup.sh` keeps its libraries.
fn cache_folder() -> Option<PathBuf> {
    env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
}

/// Opens a library with its symbols visible to all, and leaves it open.
#[cfg(unix)]
#[expect(unsafe_code, reason = "loading a library runs its initialisers")]
fn open_global(path: &std::path::Path) -> std::result::Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library is LibTorch's own; its initialisers register operators and touch nothing of
    // ours. It stays loaded until the process ends, so no symbol outlives it.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// Elsewhere the CUDA library has to be linked.
#[cfg(not(unix))]
fn open_global(_path: &std::path::Path) -> std::result::Result<(), String> {
    Err("loading CUDA at run time is only written for Unix".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_read() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda", DeviceChoice::Cuda(0)),
            ("cuda:3", DeviceChoice::Cuda(3)),
        ] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap(), choice);
        }
        assert!("gpu".parse::<DeviceChoice>().is_err());
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn a_missing_card_is_an_error_and_not_a_fallback() {
        assert_eq!(DeviceChoice::Cpu.resolve().unwrap(), Device::Cpu);
        let far = DeviceChoice::Cuda(63).resolve();
        assert!(matches!(far, Err(Error::Device { .. })));
    }
}
