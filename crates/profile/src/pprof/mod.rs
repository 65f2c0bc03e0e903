//! pprof's `profile.proto`: the messages, and the way in and out.

mod decode;
mod encode;
mod proto;
mod wire;

pub(crate) use decode::decode;
pub use encode::{encode, write};
