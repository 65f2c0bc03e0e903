//! A large JSON document is parsed into a tree of values, which is then dropped.

use std::fmt::Write;
use std::hint::black_box;

use serde_json::Value;

use crate::measurement::{Measurement, Setup, timed};
use crate::random::Random;

const DOCUMENT_BYTES: usize = 10 << 20;

/// Parses the document and drops it. One operation is one value in it.
///
/// # Panics
/// When the document is not JSON, which would be a bug in this file.
pub(crate) fn json(setup: &Setup) -> Measurement {
    let text = document(setup.scaled(DOCUMENT_BYTES));
    let parse = || serde_json::from_str::<Value>(&text).expect("the document is JSON");
    let values = count(&parse());
    timed(setup, values, || {
        black_box(parse());
    })
}

/// An array of records with what such records have: short and long strings, numbers, nesting, lists, absent
/// values.
fn document(bytes: usize) -> String {
    const CITIES: [&str; 6] = ["Oslo", "Nairobi", "Ulaanbaatar", "Lima", "Reykjavík", "Thessaloniki"];
    let mut random = Random::new(1);
    let mut text = String::from("[");
    let mut id = 0;
    while text.len() < bytes {
        let separator = if id == 0 { "" } else { "," };
        let city = CITIES[random.below(6) as usize];
        let (age, score) = (random.below(90), random.fraction() * 100.0);
        let (north, east) = (random.fraction() * 90.0, random.fraction() * 180.0);
        let note = "lorem ipsum ".repeat(random.below(12) as usize);
        let number = random.number();
        write!(
            text,
            r#"{separator}{{"id":{id},"name":"person {number:x}","age":{age},"score":{score},"active":true,"#
        )
        .expect("writing to a string cannot fail");
        let position = format!("[{north},{east}]");
        write!(
            text,
            r#""address":{{"city":"{city}","position":{position},"code":null}},"note":"{note}","tags":["#
        )
        .expect("writing to a string cannot fail");
        for tag in 0..random.below(8) {
            let separator = if tag == 0 { "" } else { "," };
            write!(text, r#"{separator}"tag{}""#, random.below(1000))
                .expect("writing to a string cannot fail");
        }
        text.push_str("]}");
        id += 1;
    }
    text.push(']');
    text
}

/// Values in the tree, containers included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{count, document};

    #[test]
    fn the_document_is_json_of_the_size_asked_for_and_always_the_same() {
        let text = document(100_000);
        assert!((100_000..102_000).contains(&text.len()), "{}", text.len());
        assert_eq!(text, document(100_000));
        let value = serde_json::from_str(&text).expect("JSON");
        assert!(count(&value) > 3_000, "{}", count(&value));
    }

    #[test]
    fn containers_and_what_they_hold_are_counted() {
        let value = serde_json::from_str(r#"[1, {"a": [true, null], "b": "c"}]"#).expect("JSON");
        assert_eq!(count(&value), 7);
    }
}
