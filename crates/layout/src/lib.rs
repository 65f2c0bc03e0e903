//! Layouts of types, read from the debug information of a program: C, C++, Rust or Go.
#![forbid(unsafe_code)]

mod allocator;
mod build;
mod deep;
mod gaps;
mod load;
mod machine;
mod model;
pub mod order;
mod pack;
mod reorder;
mod types;

pub use allocator::{ALLOCATORS, Allocator, Object};
pub use deep::Deep;
pub use gaps::{Gap, Gaps};
pub use load::Load;
pub use model::{
    Align, Language, Member, Record, RecordKind, Role, Scalar, Shape, Source, Type, TypeId, Variant, Variants,
};
pub use reorder::{Obstacle, Reorder};
pub use spandrel_debuginfo::{Error, Search};
pub use types::{FindError, Types};
