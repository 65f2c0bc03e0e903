//! Layouts of types, read from the debug information of a program in C, C++, Rust or Go.
//!
//! The way of a type through this crate:
//!
//! ```text
//!   debug information
//!         |  load.rs, build.rs, pack.rs      every unit, each name and shape once
//!       Types ----------------------------.
//!         |  gaps.rs, deep.rs, lines.rs    |  compare.rs: two builds
//!         |  order.rs, reorder.rs          |  weights.rs: objects of a real heap
//!         |  variants.rs, allocator.rs     |
//!      Analysis: gaps, cost, best order, findings
//!         |  source.rs, verdict.rs, patch.rs
//!      may it be changed, and how
//! ```
//!
//! Three numbers tell what a better layout is worth, and they differ: the bytes of the type (in arrays and
//! inside of others), the bytes of an object on the heap (its size class decides), and these times the
//! objects that live ([`Weights`]). [`Analyzer`] tells the first two; nothing is ever said to save less
//! than nothing.
//!
//! ```no_run
//! use spandrel_layout::{Analyzer, Load, Search, Types};
//!
//! let load = Load { search: &Search::default(), threads: 0, progress: &|_, _| {} };
//! let types = Types::load("target/debug/app".as_ref(), load)?;
//! let analysis = Analyzer::new(&types, None).analyze(types.find("tree::Node")?);
//! for finding in &analysis.findings {
//!     println!("{}: {}", finding.kind, finding.message);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`assert_layout!`] checks layouts of Rust types when they are compiled, without debug information.
#![forbid(unsafe_code)]

mod allocator;
mod analysis;
mod assert;
mod budget;
mod build;
mod compare;
mod deep;
mod gaps;
pub mod lines;
mod load;
mod machine;
mod model;
pub mod order;
mod pack;
mod patch;
mod reorder;
mod source;
mod types;
pub mod variants;
mod verdict;
mod weights;

pub use allocator::{ALLOCATORS, Allocator, Object};
pub use analysis::{Analysis, Analyzer, Cost, FINDING_KINDS, Finding, FindingKind, Level};
pub use assert::{Fields, class_bytes, field_bytes};
pub use budget::{Broken, Budgets, Condition};
pub use compare::{Change, MemberChange, changes};
pub use deep::Deep;
pub use gaps::{Gap, Gaps};
pub use load::Load;
pub use model::{
    Align, Language, Member, Record, RecordKind, Role, Scalar, Shape, Source, Type, TypeId, Variant, Variants,
};
pub use patch::{NoPatch, Patch, patch};
pub use reorder::{Obstacle, Reorder};
pub use source::{Declaration, SourceFile, Sources};
pub use spandrel_debuginfo::{Error, Search};
pub use types::{FindError, Types};
pub use verdict::{Neighbours, Reason, Verdict};
pub use weights::{Site, Weight, Weights};
