//! Walks through known chains of calls, and tables read by another reader.

#![cfg(target_arch = "x86_64")]

#[cfg(not(bare_machine))]
mod chains;
mod oracle;
