//! The alignment of a record, which debug information mostly leaves out.
//!
//! A record is aligned as its most aligned member, unless it is packed; and no attribute says that it is. So
//! the offsets have to tell: a member that does not lie at a multiple of its alignment lies in a record that
//! is packed to some power of two *n*, which lowers every alignment in it to *n*. The largest *n* that agrees
//! with all offsets and with the size is an upper bound: nothing contradicts it, and a smaller one may be
//! true.

use crate::model::{Align, Member};

/// Whether a record is packed, and its alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    pub(crate) is_packed: bool,
    pub(crate) align: Align,
}

/// The packing of a record: `said` is the alignment that the compiler states, `inner` that of its variants.
pub(crate) fn packing(members: &[Member], bytes: Option<u64>, said: Option<u64>, inner: u64) -> Packing {
    let natural = members.iter().map(|member| member.align).max().unwrap_or(1).max(inner);
    let is_fitting = |limit: u64| {
        let in_place = |member: &Member| {
            let align = member.align.min(limit);
            member.is_bit_field() || member.offset_bits.is_none_or(|bits| bits % (align * 8) == 0)
        };
        members.iter().all(in_place) && bytes.is_none_or(|bytes| bytes % natural.min(limit) == 0)
    };
    let mut limit = natural;
    while limit > 1 && !is_fitting(limit) {
        limit /= 2;
    }
    let is_packed = limit < natural;
    let align = match said {
        Some(said) => Align::Known(said),
        None if is_packed => Align::AtMost(limit),
        None => Align::Known(natural),
    };
    Packing { is_packed, align }
}
