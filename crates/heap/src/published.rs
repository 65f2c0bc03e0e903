//! Numbers of the program, which the endpoints tell beside the heap's own.
//!
//! The server's thread can't call into the program, which may hold any lock and whose threads libc knows. So
//! the program puts its numbers here when it likes, and the server reads what was put last. The table is
//! sorted, since the numbers of one name have to stand together.

use spandrel_platform::lock::{Mutex, Rank};

use crate::config::PUBLISHED_MAX;
use crate::metrics::MetricKind;

/// A number that the program has published.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The name, by the rules of Prometheus.
    pub name: &'static str,
    /// What tells it from others of that name: a key and its value.
    pub label: (&'static str, &'static str),
    /// Whether it only grows.
    pub kind: MetricKind,
    /// The number that was published last.
    pub value: u64,
}

pub(crate) struct Table {
    len: usize,
    /// Sorted by name and label. `None` is all zeros, and takes no room in a program's file.
    entries: [Option<Published>; PUBLISHED_MAX],
}

pub(crate) static TABLE: Mutex<Table> =
    Mutex::new(Rank::Published, Table { len: 0, entries: [None; PUBLISHED_MAX] });

impl Table {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Published> {
        self.entries[..self.len].iter().flatten()
    }

    fn publish(&mut self, published: Published) -> bool {
        let key = |entry: &Option<Published>| entry.map(|known| (known.name, known.label));
        let wanted = Some((published.name, published.label));
        let at = self.entries[..self.len].partition_point(|entry| key(entry) < wanted);
        if at == self.len || key(&self.entries[at]) != wanted {
            if self.len == PUBLISHED_MAX {
                return false;
            }
            self.entries.copy_within(at..self.len, at + 1);
            self.len += 1;
        }
        self.entries[at] = Some(published);
        true
    }
}

/// Enters a number, or replaces the one of that name and label. False if it can't be told.
pub(crate) fn publish(published: Published) -> bool {
    is_told(&published) && TABLE.lock().publish(published)
}

/// The entry of that number in the order of the table.
pub(crate) fn nth(number: usize) -> Option<Published> {
    TABLE.lock().entries.get(number).copied().flatten()
}

/// Names are those of Prometheus, and not the heap's own; keys likewise, without a colon.
fn is_told(published: &Published) -> bool {
    let is_name = |text: &str, others: &[u8]| {
        let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || others.contains(byte);
        text.as_bytes().first().is_some_and(|first| !first.is_ascii_digit())
            && text.as_bytes().iter().all(is_in)
    };
    let is_own = published.name.starts_with("spandrel_") || published.name.starts_with("process_");
    let is_total = published.name.ends_with("_total") == (published.kind == MetricKind::Counter);
    published.kind != MetricKind::Histogram
        && is_total
        && !is_own
        && is_name(published.name, b"_:")
        && is_name(published.label.0, b"_")
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Published, Table, is_told};
    use crate::config::PUBLISHED_MAX;
    use crate::metrics::MetricKind;
    use std::boxed::Box;
    use std::vec::Vec;

    fn gauge(name: &'static str, label: &'static str, value: u64) -> Published {
        Published { name, label: ("pool", label), kind: MetricKind::Gauge, value }
    }

    #[test]
    fn names_stand_together_and_are_replaced() {
        let mut table = Table { len: 0, entries: [None; PUBLISHED_MAX] };
        for (name, label, value) in
            [("b", "y", 1), ("a", "y", 2), ("b", "x", 3), ("b", "y", 4), ("a", "x", 5)]
        {
            assert!(table.publish(gauge(name, label, value)));
        }
        let all: Vec<_> = table.iter().map(|entry| (entry.name, entry.label.1, entry.value)).collect();
        assert_eq!(all, [("a", "x", 5), ("a", "y", 2), ("b", "x", 3), ("b", "y", 4)]);
    }

    #[test]
    fn a_full_table_takes_no_more_but_replaces() {
        static LONGEST: [u8; PUBLISHED_MAX] = [b'x'; PUBLISHED_MAX];
        let of_length = |len| core::str::from_utf8(&LONGEST[..len]).expect("letters");
        let mut table = Box::new(Table { len: 0, entries: [None; PUBLISHED_MAX] });
        for len in 0..PUBLISHED_MAX {
            assert!(table.publish(gauge("a", of_length(len), 1)));
        }
        assert!(!table.publish(gauge("b", "x", 1)));
        assert!(table.publish(gauge("a", of_length(7), 2)));
        assert_eq!(table.iter().map(|entry| entry.value).sum::<u64>(), PUBLISHED_MAX as u64 + 1);
    }

    #[test]
    fn what_would_spoil_the_text_is_refused() {
        assert!(is_told(&gauge("pool_idle_bytes", "any \"text\"", 1)));
        for name in ["", "1st", "a b", "spandrel_x", "process_x", "a\n", "made_total"] {
            assert!(!is_told(&gauge(name, "x", 1)), "{name}");
        }
        assert!(!is_told(&Published { label: ("a:b", ""), ..gauge("a", "", 1) }));
        assert!(!is_told(&Published { kind: MetricKind::Histogram, ..gauge("a", "", 1) }));
    }
}
