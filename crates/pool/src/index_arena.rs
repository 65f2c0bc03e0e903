//! An arena whose objects have ids instead of addresses: an index and a generation, eight bytes in all.
//!
//! A place that is vacated gets the next generation, so an id of its former tenant finds nothing. Vacant
//! places form a list through the places themselves.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// The end of the list of vacant places.
const NONE: u32 = u32::MAX;

/// The name of an object in an [`IndexArena`]. `Option<Id>` is as small.
///
/// ```
/// let mut arena = spandrel_pool::IndexArena::new();
/// let id = arena.insert("a");
/// arena.remove(id);
/// assert!(arena.get(id).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    index: u32,
    generation: NonZeroU32,
}

impl Id {
    /// The place, for a table beside the arena. The same for all that ever live there, one after the other.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// assert_eq!((arena.insert("a").index(), arena.insert("b").index()), (0, 1));
    /// ```
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Index and generation in one number, for what can keep nothing else.
    ///
    /// ```
    /// use spandrel_pool::{Id, IndexArena};
    /// let id = IndexArena::new().insert("a");
    /// assert_eq!(Id::from_bits(id.to_bits()), Some(id));
    /// ```
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The id that gave these bits; none if no id gives them.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Id::from_bits(0), None);
    /// ```
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Self { index: bits as u32, generation }),
            None => None,
        }
    }
}

#[derive(Clone, Debug)]
enum Content<T> {
    Taken(T),
    Vacant { next: u32 },
}

#[derive(Clone, Debug)]
struct Place<T> {
    generation: NonZeroU32,
    content: Content<T>,
}

impl<T> Place<T> {
    #[inline]
    fn named(&self, generation: NonZeroU32) -> Option<&T> {
        match &self.content {
            Content::Taken(value) if self.generation == generation => Some(value),
            _ => None,
        }
    }

    #[inline]
    fn named_mut(&mut self, generation: NonZeroU32) -> Option<&mut T> {
        match &mut self.content {
            Content::Taken(value) if self.generation == generation => Some(value),
            _ => None,
        }
    }
}

/// Objects by id, packed side by side.
///
/// Don't use it where a plain index into a `Vec` does, which nothing is removed from; nor where keys never
/// outlive their objects: a [`Slab`](crate::Slab) has keys of four bytes.
///
/// ```
/// let mut arena = spandrel_pool::IndexArena::new();
/// let a = arena.insert("a");
/// assert_eq!(arena.remove(a), Some("a"));
/// let b = arena.insert("b");
/// assert_eq!((arena.get(a), arena.get(b)), (None, Some(&"b")));
/// ```
#[derive(Clone)]
pub struct IndexArena<T> {
    places: Vec<Place<T>>,
    vacant: u32,
    len: u32,
}

