//! Arenas, typed arenas, slabs and index arenas against plain vectors.

mod arena;
mod dropping;
mod ids;
mod limits;
mod model;
mod rounds;
mod slabs;
mod tracked;
mod typed;
