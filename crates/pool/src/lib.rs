//! Pools that tell you whether they pay.
//!
//! A [`Pool`] keeps objects that are costly to make. Three nouns. A **magazine** holds a thread's idle
//! objects: up to 32 pointers, reached without a lock or an atomic instruction (`magazine.rs`, found
//! by `table.rs`).
//! The **depot** is behind them: magazines that run over or dry exchange half their objects with it, under
//! one lock (`depot.rs`). A **guard** is the right to one object; its end gives the object back (`guard.rs`).
//!
//! [`BufPool`] is a pool of byte buffers for each size class; [`Cleared`] is the policy of ready pools for
//! strings, vectors and maps. An [`Arena`] frees all at once what was
//! allocated in it, and a [`TypedArena`] drops it, too. A [`Slab`] names its objects by numbers, an
//! [`IndexArena`] by eight bytes that go stale safely.
//!
//! # When not to use a pool
//!
//! * For plain memory: an allocator's own thread cache is about as fast, and knows more. A pool pays when an
//!   object keeps something of value: capacity that has grown, tables that were filled, a state that
//!   takes longer than some ten nanoseconds to set up.
//! * For what lives as long as the program, or is made once a second.
//! * For connections: they age, and want to be checked while idle.
//!
//! [`Pool::advice`] computes the answer from what the pool has counted and timed.

mod advice;
mod arena;
mod buf_pool;
mod call_site;
mod depot;
mod guard;
mod index_arena;
mod lengths;
mod limits;
mod magazine;
mod pool;
mod ready;
mod recycle;
mod slab;
mod stats;
mod table;
mod typed_arena;
mod wait;
mod zeroed;

pub use advice::Advice;
pub use arena::{Arena, ArenaString, Checkpoint, TryInitError};
pub use buf_pool::{Buf, BufPool};
pub use call_site::CallSite;
pub use guard::{Pooled, PooledOwned, PooledStatic};
pub use index_arena::{Id, IndexArena};
pub use limits::{Limits, PanicPolicy};
pub use pool::Pool;
#[cfg(feature = "bytes")]
pub use ready::BytesMutPool;
pub use ready::{Cleared, DequePool, MapPool, SetPool, StringPool, VecPool};
pub use recycle::Recycle;
pub use slab::{Slab, VacantEntry};
pub use stats::PoolStats;
pub use typed_arena::TypedArena;
pub use wait::Wait;
pub use zeroed::ZeroedBuf;
