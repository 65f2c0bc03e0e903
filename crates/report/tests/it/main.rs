//! Reports of records and profiles that are made by hand: text and JSON against golden files, ranking, odd
//! ones.

mod findings;
mod golden;
mod layouts;
mod odd;
mod profile;
mod records;
