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

#[cfg(not(loom))]
mod advice;
#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod buf_pool;
#[cfg(not(loom))]
mod call_site;
#[cfg_attr(loom, allow(dead_code))]
mod depot;
#[cfg(not(loom))]
mod guard;
#[cfg_attr(loom, allow(dead_code))]
mod idle;
#[cfg(not(loom))]
mod index_arena;
#[cfg(not(loom))]
mod keeper;
#[cfg(not(loom))]
mod lengths;
#[cfg_attr(loom, allow(dead_code))]
mod limits;
#[cfg_attr(loom, allow(dead_code))]
mod magazine;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
mod pool;
#[cfg(not(loom))]
mod ready;
#[cfg_attr(loom, allow(dead_code))]
mod recycle;
#[cfg(not(loom))]
mod roster;
#[cfg(not(loom))]
mod slab;
#[cfg_attr(loom, allow(dead_code))]
mod stats;
mod sync;
#[cfg(not(loom))]
mod table;
#[cfg(not(loom))]
mod typed_arena;
#[cfg(not(loom))]
mod wait;
#[cfg(not(loom))]
mod zeroed;

#[cfg(not(loom))]
pub use advice::Advice;
#[cfg(not(loom))]
pub use arena::{Arena, ArenaString, Checkpoint, TryInitError};
#[cfg(not(loom))]
pub use buf_pool::{Buf, BufPool};
#[cfg(not(loom))]
pub use call_site::CallSite;
pub use depot::Outstanding;
#[cfg(not(loom))]
pub use guard::{Pooled, PooledOwned, PooledStatic};
#[cfg(not(loom))]
pub use index_arena::{Id, IndexArena};
#[cfg(not(loom))]
pub use keeper::Keeper;
pub use limits::{Limits, PanicPolicy};
#[cfg(not(loom))]
pub use pool::Pool;
#[cfg(all(feature = "bytes", not(loom)))]
pub use ready::BytesMutPool;
#[cfg(not(loom))]
pub use ready::{ArenaPool, Cleared, DequePool, MapPool, SetPool, StringPool, VecPool};
pub use recycle::Recycle;
#[cfg(not(loom))]
pub use roster::{PoolMetrics, give_way, metrics, tend};
#[cfg(not(loom))]
pub use slab::{Slab, VacantEntry};
pub use stats::PoolStats;
#[cfg(not(loom))]
pub use typed_arena::TypedArena;
#[cfg(not(loom))]
pub use wait::Wait;
#[cfg(not(loom))]
pub use zeroed::ZeroedBuf;
