//! Waiting for an object without a thread: a future that any executor can drive.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::guard::Pooled;
use crate::pool::Pool;
use crate::recycle::Recycle;

/// The future of [`Pool::get_async`]. Dropping it early is safe: it holds no object before it is ready, and
/// a call that reached it in vain goes on to the next waiter.
///
/// ```
/// use spandrel_pool::{Pool, Wait};
/// async fn first(wait: Wait<'_, Vec<u8>>) -> Option<u8> {
///     wait.await.first().copied()
/// }
/// static POOL: Pool<Vec<u8>> = Pool::new(|| vec![1]);
/// drop(first(POOL.get_async()));
/// ```
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct Wait<'p, T: Send + 'static, R: Recycle<T> = fn() -> T> {
    pool: &'p Pool<T, R>,
    waiter: Option<u64>,
    site: &'static Location<'static>,
}

impl<'p, T: Send + 'static, R: Recycle<T>> Wait<'p, T, R> {
    pub(crate) fn new(pool: &'p Pool<T, R>, site: &'static Location<'static>) -> Self {
        Self { pool, waiter: None, site }
    }
}

impl<'p, T: Send + 'static, R: Recycle<T>> Future for Wait<'p, T, R> {
    type Output = Pooled<'p, T, R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (pool, site) = (self.pool, self.site);
        match pool.take_or_enlist(&mut self.waiter, context.waker(), site) {
            Some(object) => Poll::Ready(Pooled::new(object, pool)),
            None => Poll::Pending,
        }
    }
}

impl<T: Send + 'static, R: Recycle<T>> Drop for Wait<'_, T, R> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.pool.strike(waiter);
        }
    }
}
