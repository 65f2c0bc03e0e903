//! The types and functions that the derive writes.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{GenericParam, Generics, Ident, Lifetime, LifetimeParam, Path, Type, Visibility};

use crate::model::{Column, Struct};

pub(crate) fn write(model: &Struct) -> TokenStream {
    let types = [rows(model), columns(model), slices(model), references(model)];
    let implementation = implementation(model);
    quote! {
        #(#types)*
        #implementation
    }
}

/// The struct's own generics with a lifetime in front.
fn borrowed(model: &Struct) -> Generics {
    let mut generics = model.generics.clone();
    let lifetime = LifetimeParam::new(Lifetime::new("'soa", Span::call_site()));
    generics.params.insert(0, GenericParam::Lifetime(lifetime));
    generics
}

/// A column's name, visibility and what a place of it holds.
struct Place<'a> {
    name: &'a Ident,
    visibility: &'a Visibility,
    kind: Type,
}

fn places(model: &Struct) -> Vec<Place<'_>> {
    let place = |column| match column {
        &Column::Field(index) => {
            let field = &model.fields[index];
            Place { name: &field.name, visibility: &field.visibility, kind: field.kind.clone() }
        }
        Column::Rows { name, row, .. } => {
            Place { name, visibility: &model.visibility, kind: syn::parse_quote!(#row) }
        }
    };
    model.columns.iter().map(place).collect()
}

/// The asked-for derives that a type can have.
fn derive(model: &Struct, allowed: &[&str]) -> TokenStream {
    let is_allowed =
        |path: &&Path| path.segments.last().is_some_and(|last| allowed.iter().any(|name| last.ident == name));
    let paths: Vec<_> = model.derives.iter().filter(is_allowed).collect();
    quote! { #[derive(#(#paths),*)] #[allow(missing_debug_implementations, dead_code)] }
}

const OF_VALUES: [&str; 7] = ["Debug", "Clone", "PartialEq", "Eq", "PartialOrd", "Ord", "Hash"];
const OF_REFERENCES: [&str; 6] = ["Debug", "PartialEq", "Eq", "PartialOrd", "Ord", "Hash"];

/// The structs of fields that are kept together.
fn rows(model: &Struct) -> TokenStream {
    let derive = derive(model, &OF_VALUES);
    let Struct { name, visibility, .. } = model;
    let structs = model.columns.iter().filter_map(|column| match column {
        Column::Field(_) => None,
        Column::Rows { name: column, row, fields } => {
            let doc = format!("The {column} fields of a [`{name}`], kept together.");
            let fields = fields.iter().map(|index| {
                let field = &model.fields[*index];
                let (name, visibility, kind) = (&field.name, &field.visibility, &field.kind);
                let doc = format!("The field `{name}`.");
                quote! { #[doc = #doc] #visibility #name: #kind }
            });
            Some(quote! { #[doc = #doc] #derive #visibility struct #row { #(#fields),* } })
        }
    });
    quote! { #(#structs)* }
}

fn columns(model: &Struct) -> TokenStream {
    let derive = derive(model, &OF_VALUES);
    let Struct { name, visibility, generics, .. } = model;
    let columns = format_ident!("{name}Columns");
    let doc = format!("The columns of a vector of [`{name}`].");
    let (_, _, bounds) = generics.split_for_impl();
    let fields = places(model).into_iter().map(|Place { name, kind, .. }| {
        quote! { #name: ::spandrel_cacheline::generated::Vec<#kind> }
    });
    quote! { #[doc = #doc] #derive #visibility struct #columns #generics #bounds { #(#fields),* } }
}

fn slices(model: &Struct) -> TokenStream {
    let Struct { name, visibility, .. } = model;
    let generics = borrowed(model);
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let (shared, exclusive) = (format_ident!("{name}Slices"), format_ident!("{name}SlicesMut"));
    let doc = format!("The columns of a vector of [`{name}`], as slices of equal length.");
    let fields = |reference: &TokenStream| {
        let field = |Place { name, visibility, kind }: Place<'_>| {
            let doc = format!("The column `{name}`.");
            quote! { #[doc = #doc] #visibility #name: #reference [#kind] }
        };
        places(model).into_iter().map(field).collect::<Vec<_>>()
    };
    let (shared_fields, exclusive_fields) = (fields(&quote!(&'soa)), fields(&quote!(&'soa mut)));
    let derive = derive(model, &["Debug"]);
    quote! {
        #[doc = #doc] #derive #visibility struct #shared #generics #bounds { #(#shared_fields),* }
        #[doc = #doc] #derive #visibility struct #exclusive #generics #bounds { #(#exclusive_fields),* }
        impl #parameters Clone for #shared #arguments #bounds {
            #[inline]
            fn clone(&self) -> Self { *self }
        }
        impl #parameters Copy for #shared #arguments #bounds {}
    }
}

fn references(model: &Struct) -> TokenStream {
    let Struct { name, visibility, .. } = model;
    let generics = borrowed(model);
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let (shared, exclusive) = (format_ident!("{name}Ref"), format_ident!("{name}Mut"));
    let doc = format!("References to the fields of a [`{name}`] that is held as columns.");
    let fields = |reference: &TokenStream| {
        let field = |field: &crate::model::Field| {
            let (name, visibility, kind) = (&field.name, &field.visibility, &field.kind);
            let doc = format!("The field `{name}`.");
            quote! { #[doc = #doc] #visibility #name: #reference #kind }
        };
        model.fields.iter().map(field).collect::<Vec<_>>()
    };
    let (shared_fields, exclusive_fields) = (fields(&quote!(&'soa)), fields(&quote!(&'soa mut)));
    let (shared_derive, exclusive_derive) = (derive(model, &OF_REFERENCES), derive(model, &["Debug"]));
    let to_row = to_row(model, &shared, &generics);
    quote! {
        #[doc = #doc] #shared_derive #visibility struct #shared #generics #bounds { #(#shared_fields),* }
        #[doc = #doc] #exclusive_derive
        #visibility struct #exclusive #generics #bounds { #(#exclusive_fields),* }
        impl #parameters Clone for #shared #arguments #bounds {
            #[inline]
            fn clone(&self) -> Self { *self }
        }
        impl #parameters Copy for #shared #arguments #bounds {}
        #to_row
    }
}

/// A row out of references, for structs whose fields can be cloned.
fn to_row(model: &Struct, shared: &Ident, generics: &Generics) -> TokenStream {
    let is_clone = |path: &Path| path.segments.last().is_some_and(|last| last.ident == "Clone");
    if !model.derives.iter().any(is_clone) {
        return TokenStream::new();
    }
    let Struct { name, visibility, .. } = model;
    let (_, own_arguments, _) = model.generics.split_for_impl();
    let mut generics = generics.clone();
    let kinds: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for kind in kinds {
        generics.make_where_clause().predicates.push(syn::parse_quote!(#kind: Clone));
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let fields = model.fields.iter().map(|field| &field.name);
    let doc = format!("Clones the fields into a [`{name}`].");
    quote! {
        #[allow(dead_code)]
        impl #parameters #shared #arguments #bounds {
            #[doc = #doc]
            #visibility fn to_row(&self) -> #name #own_arguments {
                #name { #(#fields: Clone::clone(self.#fields)),* }
            }
        }
    }
}

fn implementation(model: &Struct) -> TokenStream {
    let name = &model.name;
    let (parameters, arguments, bounds) = model.generics.split_for_impl();
    let borrowed = borrowed(model);
    let (_, borrowed_arguments, _) = borrowed.split_for_impl();
    let type_name = |suffix: &str| format_ident!("{name}{suffix}");
    let [columns, slices, slices_mut, shared, exclusive] =
        ["Columns", "Slices", "SlicesMut", "Ref", "Mut"].map(type_name);
    let (vectors, rows) = (of_vectors(model), of_rows(model, [&slices, &slices_mut, &shared, &exclusive]));
    quote! {
        #[automatically_derived]
        impl #parameters ::spandrel_cacheline::Soa for #name #arguments #bounds {
            type Columns = #columns #arguments;
            type Slices<'soa> = #slices #borrowed_arguments where Self: 'soa;
            type SlicesMut<'soa> = #slices_mut #borrowed_arguments where Self: 'soa;
            type Ref<'soa> = #shared #borrowed_arguments where Self: 'soa;
            type Mut<'soa> = #exclusive #borrowed_arguments where Self: 'soa;
            #vectors
            #rows
        }
    }
}

/// The functions that treat columns as vectors. Their own variables can't be mistaken for fields: they have
/// the macro's hygiene.
fn of_vectors(model: &Struct) -> TokenStream {
    let columns = format_ident!("{}Columns", model.name);
    let names: Vec<_> = places(model).into_iter().map(|place| place.name).collect();
    let fields: Vec<_> = model.fields.iter().map(|field| &field.name).collect();
    // What a place holds, from the struct's fields as local variables; as a pattern it is the way back.
    let packed: Vec<_> = model.columns.iter().map(|column| pack(model, column)).collect();
    let row = quote! { Self { #(#fields),* } };
    quote_spanned! { Span::mixed_site() =>
        const EMPTY: Self::Columns =
            #columns { #(#names: ::spandrel_cacheline::generated::Vec::new()),* };
        fn reserve(columns: &mut Self::Columns, additional: usize) {
            #(columns.#names.reserve(additional);)*
        }
        fn capacity(columns: &Self::Columns) -> usize {
            usize::MAX #(.min(columns.#names.capacity()))*
        }
        fn shrink_to_fit(columns: &mut Self::Columns) {
            #(columns.#names.shrink_to_fit();)*
        }
        #[inline]
        fn push(columns: &mut Self::Columns, row: Self) {
            let #row = row;
            #(columns.#names.push(#packed);)*
        }
        fn insert(columns: &mut Self::Columns, index: usize, row: Self) {
            let #row = row;
            #(columns.#names.insert(index, #packed);)*
        }
        fn pop(columns: &mut Self::Columns) -> Option<Self> {
            #(let #packed = columns.#names.pop()?;)*
            Some(#row)
        }
        fn remove(columns: &mut Self::Columns, index: usize) -> Self {
            #(let #packed = columns.#names.remove(index);)*
            #row
        }
        fn swap_remove(columns: &mut Self::Columns, index: usize) -> Self {
            #(let #packed = columns.#names.swap_remove(index);)*
            #row
        }
        fn truncate(columns: &mut Self::Columns, len: usize) {
            #(columns.#names.truncate(len);)*
        }
        fn swap(columns: &mut Self::Columns, one: usize, other: usize) {
            #(columns.#names.swap(one, other);)*
        }
        fn reorder(columns: &mut Self::Columns, order: &[usize]) {
            #(::spandrel_cacheline::permute(&mut columns.#names, order);)*
        }
    }
}

/// The functions that borrow columns and rows.
fn of_rows(model: &Struct, [slices, slices_mut, shared, exclusive]: [&Ident; 4]) -> TokenStream {
    let names: Vec<_> = places(model).into_iter().map(|place| place.name).collect();
    let fields: Vec<_> = model.fields.iter().map(|field| &field.name).collect();
    // A pattern over a reference binds references.
    let packed: Vec<_> = model.columns.iter().map(|column| pack(model, column)).collect();
    let take = quote!(::spandrel_cacheline::generated::core::mem::take);
    quote_spanned! { Span::mixed_site() =>
        #[inline]
        fn slices(columns: &Self::Columns) -> Self::Slices<'_> {
            #slices { #(#names: &columns.#names),* }
        }
        #[inline]
        fn slices_mut(columns: &mut Self::Columns) -> Self::SlicesMut<'_> {
            #slices_mut { #(#names: &mut columns.#names),* }
        }
        #[inline]
        fn row<'soa>(slices: Self::Slices<'soa>, index: usize) -> Self::Ref<'soa> where Self: 'soa {
            #(let #names = &slices.#names[index];)*
            #(let #packed = #names;)*
            #shared { #(#fields),* }
        }
        #[inline]
        fn row_mut<'soa>(slices: Self::SlicesMut<'soa>, index: usize) -> Self::Mut<'soa> where Self: 'soa {
            #(let #names = &mut slices.#names[index];)*
            #(let #packed = #names;)*
            #exclusive { #(#fields),* }
        }
        #[inline]
        fn next<'soa>(slices: &mut Self::Slices<'soa>) -> Option<Self::Ref<'soa>> where Self: 'soa {
            #(let #names; (#names, slices.#names) = slices.#names.split_first()?;)*
            #(let #packed = #names;)*
            Some(#shared { #(#fields),* })
        }
        #[inline]
        fn next_back<'soa>(slices: &mut Self::Slices<'soa>) -> Option<Self::Ref<'soa>> where Self: 'soa {
            #(let #names; (#names, slices.#names) = slices.#names.split_last()?;)*
            #(let #packed = #names;)*
            Some(#shared { #(#fields),* })
        }
        #[inline]
        fn next_mut<'soa>(slices: &mut Self::SlicesMut<'soa>) -> Option<Self::Mut<'soa>> where Self: 'soa {
            #(let #names; (#names, slices.#names) = #take(&mut slices.#names).split_first_mut()?;)*
            #(let #packed = #names;)*
            Some(#exclusive { #(#fields),* })
        }
    }
}

/// The expression of what a place of the column holds.
fn pack(model: &Struct, column: &Column) -> TokenStream {
    match column {
        Column::Field(index) => {
            let name = &model.fields[*index].name;
            quote!(#name)
        }
        Column::Rows { row, fields, .. } => {
            let names = fields.iter().map(|index| &model.fields[*index].name);
            quote!(#row { #(#names),* })
        }
    }
}
