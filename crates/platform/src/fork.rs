//! Hooks around `fork`.

/// Asks for `prepare` to run in the parent before every `fork`, then `parent` there and `child` in the
/// child. Called once, as early as can be: hooks run in the order of registration after, and in the
/// reverse order before the `fork`, so that the allocator's locks are taken last and freed first.
pub fn on_fork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    // SAFETY: the three functions live as long as the program.
    unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

type Hook = Option<extern "C" fn()>;

unsafe extern "C" {
    fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> core::ffi::c_int;
}
