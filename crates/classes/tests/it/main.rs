//! The classes against Go's own table, and every lookup against its naive definition.

mod lookup;
mod table;
mod waste;
