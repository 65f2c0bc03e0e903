//! Types weighted by the objects of a real heap.
//!
//! A heap profile says where objects were allocated, how many live and how large they are; sometimes also of
//! which type they are. [`Weights::new`] takes that as [`Site`]s, whatever profile they come from, and gives
//! each type its objects:
//!
//! * A site that names its type counts for the type of that name.
//! * A site without a name counts for the one type of the same package or module whose objects have that
//!   size on the heap, if there is exactly one. Such weights are marked as inferred.
//! * What is left is unattributed. It is counted too, and told.
//!
//! An object may hold several values side by side (a vector, a slice): then it is so many times as large.

use std::collections::HashMap;

use crate::analysis::{Analysis, Analyzer};
use crate::model::TypeId;
use crate::verdict::short_name;

/// Objects that were allocated at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The type, as the profile calls it.
    pub type_name: Option<String>,
    /// The profile itself is not sure of the type.
    pub is_inferred: bool,
    /// The functions on the stack, the one that allocated first.
    pub functions: Vec<String>,
    /// Bytes of one object; what was asked for, or what it was rounded up to.
    pub object_bytes: u64,
    /// Objects in use.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Objects ever allocated.
    pub allocated_objects: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
}

/// The objects of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Objects in use.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Objects ever allocated.
    pub allocated_objects: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
    /// Of the live bytes, those whose type is likely and not certain.
    pub inferred_bytes: u64,
}

/// The objects of all types.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// For each type, its sites: bytes of an object, live objects.
    sites: HashMap<TypeId, Vec<(u64, u64)>>,
    weights: HashMap<TypeId, Weight>,
    /// Bytes in use.
    pub live_bytes: u64,
    /// Of these, bytes of a type that the profile names.
    pub attributed_bytes: u64,
    /// Of these, bytes of a type that was inferred.
    pub inferred_bytes: u64,
}

impl Weights {
    /// Gives the objects of a profile to types.
    #[must_use]
    pub fn new(analyzer: &Analyzer<'_>, sites: &[Site]) -> Self {
        let candidates = Candidates::new(analyzer);
        let mut weights = Self::default();
        let mut known: HashMap<&str, Option<TypeId>> = HashMap::new();
        for site in sites {
            weights.live_bytes = weights.live_bytes.saturating_add(site.live_bytes);
            // A slice is elements side by side.
            let name = site.type_name.as_deref().map(|name| name.trim_start_matches("[]"));
            let mut find = |name| *known.entry(name).or_insert_with(|| analyzer.types().find(name).ok());
            let named = name.and_then(&mut find);
            match named {
                Some(id) => weights.add(id, site, site.is_inferred),
                // A name that debug information does not have is no reason to guess another.
                None if site.type_name.is_some() => {}
                None => {
                    if let Some(id) = candidates.of(site) {
                        weights.add(id, site, true);
                    }
                }
            }
        }
        weights
    }

    fn add(&mut self, id: TypeId, site: &Site, is_inferred: bool) {
        let weight = self.weights.entry(id).or_default();
        let add = |sum: &mut u64, value: u64| *sum = sum.saturating_add(value);
        add(&mut weight.live_objects, site.live_objects);
        add(&mut weight.live_bytes, site.live_bytes);
        add(&mut weight.allocated_objects, site.allocated_objects);
        add(&mut weight.allocated_bytes, site.allocated_bytes);
        if is_inferred {
            add(&mut weight.inferred_bytes, site.live_bytes);
            add(&mut self.inferred_bytes, site.live_bytes);
        } else {
            add(&mut self.attributed_bytes, site.live_bytes);
        }
        self.sites.entry(id).or_default().push((site.object_bytes, site.live_objects));
    }

    /// The objects of a type.
    #[must_use]
    pub fn of(&self, id: TypeId) -> Weight {
        self.weights.get(&id).copied().unwrap_or_default()
    }

    /// Bytes in use of which no type is known.
    #[must_use]
    pub fn unattributed_bytes(&self) -> u64 {
        self.live_bytes.saturating_sub(self.attributed_bytes).saturating_sub(self.inferred_bytes)
    }

    /// The heap bytes that the program would get back, if the type had its best order.
    #[must_use]
    pub fn saved_bytes(&self, analyzer: &Analyzer<'_>, analysis: &Analysis) -> u64 {
        let Ok(best) = &analysis.best else { return 0 };
        let sites = self.sites.get(&analysis.id).into_iter().flatten();
        let saved = |&(object_bytes, live_objects): &(u64, u64)| {
            let count = object_bytes.checked_div(best.bytes_now).unwrap_or(1).max(1);
            let now = analyzer.heap_bytes(analysis.id, count.saturating_mul(best.bytes_now));
            let then = analyzer.heap_bytes(analysis.id, count.saturating_mul(best.bytes_best));
            now.saturating_sub(then).saturating_mul(live_objects)
        };
        sites.map(saved).fold(0, u64::saturating_add)
    }
}

/// Types by their package or module and what an object of them takes on the heap.
struct Candidates {
    by_size: HashMap<(String, u64), Vec<TypeId>>,
}

impl Candidates {
    fn new(analyzer: &Analyzer<'_>) -> Self {
        let mut by_size: HashMap<(String, u64), Vec<TypeId>> = HashMap::new();
        for (id, found, record) in analyzer.types().records() {
            let (Some(bytes), false) = (found.bytes, record.is_generated) else { continue };
            let heap_bytes = analyzer.heap_bytes(id, bytes);
            let scope = scope_of(&found.name);
            for size in [bytes, heap_bytes] {
                let known = by_size.entry((scope.to_string(), size)).or_default();
                if !known.contains(&id) {
                    known.push(id);
                }
            }
        }
        Self { by_size }
    }

    /// The only type that the objects of a site can be.
    fn of(&self, site: &Site) -> Option<TypeId> {
        let function = site.functions.first()?;
        let found = self.by_size.get(&(scope_of(function).to_string(), site.object_bytes))?;
        match found.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// The package or module of a type or function: `main` of `main.newConn` and of `main.(*Conn).grow`.
fn scope_of(name: &str) -> &str {
    let plain = name.split(['<', '[', '(', '{']).next().unwrap_or(name).trim_end_matches(['.', ':']);
    if plain.len() < name.len() && name[plain.len()..].starts_with(".(") {
        return plain;
    }
    let short = short_name(plain);
    plain[..plain.len() - short.len()].trim_end_matches(['.', ':'])
}

#[cfg(test)]
mod tests {
    use super::scope_of;

    #[test]
    fn scopes_of_functions_and_types() {
        let cases = [
            ("main.newConn", "main"),
            ("main.(*Conn).grow", "main"),
            ("net/http.(*Server).Serve", "net/http"),
            ("main.Gen[uint8]", "main"),
            ("app::tree::Node<u8>", "app::tree"),
            ("insert", ""),
        ];
        for (name, scope) in cases {
            assert_eq!(scope_of(name), scope, "{name}");
        }
    }
}
