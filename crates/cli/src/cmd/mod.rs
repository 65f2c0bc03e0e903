//! One file a command.

pub(crate) mod bench;
pub(crate) mod diff;
pub(crate) mod layout;
pub(crate) mod library;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sizes;
pub(crate) mod top;
