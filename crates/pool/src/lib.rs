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
//! A [`StaticPool`] lends objects that lie in it: without the feature `std` it is all there is, and needs no
//! allocator and no operating system.
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

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(all(feature = "std", not(loom)))]
mod advice;
#[cfg(all(feature = "std", not(loom)))]
mod arena;
#[cfg(all(feature = "std", not(loom)))]
mod buf_pool;
#[cfg(all(feature = "std", not(loom)))]
mod call_site;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod depot;
#[cfg(all(feature = "std", not(loom)))]
mod guard;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod idle;
#[cfg(all(feature = "std", not(loom)))]
mod index_arena;
#[cfg(all(feature = "std", not(loom)))]
mod keeper;
#[cfg(all(feature = "std", not(loom)))]
mod lengths;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod limits;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod magazine;
#[cfg(all(test, loom))]
mod models;
#[cfg(all(feature = "std", not(loom)))]
mod pool;
#[cfg(all(feature = "std", not(loom)))]
mod ready;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod recycle;
#[cfg(all(feature = "std", not(loom)))]
mod roster;
#[cfg(all(feature = "std", not(loom)))]
mod slab;
mod static_pool;
#[cfg(feature = "std")]
#[cfg_attr(loom, allow(dead_code))]
mod stats;
mod sync;
#[cfg(all(feature = "std", not(loom)))]
mod table;
#[cfg(all(feature = "std", not(loom)))]
mod typed_arena;
#[cfg(all(feature = "std", not(loom)))]
mod wait;
#[cfg(all(feature = "std", not(loom)))]
mod zeroed;

#[cfg(all(feature = "std", not(loom)))]
pub use advice::Advice;
#[cfg(all(feature = "std", not(loom)))]
pub use arena::{Arena, ArenaString, Checkpoint, TryInitError};
#[cfg(all(feature = "std", not(loom)))]
pub use buf_pool::{Buf, BufPool};
#[cfg(all(feature = "std", not(loom)))]
pub use call_site::CallSite;
#[cfg(feature = "std")]
pub use depot::Outstanding;
#[cfg(all(feature = "std", not(loom)))]
pub use guard::{Pooled, PooledOwned, PooledStatic};
#[cfg(all(feature = "std", not(loom)))]
pub use index_arena::{Id, IndexArena};
#[cfg(all(feature = "std", not(loom)))]
pub use keeper::Keeper;
#[cfg(feature = "std")]
pub use limits::{Limits, OnEmpty, PanicPolicy};
#[cfg(all(feature = "std", not(loom)))]
pub use pool::Pool;
#[cfg(all(feature = "bytes", not(loom)))]
pub use ready::BytesMutPool;
#[cfg(all(feature = "std", not(loom)))]
pub use ready::{ArenaPool, Cleared, DequePool, MapPool, SetPool, StringPool, VecPool};
#[cfg(feature = "std")]
pub use recycle::Recycle;
#[cfg(all(feature = "std", not(loom)))]
pub use roster::{PoolMetrics, give_way, metrics, tend};
#[cfg(all(feature = "std", not(loom)))]
pub use slab::{Slab, VacantEntry};
pub use static_pool::{Lease, StaticPool};
#[cfg(feature = "std")]
pub use stats::PoolStats;
#[cfg(all(feature = "std", not(loom)))]
pub use typed_arena::TypedArena;
#[cfg(all(feature = "std", not(loom)))]
pub use wait::Wait;
#[cfg(all(feature = "std", not(loom)))]
pub use zeroed::ZeroedBuf;
