//! Layouts of types, read from the debug information of a program: C, C++, Rust or Go.
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
