//! One file a command.

pub(crate) mod bench;
pub(crate) mod library;
pub(crate) mod run;
pub(crate) mod sizes;
