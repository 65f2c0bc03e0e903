//! Objects by number: the place of one that left is the next one's.
//!
//! Vacant places form a list through the places themselves. A number says nothing of who lived there before:
//! where numbers may be kept too long, take an [`IndexArena`](crate::IndexArena), whose ids go stale.

use std::ops::{Index, IndexMut};

/// The end of the list of vacant places.
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
enum Place<T> {
    Taken(T),
    Vacant { next: u32 },
}

/// Objects by `u32`, packed side by side.
///
/// Don't use it where nothing is removed: a `Vec` is smaller. Nor where keys come from elsewhere: it gives
/// them.
///
/// ```
/// let mut slab = spandrel_pool::Slab::new();
/// let (a, b) = (slab.insert("a"), slab.insert("b"));
/// assert_eq!((slab.remove(a), slab[b]), ("a", "b"));
/// assert_eq!(slab.insert("c"), a, "its place is taken again");
/// ```
#[derive(Clone)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first vacant place, or how many places there are. Wider than keys, which spares conversions.
    next: usize,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// An empty slab. Allocates nothing.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Slab::<u8>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new(), next: 0, len: 0 }
    }

    /// A slab with room for so many objects.
    ///
    /// ```
    /// assert!(spandrel_pool::Slab::<u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    pub fn with_capacity(items: usize) -> Self {
        Self { places: Vec::with_capacity(items), next: 0, len: 0 }
    }

    /// Objects that fit without growth.
    ///
    /// ```
    /// assert!(spandrel_pool::Slab::<u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.capacity()
    }

    /// Makes room for so many more objects.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::<u8>::new();
    /// slab.reserve(10);
    /// assert!(slab.capacity() >= 10);
    /// ```
    pub fn reserve(&mut self, more: usize) {
        let vacant = self.places.len() - self.len;
        self.places.reserve(more.saturating_sub(vacant));
    }

    /// Gives back the room that no place takes. Objects stay where they are, and with them all places before.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::<u8>::with_capacity(100);
    /// slab.shrink_to_fit();
    /// assert_eq!(slab.capacity(), 0);
    /// ```
    pub fn shrink_to_fit(&mut self) {
        while matches!(self.places.last(), Some(Place::Vacant { .. })) {
            self.places.pop();
        }
        self.relink();
        self.places.shrink_to_fit();
    }

    /// Builds the list of vacant places anew, the lowest first.
    fn relink(&mut self) {
        let mut first = self.places.len() as u32;
        for (index, place) in self.places.iter_mut().enumerate().rev() {
            if let Place::Vacant { next } = place {
                *next = std::mem::replace(&mut first, index as u32);
            }
        }
        self.next = first as usize;
    }

    /// The key that the next object will have.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// assert_eq!(slab.vacant_key(), slab.insert("a"));
    /// ```
    #[must_use]
    pub const fn vacant_key(&self) -> u32 {
        self.next as u32
    }

    /// A place for an object that wants to know its key.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let entry = slab.vacant_entry();
    /// let key = entry.key();
    /// assert_eq!(*entry.insert(key), key);
    /// ```
    pub fn vacant_entry(&mut self) -> VacantEntry<'_, T> {
        VacantEntry { slab: self }
    }

    /// Moves an object in; constant time but for growth.
    ///
    /// # Panics
    /// If there are `u32::MAX` objects already.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert_eq!(slab[key], "a");
    /// ```
    #[inline]
    pub fn insert(&mut self, value: T) -> u32 {
        let key = self.next;
        self.len += 1;
        match self.places.get_mut(key) {
            None => self.push(value),
            Some(place) => {
                let before = std::mem::replace(place, Place::Taken(value));
                let Place::Vacant { next } = before else { unreachable!("the list has vacant places only") };
                self.next = next as usize;
            }
        }
        key as u32
    }

    fn push(&mut self, value: T) {
        assert!(self.next < NONE as usize, "fewer than 2^32 - 1 objects");
        self.places.push(Place::Taken(value));
        self.next += 1;
    }

    /// The object of this key, if there is one.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert_eq!((slab.get(key), slab.get(key + 1)), (Some(&"a"), None));
    /// ```
    #[must_use]
    #[inline]
    pub fn get(&self, key: u32) -> Option<&T> {
        match self.places.get(key as usize) {
            Some(Place::Taken(value)) => Some(value),
            _ => None,
        }
    }

    /// The object of this key, to change it.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// *slab.get_mut(key).unwrap() = "b";
    /// assert_eq!(slab[key], "b");
    /// ```
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.places.get_mut(key as usize) {
            Some(Place::Taken(value)) => Some(value),
            _ => None,
        }
    }

    /// Two objects to change at a time; none if one is missing, or both are the same.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let (a, b) = (slab.insert(1), slab.insert(2));
    /// let (x, y) = slab.get2_mut(a, b).unwrap();
    /// std::mem::swap(x, y);
    /// assert_eq!((slab[a], slab[b]), (2, 1));
    /// ```
    #[must_use]
    pub fn get2_mut(&mut self, a: u32, b: u32) -> Option<(&mut T, &mut T)> {
        match self.places.get_disjoint_mut([a as usize, b as usize]).ok()? {
            [Place::Taken(a), Place::Taken(b)] => Some((a, b)),
            _ => None,
        }
    }

    /// Whether there is an object of this key.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert!(slab.contains(key) && !slab.contains(key + 1));
    /// ```
    #[must_use]
    pub fn contains(&self, key: u32) -> bool {
        self.get(key).is_some()
    }

    /// Takes the object of this key out.
    ///
    /// # Panics
    /// If there is none.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert_eq!(slab.remove(key), "a");
    /// ```
    #[inline]
    pub fn remove(&mut self, key: u32) -> T {
        self.try_remove(key).expect("an object of this key")
    }

    /// Takes the object of this key out, if there is one.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert_eq!((slab.try_remove(key), slab.try_remove(key)), (Some("a"), None));
    /// ```
    #[inline]
    pub fn try_remove(&mut self, key: u32) -> Option<T> {
        let place = self.places.get_mut(key as usize)?;
        match std::mem::replace(place, Place::Vacant { next: self.next as u32 }) {
            Place::Taken(value) => {
                self.next = key as usize;
                self.len -= 1;
                Some(value)
            }
            vacant => {
                *place = vacant;
                None
            }
        }
    }

    /// Keeps the objects for which `keep` says so.
    ///
    /// ```
    /// let mut slab: spandrel_pool::Slab<u8> = (0..10).collect();
    /// slab.retain(|_, value| *value % 2 == 0);
    /// assert_eq!(slab.len(), 5);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(u32, &mut T) -> bool) {
        for key in 0..self.places.len() as u32 {
            if self.get_mut(key).is_some_and(|value| !keep(key, value)) {
                self.try_remove(key);
            }
        }
    }

    /// Drops all objects; the room stays.
    ///
    /// ```
    /// let mut slab: spandrel_pool::Slab<u8> = (0..10).collect();
    /// slab.clear();
    /// assert!(slab.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.drain().for_each(drop);
    }

    /// Takes all objects out, in the order of their keys.
    ///
    /// ```
    /// let mut slab: spandrel_pool::Slab<u8> = (0..3).collect();
    /// assert!(slab.drain().eq(0..3));
    /// ```
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        (self.next, self.len) = (0, 0);
        self.places.drain(..).filter_map(taken)
    }

    /// Objects inside.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert_eq!(slab.len(), 1);
    /// ```
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    ///
    /// ```
    /// let mut slab = spandrel_pool::Slab::new();
    /// let key = slab.insert("a");
    /// assert!(!slab.is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All objects with their keys, in the order of the keys.
    ///
    /// ```
    /// let slab: spandrel_pool::Slab<&str> = ["a", "b"].into_iter().collect();
    /// assert!(slab.iter().eq([(0, &"a"), (1, &"b")]));
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &T)> {
        self.places.iter().enumerate().filter_map(|(index, place)| match place {
            Place::Taken(value) => Some((index as u32, value)),
            Place::Vacant { .. } => None,
        })
    }

    /// All objects with their keys, to change them.
    ///
    /// ```
    /// let mut slab: spandrel_pool::Slab<u8> = (0..3).collect();
    /// slab.iter_mut().for_each(|(_, value)| *value += 1);
    /// assert_eq!(slab[2], 3);
    /// ```
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (u32, &mut T)> {
        self.places.iter_mut().enumerate().filter_map(|(index, place)| match place {
            Place::Taken(value) => Some((index as u32, value)),
            Place::Vacant { .. } => None,
        })
    }
}

