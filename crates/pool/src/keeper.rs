//! A thread that ends the epochs of pools that rest, and lets all pools give way when memory is short.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::roster;

/// A thread that looks after all pools until this value is dropped.
///
/// Without it a pool ends its epochs when it is used. With it idle objects go in time though nobody comes by:
/// what a burst has left is gone after two epochs and a period.
///
/// ```
/// use std::time::Duration;
/// # let memory_was_short = || 0; /*
/// let memory_was_short = spandrel::pressure;
/// # */
/// let keeper = spandrel_pool::Keeper::start(Duration::from_secs(1), memory_was_short)?;
/// drop(keeper); // in a program that lasts: keep it
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the thread ends when this is dropped"]
#[derive(Debug)]
pub struct Keeper {
    /// Dropped, it ends the thread.
    alive: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread. Once a period it calls [`tend`](crate::tend), and [`give_way`](crate::give_way)
    /// before if the number that `pressure` returns has changed since. `spandrel::pressure` is such a count.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(period: Duration, pressure: impl Fn() -> u64 + Send + 'static) -> io::Result<Self> {
        let (alive, end) = mpsc::channel();
        let mut seen = pressure();
        let body = move || {
            while end.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                let now = pressure();
                if now != seen {
                    roster::give_way();
                    seen = now;
                }
                roster::tend();
            }
        };
        let thread = thread::Builder::new().name("pool-keeper".into()).spawn(body)?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.alive.take());
        // An object's destructor may have panicked there; that was reported, and is not ours to repeat.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
