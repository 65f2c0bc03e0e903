//! One line on standard error that tells how far long work is; nothing where that is no terminal.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::terminal;

/// Shorter work is not worth a line.
const PATIENCE: Duration = Duration::from_millis(500);
/// The line changes so often.
const INTERVAL: Duration = Duration::from_millis(100);

/// A line that is there as long as this value is.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    /// When it is told next, and whether it was told before; none where nobody watches.
    next: Option<Mutex<(Instant, bool)>>,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let next = terminal::stderr_columns().map(|_| Mutex::new((Instant::now() + PATIENCE, false)));
        Self { what, next }
    }

    /// Tells that `done` of `all` are done, if it is time.
    pub(crate) fn tell(&self, done: usize, all: usize) {
        let Some(next) = &self.next else { return };
        // Another thread that tells just now tells enough.
        let Ok(mut next) = next.try_lock() else { return };
        let now = Instant::now();
        if now >= next.0 {
            *next = (now + INTERVAL, true);
            terminal::report(&format!("\r{}: {done} of {all}", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let was_told = self.next.as_ref().and_then(|next| next.lock().ok()).is_some_and(|next| next.1);
        if was_told {
            terminal::report("\r\u{1b}[K");
        }
    }
}
