//! Skeleton.
#![no_std]
/// Classes with class 0.
pub const CLASS_COUNT: usize = 68;
