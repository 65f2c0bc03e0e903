//! What the derive knows of a struct: its fields, and the columns that they are kept in.

use quote::format_ident;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Generics, Ident, Path, Result, Token, Type, Visibility};

/// A struct to be held as columns.
pub(crate) struct Struct {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) generics: Generics,
    pub(crate) fields: Vec<Field>,
    /// In the order of their first fields.
    pub(crate) columns: Vec<Column>,
    /// Traits to derive.
    pub(crate) derives: Vec<Path>,
}

pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) kind: Type,
    /// The rows that it is a part of; `None` when it has a column of its own.
    group: Option<Group>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Hot,
    Cold,
}

/// A vector: of one field, or of rows of some fields.
#[derive(Debug)]
pub(crate) enum Column {
    /// The index of its field.
    Field(usize),
    /// The column's name, the type of a row, and the indices of its fields.
    Rows { name: Ident, row: Ident, fields: Vec<usize> },
}

impl Struct {
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(input.ident.span(), "only a struct can be held as columns"));
        };
        let Fields::Named(named) = &data.fields else {
            return Err(Error::new(input.ident.span(), "columns are called after fields: name them"));
        };
        if named.named.is_empty() {
            return Err(Error::new(input.ident.span(), "a struct without fields has no columns"));
        }
        let fields = named.named.iter().map(Field::read).collect::<Result<Vec<_>>>()?;
        if let Some(field) = fields.iter().find(|field| field.group.is_some())
            && !input.generics.params.is_empty()
        {
            let problem = "hot and cold rows are for structs without generic parameters";
            return Err(Error::new(field.name.span(), problem));
        }
        let columns = columns(&input.ident, &fields)?;
        Ok(Self {
            name: input.ident.clone(),
            visibility: input.vis.clone(),
            generics: input.generics.clone(),
            fields,
            columns,
            derives: derives(input)?,
        })
    }
}

impl Field {
    fn read(field: &syn::Field) -> Result<Self> {
        let mut group = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("soa")) {
            attribute.parse_nested_meta(|meta| {
                let named = if meta.path.is_ident("hot") {
                    Group::Hot
                } else if meta.path.is_ident("cold") {
                    Group::Cold
                } else {
                    return Err(meta.error("a field is `hot` or `cold`"));
                };
                match group.replace(named) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("a field is in one row")),
                }
            })?;
        }
        let name = field.ident.clone().expect("the fields are named");
        Ok(Self { name, visibility: field.vis.clone(), kind: field.ty.clone(), group })
    }
}

fn columns(name: &Ident, fields: &[Field]) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    let mut groups = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let Some(group) = field.group else {
            columns.push(Column::Field(index));
            continue;
        };
        if groups.contains(&group) {
            continue;
        }
        groups.push(group);
        let (column, row) = match group {
            Group::Hot => ("hot", format_ident!("{name}Hot")),
            Group::Cold => ("cold", format_ident!("{name}Cold")),
        };
        let is_in = |index: &usize| fields[*index].group == Some(group);
        let members = (0..fields.len()).filter(is_in).collect();
        if let Some(other) = fields.iter().find(|other| other.name == column) {
            return Err(Error::new(other.name.span(), "rows of fields have a column of that name"));
        }
        columns.push(Column::Rows { name: Ident::new(column, name.span()), row, fields: members });
    }
    Ok(columns)
}

fn derives(input: &DeriveInput) -> Result<Vec<Path>> {
    let mut derives = Vec::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("soa")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("derive") {
                return Err(Error::new(meta.path.span(), "a struct has `derive(..)`"));
            }
            let content;
            syn::parenthesized!(content in meta.input);
            derives.extend(Punctuated::<Path, Token![,]>::parse_terminated_with(
                &content,
                Path::parse_mod_style,
            )?);
            Ok(())
        })?;
    }
    Ok(derives)
}

#[cfg(test)]
mod tests {
    use super::{Column, Struct};
    use syn::parse_str;

    fn read(text: &str) -> Result<Struct, String> {
        Struct::read(&parse_str(text).expect("it is Rust")).map_err(|error| error.to_string())
    }

    #[test]
    fn marked_fields_share_a_column() {
        let text = "#[soa(derive(Debug, Clone))] pub struct P {
            a: u8, #[soa(cold)] b: u8, c: u8, #[soa(cold)] d: u8 }";
        let model = read(text).expect("it can be held as columns");
        let is_expected = matches!(
            &model.columns[..],
            [Column::Field(0), Column::Rows { fields, .. }, Column::Field(2)] if fields == &[1, 3]
        );
        assert!(is_expected);
        assert_eq!(model.derives.len(), 2);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let cases = [
            ("enum E { A }", "only a struct"),
            ("struct P(u8);", "name them"),
            ("struct P {}", "no columns"),
            ("struct P { #[soa(warm)] a: u8 }", "`hot` or `cold`"),
            ("struct P { #[soa(hot, cold)] a: u8 }", "in one row"),
            ("struct P { cold: u8, #[soa(cold)] a: u8 }", "column of that name"),
            ("struct P<T> { #[soa(cold)] a: T }", "without generic parameters"),
            ("#[soa(clone)] struct P { a: u8 }", "`derive(..)`"),
        ];
        for (text, problem) in cases {
            let said = read(text).err().expect(text);
            assert!(said.contains(problem), "{text}: {said}");
        }
    }
}
