//! Each structure beside the plain one of the standard library that it stands for, over random operations.

mod columns;
mod maps;
mod orders;
mod rings;
