//! `#[derive(Soa)]` of `spandrel-cacheline`: the columns of a struct.
//!
//! Two steps: `model` reads the struct and its attributes into columns, and says what can't be done;
//! `output` writes types and the trait's functions from that. All code that it writes is safe.

#![forbid(unsafe_code)]

mod model;
mod output;

use proc_macro::TokenStream;

/// Derives `spandrel_cacheline::Soa` for a struct with named fields: see the trait and `SoaVec`.
///
/// On a field: `#[soa(hot)]` or `#[soa(cold)]` keeps it in one row with the others so marked, instead of in a
/// column of its own. On the struct: `#[soa(derive(..))]` derives traits for the types that are made.
#[proc_macro_derive(Soa, attributes(soa))]
pub fn derive_soa(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    match model::Struct::read(&input) {
        Ok(model) => output::write(&model).into(),
        Err(error) => error.to_compile_error().into(),
    }
}