impl<T> Default for IndexArena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IndexArena<T> {
    /// An empty arena. Allocates nothing.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::IndexArena::<u8>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new(), vacant: NONE, len: 0 }
    }

    /// An arena with room for so many objects.
    ///
    /// ```
    /// assert!(spandrel_pool::IndexArena::<u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    pub fn with_capacity(items: usize) -> Self {
        Self { places: Vec::with_capacity(items), ..Self::new() }
    }

    /// Objects that fit without growth.
    ///
    /// ```
    /// assert!(spandrel_pool::IndexArena::<u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.capacity()
    }

    /// Moves a value in; constant time but for growth.
    ///
    /// # Panics
    /// If there are `u32::MAX` places already.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert_eq!(arena[id], "a");
    /// ```
    #[inline]
    pub fn insert(&mut self, value: T) -> Id {
        self.insert_with(|_| value)
    }

    /// Moves in a value that knows its own id.
    ///
    /// # Panics
    /// As `insert`; and if `make` does, when the arena is as before.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert_with(|id| (id, "a"));
    /// assert_eq!(arena[id], (id, "a"));
    /// ```
    #[inline]
    pub fn insert_with(&mut self, make: impl FnOnce(Id) -> T) -> Id {
        let id = match self.places.get_mut(self.vacant as usize) {
            Some(place) => {
                let id = Id { index: self.vacant, generation: place.generation };
                let before = std::mem::replace(&mut place.content, Content::Taken(make(id)));
                let Content::Vacant { next } = before else {
                    unreachable!("the list has vacant places only")
                };
                self.vacant = next;
                id
            }
            None => self.push_with(make),
        };
        self.len += 1;
        id
    }

    fn push_with(&mut self, make: impl FnOnce(Id) -> T) -> Id {
        let index = u32::try_from(self.places.len()).unwrap_or(NONE);
        assert_ne!(index, NONE, "fewer than 2^32 - 1 objects");
        let id = Id { index, generation: NonZeroU32::MIN };
        self.places.push(Place { generation: id.generation, content: Content::Taken(make(id)) });
        id
    }

    /// The object of this id, if it is still here.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert_eq!(arena.get(id), Some(&"a"));
    /// ```
    #[must_use]
    #[inline]
    pub fn get(&self, id: Id) -> Option<&T> {
        self.places.get(id.index as usize)?.named(id.generation)
    }

    /// The object of this id, to change it.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// *arena.get_mut(id).unwrap() = "b";
    /// assert_eq!(arena[id], "b");
    /// ```
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.places.get_mut(id.index as usize)?.named_mut(id.generation)
    }

    /// Two objects to change at a time; none if one is gone, or both are the same.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let (a, b) = (arena.insert(1), arena.insert(2));
    /// let (x, y) = arena.get2_mut(a, b).unwrap();
    /// std::mem::swap(x, y);
    /// assert_eq!((arena[a], arena[b]), (2, 1));
    /// ```
    #[must_use]
    pub fn get2_mut(&mut self, a: Id, b: Id) -> Option<(&mut T, &mut T)> {
        let [x, y] = self.places.get_disjoint_mut([a.index as usize, b.index as usize]).ok()?;
        Some((x.named_mut(a.generation)?, y.named_mut(b.generation)?))
    }

    /// Whether the object of this id is still here.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert!(arena.contains(id));
    /// ```
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    /// Takes the object of this id out. A place that has had all its generations serves no more.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert_eq!((arena.remove(id), arena.remove(id)), (Some("a"), None));
    /// ```
    #[inline]
    pub fn remove(&mut self, id: Id) -> Option<T> {
        let place = self.places.get_mut(id.index as usize)?;
        if place.generation != id.generation {
            return None;
        }
        match std::mem::replace(&mut place.content, Content::Vacant { next: self.vacant }) {
            Content::Taken(value) => {
                if let Some(generation) = place.generation.checked_add(1) {
                    place.generation = generation;
                    self.vacant = id.index;
                }
                self.len -= 1;
                Some(value)
            }
            vacant => {
                place.content = vacant;
                None
            }
        }
    }

    /// Keeps the objects for which `keep` says so.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let (a, b) = (arena.insert(1), arena.insert(2));
    /// arena.retain(|_, value| *value > 1);
    /// assert_eq!((arena.contains(a), arena.contains(b)), (false, true));
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(Id, &mut T) -> bool) {
        for index in 0..self.places.len() {
            let place = &mut self.places[index];
            let id = Id { index: index as u32, generation: place.generation };
            if place.named_mut(id.generation).is_some_and(|value| !keep(id, value)) {
                self.remove(id);
            }
        }
    }

    /// Drops all objects. Their ids find nothing, also when others come.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let a = arena.insert("a");
    /// arena.clear();
    /// arena.insert("b");
    /// assert_eq!(arena.get(a), None);
    /// ```
    pub fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    /// Objects inside.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert_eq!(arena.len(), 1);
    /// ```
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert!(!arena.is_empty() && arena.contains(id));
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All objects, in the order of their places.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let id = arena.insert("a");
    /// assert!(arena.iter().eq([arena.get(id).unwrap()]));
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.iter_with_ids().map(|(_, value)| value)
    }

    /// All objects with their ids, in the order of their places.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let a = arena.insert("a");
    /// assert!(arena.iter_with_ids().eq([(a, &"a")]));
    /// ```
    pub fn iter_with_ids(&self) -> impl DoubleEndedIterator<Item = (Id, &T)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let id = Id { index: index as u32, generation: place.generation };
            Some((id, place.named(id.generation)?))
        })
    }

    /// All objects with their ids, to change them.
    ///
    /// ```
    /// let mut arena = spandrel_pool::IndexArena::new();
    /// let a = arena.insert(1);
    /// arena.iter_mut().for_each(|(_, value)| *value += 1);
    /// assert_eq!(arena[a], 2);
    /// ```
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (Id, &mut T)> {
        self.places.iter_mut().enumerate().filter_map(|(index, place)| {
            let id = Id { index: index as u32, generation: place.generation };
            Some((id, place.named_mut(id.generation)?))
        })
    }
}

impl<T> Index<Id> for IndexArena<T> {
    type Output = T;
    #[inline]
    fn index(&self, id: Id) -> &T {
        self.get(id).expect("an object that is still here")
    }
}

impl<T> IndexMut<Id> for IndexArena<T> {
    #[inline]
    fn index_mut(&mut self, id: Id) -> &mut T {
        self.get_mut(id).expect("an object that is still here")
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for IndexArena<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter_with_ids()).finish()
    }
}
