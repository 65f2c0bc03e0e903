//! Reports of records that are made by hand: text and JSON against golden files, ranking, odd records.

mod findings;
mod golden;
mod odd;
mod records;
