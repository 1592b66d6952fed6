//! Faults on purpose: what does a full disk or a crash leave behind?
//!
//! Every operation with which this module makes files and folders visible first asks the hook of its
//! thread, if there is one. A test that counts the operations of a piece of work and then repeats it with a
//! fault at each of them has seen every state in which it can be interrupted.
//!
//! ```
//! use mir_core::publish::{self, fault::{self, Fault}};
//!
//! # let folder = std::env::temp_dir().join(format!("mir-core-doc-fault-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let path = folder.join("notes.tsv");
//! publish::write(&path, b"old")?;
//! let full = fault::with(|_, _| Some(Fault::NoSpace), || publish::write(&path, b"new"));
//! assert!(full.is_err());
//! assert_eq!(std::fs::read(&path)?, b"old");
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    cell::RefCell,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// What is about to be done to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A temporary file or folder is made.
    Create,
    /// Bytes are handed to the operating system.
    Write,
    /// A file or folder is brought to the disk itself.
    Sync,
    /// A file or folder gets another name.
    Rename,
    /// A file or folder that is no longer needed is removed.
    Remove,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
        })
    }
}

/// What happens instead of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails as on a full disk; half of the bytes of a write are there.
    NoSpace,
    /// The process dies on the spot, as if it were killed; half of the bytes of a write are there.
    Abort,
}

type Ask = dyn FnMut(Operation, &Path) -> Option<Fault> + Send;

/// The hook of a thread, to be handed on to another one.
#[derive(Clone)]
pub struct Hook(Arc<Mutex<Ask>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Does `work` while `hook` is asked before each operation of this thread: `None` lets it happen.
pub fn with<R>(
    hook: impl FnMut(Operation, &Path) -> Option<Fault> + Send + 'static,
    work: impl FnOnce() -> R,
) -> R {
    with_hook(Some(Hook(Arc::new(Mutex::new(hook)))), work)
}

/// Does `work` with the hook of another thread, as [`current`] gave it there.
pub fn with_hook<R>(hook: Option<Hook>, work: impl FnOnce() -> R) -> R {
    /// Puts the earlier hook back, also when the work panics.
    struct Restore(Option<Hook>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HOOK.set(self.0.take());
        }
    }
    let _restore = Restore(HOOK.replace(hook));
    work()
}

/// The hook of this thread, for [`with_hook`] in another one.
pub fn current() -> Option<Hook> {
    HOOK.with_borrow(Clone::clone)
}

/// Asks the hook. `half` is done before a fault takes effect.
pub(super) fn point(
    operation: Operation,
    path: &Path,
    half: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(Hook(ask)) = current() else {
        return Ok(());
    };
    let fault = (ask.lock().unwrap_or_else(PoisonError::into_inner))(operation, path);
    match fault {
        None => Ok(()),
        Some(Fault::NoSpace) => {
            half()?;
            Err(io::ErrorKind::StorageFull.into())
        }
        Some(Fault::Abort) => {
            half()?;
            std::process::abort()
        }
    }
}
