//! An arena whose objects have ids instead of addresses: an index and a generation, eight bytes in all.
//!
//! A place that is vacated gets the next generation, so an id of its former tenant finds nothing. Vacant
//! places form a list through the places themselves.

use std::num::NonZeroU32;

/// The name of an object in an [`IndexArena`]. `Option<Id>` is as small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    index: u32,
    generation: NonZeroU32,
}

#[derive(Clone, Debug)]
enum Content<T> {
    Taken(T),
    Vacant { next: Option<u32> },
}

#[derive(Clone, Debug)]
struct Place<T> {
    generation: NonZeroU32,
    content: Content<T>,
}

/// Objects by id, packed side by side.
///
/// Don't use it where a plain index into a `Vec` does, which nothing is removed from.
///
/// ```
/// let mut arena = spandrel_pool::IndexArena::new();
/// let a = arena.insert("a");
/// assert_eq!(arena.remove(a), Some("a"));
/// let b = arena.insert("b");
/// assert_eq!((arena.get(a), arena.get(b)), (None, Some(&"b")));
/// ```
#[derive(Clone, Debug)]
pub struct IndexArena<T> {
    places: Vec<Place<T>>,
    vacant: Option<u32>,
    len: usize,
}

impl<T> Default for IndexArena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IndexArena<T> {
    /// An empty arena. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new(), vacant: None, len: 0 }
    }

    /// Moves a value in; constant time but for growth.
    ///
    /// # Panics
    /// If there are `u32::MAX` places already.
    pub fn insert(&mut self, value: T) -> Id {
        self.len += 1;
        let content = Content::Taken(value);
        if let Some(index) = self.vacant {
            let place = &mut self.places[index as usize];
            if let Content::Vacant { next } = std::mem::replace(&mut place.content, content) {
                self.vacant = next;
            }
            return Id { index, generation: place.generation };
        }
        let index = u32::try_from(self.places.len()).expect("fewer than 2^32 objects");
        let generation = NonZeroU32::MIN;
        self.places.push(Place { generation, content });
        Id { index, generation }
    }

    /// The object of this id, if it is still here.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&T> {
        match self.places.get(id.index as usize) {
            Some(Place { generation, content: Content::Taken(value) }) if *generation == id.generation => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The object of this id, to change it.
    #[must_use]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        match self.places.get_mut(id.index as usize) {
            Some(Place { generation, content: Content::Taken(value) }) if *generation == id.generation => {
                Some(value)
            }
            _ => None,
        }
    }

    /// Takes the object of this id out. A place that has had all its generations serves no more.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        self.get(id)?;
        let place = &mut self.places[id.index as usize];
        let next = self.vacant;
        let content = std::mem::replace(&mut place.content, Content::Vacant { next });
        if let Some(generation) = place.generation.checked_add(1) {
            place.generation = generation;
            self.vacant = Some(id.index);
        }
        self.len -= 1;
        match content {
            Content::Taken(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }

    /// Objects inside.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All objects, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| match &place.content {
            Content::Taken(value) => Some(value),
            Content::Vacant { .. } => None,
        })
    }
}
