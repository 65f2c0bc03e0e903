//! Heap profiles as files and as facts.
//!
//! # What a heap profile is
//!
//! A sampler notes, every so many bytes, the *stack* of an allocation. What it noted is a list of
//! *samples*: a stack, a few *values* (how many objects and bytes were allocated there, and how many of them
//! are still in use), and *labels* (how large the objects are, which thread it was). A stack is a list of
//! *locations*, addresses in the code, the allocation's own first. A location lies in a *mapping*, the file
//! that the code came from, and stands for one *line* in a *function*, or for several where the compiler
//! put one function into another.
//!
//! # The way through this crate
//!
//! ```text
//!   file --read--> Profile --merge, subtract--> Profile --Graph::new--> rows with flat and cum
//!          |          |  ^                           |
//!     pprof, gzip     |  symbolize, attribute_types  +--group_by_label, waste_by_class--> other rows
//!     text forms      |
//!                   write --> file that any pprof opens
//! ```
//!
//! [`read`] recognises pprof's protobuf (with or without gzip, as Go, Spandrel and many others write it),
//! jemalloc's `heap_v2` text and the older text of tcmalloc and Go. Bytes from outside are never trusted:
//! what is damaged is an error of one line, what would take too much memory is refused ([`Limits`]).
//! [`write()`] writes pprof. [`merge()`] and [`subtract`] combine profiles of one program, though its
//! addresses move from run to run. [`Graph`] sums up: *flat* is what a function allocated itself, *cum* what
//! it and all that it called allocated, with a function counted once a stack however often it recurs.
//!
//! [`symbolize`] names addresses, [`attribute_types`] and [`attribute_go_types`] tell which types were
//! allocated, all from the program's files; [`waste_by_site`] tells what size classes cost.
//!
//! Numbers are as the `pprof` command has them, to the last byte: that is what the tests hold this crate to.
#![forbid(unsafe_code)]

mod builder;
mod graph;
mod groups;
mod limits;
mod merge;
mod model;
mod names;
mod pprof;
mod prune;
mod read;
mod symbols;
mod text;
mod types;
mod waste;

pub use builder::Builder;
pub use graph::{Edge, Granularity, Graph, GraphOptions, Inlined, Node, Order, total};
pub use groups::{
    Coverage, Group, THREAD_LABEL, TYPE_CONFIDENCE_LABEL, TYPE_LABEL, group, group_by_label, label_keys,
    type_coverage,
};
pub use limits::Limits;
pub use merge::{BASE_LABEL, MergeError, merge, merge_with_base, subtract};
pub use model::{
    Function, FunctionId, Label, LabelValue, Line, Location, LocationId, Mapping, MappingId, Profile, Sample,
    Text, ValueType,
};
pub use names::{demangle, simplify_names};
pub use pprof::{encode, write};
pub use prune::drop_uninteresting;
pub use read::{Format, ReadError, read, read_with};
pub use symbols::{BinaryFiles, FunctionFacts, Symbols, TypeParameter, symbolize};
pub use types::{Container, attribute_go_types, attribute_types};
pub use waste::{
    BYTES_LABEL, ClassWaste, Counted, SIZE_CLASS_LABEL, SiteWaste, Sizes, TYPE_BYTES_LABEL, Waste, sizes,
    waste_by_class, waste_by_site,
};
