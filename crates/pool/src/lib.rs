//! Pools that tell you whether they pay.
//!
//! A [`Pool`] keeps objects that are costly to make. Three nouns. A **magazine** holds a thread's idle
//! objects: up to 32 pointers, reached without a lock or an atomic instruction (`magazine.rs`, found
//! by `table.rs`).
//! The **depot** is behind them: magazines that run over or dry exchange half their objects with it, under
//! one lock (`depot.rs`). A **guard** is the right to one object; its end gives the object back (`guard.rs`).
//!
//! [`BufPool`] is a pool of byte buffers for each size class. An [`Arena`] frees all at once what was
//! allocated in it; an [`IndexArena`] names its objects by eight bytes that go stale safely.
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
mod limits;
#[cfg_attr(loom, allow(dead_code))]
mod magazine;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
mod pool;
mod recycle;
#[cfg(not(loom))]
mod roster;
mod stats;
mod sync;
#[cfg(not(loom))]
mod table;
#[cfg(not(loom))]
mod wait;

#[cfg(not(loom))]
pub use advice::Advice;
#[cfg(not(loom))]
pub use arena::Arena;
#[cfg(not(loom))]
pub use buf_pool::{Buf, BufPool};
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
pub use recycle::Recycle;
#[cfg(not(loom))]
pub use roster::{PoolMetrics, give_way, metrics, tend};
pub use stats::PoolStats;
#[cfg(not(loom))]
pub use wait::Wait;
