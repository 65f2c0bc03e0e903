//! Structures that caches like, and that keep threads off each other's cache lines.
//!
//! A processor moves memory in **lines** of 64 bytes (128 on some). Two facts follow, and each structure here
//! is about one of them.
//!
//! **A line has one writer at a time.** Threads that write to different words of one line take it from each
//! other at every write, as if they shared the words: *false sharing*.
//!
//! - [`CachePadded`] keeps a value alone on its lines, in a struct or an array; [`Isolated`] does so on the
//!   heap.
//! - [`Sharded`] and [`ShardedCounter`] give each thread a cell of its own for what all of them write.
//! - [`spsc`] and [`mpmc`] are bounded rings whose two ends lie on different lines.
//!
//! **A line is read as a whole.** What lies beside the wanted bytes comes along, useful or not, and a pointer
//! that must be read first is a wait.
//!
//! - [`SoaVec`] holds a struct as columns, so that a loop over one field reads that field alone; fields can
//!   be grouped into hot and cold rows.
//! - [`EytzingerMap`] is a sorted map in an order that a search can prefetch.
//! - [`IndexList`] and [`IndexTree`] link their nodes by 32-bit indices in one allocation, and can be laid
//!   out anew in the order in which they are walked.
//!
//! When each of them pays, with measurements, and when it does not, stands in `docs/cache-lines.md` of the
//! project. The short form: first lines of one's own for what threads write, then fewer pointers, then
//! columns for scans of one field.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// The derive names this crate as its users do.
extern crate self as spandrel_cacheline;

#[cfg(not(loom))]
mod eytzinger;
mod index_list;
mod index_tree;
#[cfg(not(loom))]
mod isolated;
mod machine;
mod padded;
#[cfg(not(loom))]
mod prefetch;
mod slots;
mod soa;
mod sync;

#[cfg(any(feature = "std", loom))]
mod lease;
pub mod mpmc;
#[cfg(all(feature = "std", not(loom)))]
mod sharded;
pub mod spsc;

#[cfg(not(loom))]
pub use eytzinger::EytzingerMap;
pub use index_list::{IndexList, NodeId};
pub use index_tree::{IndexTree, NodeOrder};
#[cfg(not(loom))]
pub use isolated::{Isolated, alloc_isolated};
#[cfg(all(feature = "std", not(loom)))]
pub use lease::thread_index;
pub use machine::line_bytes;
pub use padded::{CachePadded, Line, Line64, Line128, TargetLine};
#[cfg(all(feature = "std", not(loom)))]
pub use sharded::{Sharded, ShardedCounter};
pub use soa::{Soa, SoaVec, generated, permute};
pub use spandrel_soa_derive::Soa;
