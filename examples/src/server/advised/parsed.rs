//! The body of an order as structs that borrow: strings from the request, the list of items from an arena.

use std::borrow::Cow;
use std::fmt;

use allocator_api2::vec::Vec;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spandrel_pool::Arena;

#[derive(Default)]
pub(super) struct Body<'a> {
    pub(super) customer: Option<Cow<'a, str>>,
    pub(super) items: Option<Vec<Item<'a>, &'a Arena>>,
    pub(super) note: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    pub(super) quantity: Option<u64>,
    pub(super) price: Option<u64>,
}

impl Item<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        self.sku.as_ref().map(|name| &*name.0)
    }
}

/// A string that borrows if it can. A `Cow` inside an `Option` would be a copy.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Field {
    Customer,
    Items,
    Note,
    #[serde(other)]
    Other,
}

pub(super) fn body<'a>(text: &'a str, arena: &'a Arena) -> serde_json::Result<Body<'a>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let body = json.deserialize_map(BodyIn(arena))?;
    json.end()?;
    Ok(body)
}

struct BodyIn<'a>(&'a Arena);

impl<'a> Visitor<'a> for BodyIn<'a> {
    type Value = Body<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an order")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Body<'a>, M::Error> {
        let mut body = Body::default();
        while let Some(field) = map.next_key()? {
            match field {
                Field::Customer => body.customer = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
                Field::Items => body.items = map.next_value_seed(ItemsIn(self.0))?,
                Field::Note => body.note = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(body)
    }
}

struct ItemsIn<'a>(&'a Arena);

impl<'a> DeserializeSeed<'a> for ItemsIn<'a> {
    type Value = Option<Vec<Item<'a>, &'a Arena>>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'a> Visitor<'a> for ItemsIn<'a> {
    type Value = Option<Vec<Item<'a>, &'a Arena>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut items = Vec::new_in(self.0);
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Some(items))
    }
}