fn taken<T>(place: Place<T>) -> Option<T> {
    match place {
        Place::Taken(value) => Some(value),
        Place::Vacant { .. } => None,
    }
}

/// A place for an object that is not there yet.
///
/// ```
/// let mut slab = spandrel_pool::Slab::new();
/// let entry = slab.vacant_entry();
/// let key = entry.key();
/// entry.insert((key, "a"));
/// assert_eq!(slab[key], (key, "a"));
/// ```
#[derive(Debug)]
pub struct VacantEntry<'s, T> {
    slab: &'s mut Slab<T>,
}

impl<'s, T> VacantEntry<'s, T> {
    /// The key that the object will have.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Slab::<u8>::new().vacant_entry().key(), 0);
    /// ```
    #[must_use]
    pub const fn key(&self) -> u32 {
        self.slab.vacant_key()
    }

    /// Moves the object in.
    ///
    /// # Panics
    /// As [`Slab::insert`].
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Slab::new().vacant_entry().insert("a"), &"a");
    /// ```
    pub fn insert(self, value: T) -> &'s mut T {
        let key = self.slab.insert(value);
        self.slab.get_mut(key).expect("it was just inserted")
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, key: u32) -> &T {
        self.get(key).expect("an object of this key")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, key: u32) -> &mut T {
        self.get_mut(key).expect("an object of this key")
    }
}

impl<T> FromIterator<T> for Slab<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut slab = Self::new();
        slab.extend(values);
        slab
    }
}

impl<T> Extend<T> for Slab<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| {
            self.insert(value);
        });
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
