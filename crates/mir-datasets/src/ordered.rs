//! Work done ahead of its consumer by several threads, delivered in order.
//!
//! Workers claim items 0, 1, 2 … one after the other and never run further ahead than `capacity` items
//! beyond the one that the consumer waits for. So memory is bounded, what is delivered does not depend
//! on the number of threads, and dropping the stream waits only for the items in work.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{Error, Result};

type Job<T> = dyn Fn(u64) -> T + Send + Sync;

struct State<T> {
    /// The item that the consumer takes next.
    wanted: u64,
    /// The item that a worker claims next.
    unclaimed: u64,
    /// Finished items from `wanted` on.
    ready: BTreeMap<u64, Result<T>>,
    /// Counts restarts: results of an earlier run are thrown away.
    run: u64,
    stopped: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    job: Box<Job<T>>,
    capacity: u64,
    end: u64,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Jobs run outside the lock and their panics are caught, so the state is never half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn run_job(&self, item: u64) -> Result<T> {
        catch_unwind(AssertUnwindSafe(|| (self.job)(item)))
            .map_err(|panic| Error::WorkerPanicked { item, message: panic_message(panic.as_ref()) })
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let limit = state.wanted.saturating_add(self.capacity).min(self.end);
            if state.unclaimed >= limit {
                state = self.wait(state);
                continue;
            }
            let (item, run) = (state.unclaimed, state.run);
            state.unclaimed += 1;
            drop(state);
            let result = self.run_job(item);
            state = self.lock();
            if state.run == run {
                state.ready.insert(item, result);
                self.changed.notify_all();
            }
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}

/// Who works on the items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// Items in work at a time.
    pub(crate) count: usize,
    /// Threads for the inner loops of each, at least 1.
    ///
    /// Were these loops left to the pool that all share, every worker would wait for threads that are busy with
    /// the item of another one, while its core is idle.
    pub(crate) threads_each: usize,
}

impl Workers {
    /// `count` workers of one thread each.
    pub(crate) const fn single(count: usize) -> Self {
        Self { count, threads_each: 1 }
    }
}

fn pool(threads: usize) -> std::result::Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("mir-datasets-inner-{number}"))
        .build()
}

/// The stream of results of `job(0)`, `job(1)`, …
pub(crate) struct Ordered<T> {
    shared: Arc<Shared<T>>,
    workers: Vec<JoinHandle<()>>,
}

impl<T> fmt::Debug for Ordered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ordered").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Ordered<T> {
    /// Items `0..end` on `workers`, at most `capacity` ahead. Without workers (0, or if the
    /// system starts none) each item is worked on when it is asked for.
    pub(crate) fn new(
        workers: Workers,
        capacity: usize,
        end: u64,
        job: impl Fn(u64) -> T + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wanted: 0,
                unclaimed: 0,
                ready: BTreeMap::new(),
                run: 0,
                stopped: false,
            }),
            changed: Condvar::new(),
            job: Box::new(job),
            capacity: capacity.max(1) as u64,
            end,
        });
        let spawn = |number| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("mir-datasets-{number}"))
                .spawn(move || match pool(workers.threads_each) {
                    Ok(pool) => pool.install(|| shared.work()),
                    Err(error) => {
                        log::warn!("a worker without threads of its own: {error}");
                        shared.work();
                    }
                })
                .inspect_err(|error| log::warn!("cannot start a worker thread: {error}"))
                .ok()
        };
        let workers = (0..workers.count).filter_map(spawn).collect();
        Self { shared, workers }
    }

    /// The next result, in order; `None` after the last. Moves on also after a panic of the job.
    pub(crate) fn next(&mut self) -> Option<Result<T>> {
        let mut state = self.shared.lock();
        let item = state.wanted;
        if item >= self.shared.end {
            return None;
        }
        let result = if self.workers.is_empty() {
            drop(state);
            let result = self.shared.run_job(item);
            state = self.shared.lock();
            result
        } else {
            loop {
                if let Some(result) = state.ready.remove(&item) {
                    break result;
                }
                state = self.shared.wait(state);
            }
        };
        state.wanted = item + 1;
        state.unclaimed = state.unclaimed.max(item + 1);
        self.shared.changed.notify_all();
        Some(result)
    }

    /// Continues with `item`, forgetting what was done ahead.
    pub(crate) fn seek(&mut self, item: u64) {
        let mut state = self.shared.lock();
        state.wanted = item;
        state.unclaimed = item;
        state.ready.clear();
        state.run += 1;
        self.shared.changed.notify_all();
    }
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its jobs, so there is nothing to learn from its end.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_workers() {
        for threads in [0, 1, 4] {
            let mut stream = Ordered::new(Workers::single(threads), 3, 50, |item| {
                // Later items finish first now and then.
                thread::sleep(Duration::from_micros((item * 7919) % 400));
                item * item
            });
            let all: Vec<u64> = std::iter::from_fn(|| stream.next()).map(|r| r.unwrap()).collect();
            assert_eq!(all, (0..50).map(|i| i * i).collect::<Vec<_>>());
            stream.seek(48);
            assert_eq!(stream.next().unwrap().unwrap(), 48 * 48);
        }
    }

    #[test]
    fn workers_do_not_run_ahead_of_their_bound() {
        let started = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&started);
        let mut stream = Ordered::new(Workers::single(4), 5, u64::MAX, move |item| {
            count.fetch_add(1, Ordering::SeqCst);
            item
        });
        for taken in 1..=20 {
            stream.next().unwrap().unwrap();
            assert!(started.load(Ordering::SeqCst) <= taken + 5);
        }
    }

    #[test]
    fn a_panic_is_an_error_of_its_item_and_the_stream_goes_on() {
        for threads in [0, 2] {
            let mut stream = Ordered::new(Workers::single(threads), 4, 3, |item| {
                assert!(item != 1, "item one is cursed");
                item
            });
            assert_eq!(stream.next().unwrap().unwrap(), 0);
            match stream.next().unwrap() {
                Err(Error::WorkerPanicked { item: 1, message }) => {
                    assert!(message.contains("cursed"));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(stream.next().unwrap().unwrap(), 2);
            assert!(stream.next().is_none());
        }
    }
}
