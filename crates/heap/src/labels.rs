//! Labels: what a thread is working for, in words of the program's own.
//!
//! A thread has one set of labels at a time, a number in a slot of its own; samples that it takes carry it.

use spandrel_platform::thread_slot;

use crate::sampler;

thread_slot!(labels, 0usize);
thread_slot!(token, 0usize);

/// The token of the allocation that the calling thread is doing; 0: none.
pub(crate) fn current_token() -> u64 {
    token::get().addr() as u64
}

/// Runs `alloc` with the token that a compiler gave its call, clang's hash of the type for example.
#[inline]
pub(crate) fn with_token<R>(number: u64, alloc: impl FnOnce() -> R) -> R {
    token::set(core::ptr::without_provenance_mut(number as usize));
    let result = alloc();
    token::set(core::ptr::null_mut());
    result
}

/// The calling thread's set of labels; 0: none.
pub(crate) fn current() -> u32 {
    labels::get().addr() as u32
}

/// Puts the labels back that held before, when a scope ends in whatever way.
struct Restore(*mut u8);

impl Drop for Restore {
    fn drop(&mut self) {
        labels::set(self.0);
    }
}

/// Runs `action`; what the calling thread allocates in it carries a label in heap profiles, `key=value`,
/// beside those that hold already. One of the same key gives way for as long as `action` runs.
///
/// Labels are made for few keys with few values, such as tenants or kinds of requests. Texts are cut at 60
/// bytes; a process keeps 1024 different texts and as many different sets of labels, and a further one has no
/// effect. Costs about as much as an uncontended lock and a look at each label that is known.
///
/// ```
/// let bytes = spandrel::with_label("tenant", "acme", || vec![0u8; 100_000]);
/// assert_eq!(bytes.len(), 100_000);
/// ```
pub fn with_label<R>(key: &str, value: &str, action: impl FnOnce() -> R) -> R {
    let before = labels::get();
    let with = sampler::lock_profile(|profile| {
        profile.rows.texts.with_label(key.as_bytes(), value.as_bytes(), before.addr() as u32)
    });
    let _restore = Restore(before);
    labels::set(core::ptr::without_provenance_mut(with.map_or(before.addr(), |set| set as usize)));
    action()
}
