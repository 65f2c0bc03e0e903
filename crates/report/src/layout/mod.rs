//! Layouts of types as text, JSON, SARIF and messages of cargo's form.
//!
//! What is known of a type becomes a [`schema::TypeReport`]; every output is made of that alone, so they
//! cannot disagree.

mod build;
mod messages;
mod picture;
mod sarif;
pub mod schema;
mod tables;

pub use build::{Facts, report};
pub use messages::{Workspace, WorkspaceTarget, messages};
pub use picture::picture;
pub use sarif::sarif;
pub use tables::{changes, overview};
