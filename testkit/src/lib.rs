//! Operations, a shadow heap and one conformance suite for every allocator.
//!
//! An allocator to be tested is a [`Subject`]: any `GlobalAlloc` through [`RustSubject`], the program's own
//! global allocator through [`GlobalSubject`], the functions of C through [`CSubject`]. Every block that it
//! hands out becomes a [`Block`], filled from end to end with a pattern of its own and checked at each step
//! of its life; a [`Shadow`] keeps all of them by address and finds those that overlap.
//!
//! On top of that stand
//! - [`mod@conformance`]: the properties that one thread can check, down to random walks over [`ops`];
//! - [`c_conformance`]: what C and POSIX promise beyond these;
//! - [`threads`]: objects that change threads, threads that come and go, frees after thread-local
//!   destructors;
//! - [`fork`]: children of a process whose threads are allocating.
//!
//! A fault ends the run with a panic that names the property, the operation and the seed. The kit's own
//! memory comes from the program's global allocator: it does not disturb the subject, and if they are the
//! same, the kit is one more user of it.
//!
//! ```
//! use spandrel_testkit::{RustSubject, walk};
//! walk::random_walk(&RustSubject(std::alloc::System), 42, 1_000);
//! ```

mod block;
mod c_abi;
pub mod c_conformance;
pub mod conformance;
mod fault;
pub mod fork;
pub mod ops;
mod pattern;
mod random;
mod shadow;
pub mod sizes;
mod subject;
pub mod threads;
pub mod walk;

pub use block::{Block, refuses};
pub use c_abi::{CFunctions, CSubject};
pub use conformance::{Scale, conformance};
pub use fault::Fault;
pub use random::Random;
pub use shadow::{Key, Shadow};
pub use subject::{GlobalSubject, RustSubject, Subject};
