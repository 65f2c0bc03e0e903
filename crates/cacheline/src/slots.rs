//! Nodes in one vector, named by 32-bit indices; freed places are used again, the latest first.
//!
//! A link is half a pointer, and a node needs no header: a free place keeps the link to the next free one
//! where a node would be, told apart by a link of the node that can't be zero. So a list of `u32` has nodes
//! of twelve bytes, where a box with two pointers needs 24 and the allocator's class for it.

use core::num::NonZeroU32;

use alloc::vec::Vec;

/// The index of a node, plus one; or none, as the largest number. Zero is left to the compiler, which uses it
/// to tell a free place from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct Link(NonZeroU32);

impl Link {
    pub(crate) const NONE: Self = Self(NonZeroU32::MAX);

    /// # Panics
    /// When `index` is 2^32 - 2 or more: a structure has no room for so many nodes.
    pub(crate) fn to(index: usize) -> Self {
        let number = u32::try_from(index + 1).ok().filter(|number| *number != u32::MAX);
        Self(number.and_then(NonZeroU32::new).expect("fewer than 2^32 - 2 nodes"))
    }

    /// The index, if there is one.
    #[inline(always)]
    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::NONE).then(|| self.at())
    }

    /// The index of a link that is not [`Link::NONE`]; of that one an index that no vector reaches.
    #[inline(always)]
    pub(crate) fn at(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

#[derive(Clone, Debug)]
enum Slot<N> {
    Node(N),
    /// The next free place.
    Free(Link),
}

/// A vector of nodes and free places.
#[derive(Clone, Debug)]
pub(crate) struct Slots<N> {
    slots: Vec<Slot<N>>,
    free: Link,
    len: usize,
}

impl<N> Slots<N> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Link::NONE, len: 0 }
    }

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), ..Self::new() }
    }

    /// Nodes, free places not counted.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Puts `node` into the place that was freed last, or behind all.
    pub(crate) fn insert(&mut self, node: N) -> Link {
        self.len += 1;
        let Some(place) = self.free.index() else {
            let link = Link::to(self.slots.len());
            self.slots.push(Slot::Node(node));
            return link;
        };
        let link = self.free;
        match core::mem::replace(&mut self.slots[place], Slot::Node(node)) {
            Slot::Free(next) => self.free = next,
            Slot::Node(_) => unreachable!("a place on the free list is free"),
        }
        link
    }

    /// Takes the node at `link` out; `None` when there is none.
    pub(crate) fn remove(&mut self, link: Link) -> Option<N> {
        let slot = self.slots.get_mut(link.at()).filter(|slot| matches!(slot, Slot::Node(_)))?;
        let Slot::Node(node) = core::mem::replace(slot, Slot::Free(self.free)) else { return None };
        self.free = link;
        self.len -= 1;
        Some(node)
    }

    #[inline(always)]
    pub(crate) fn get(&self, link: Link) -> Option<&N> {
        match self.slots.get(link.at()) {
            Some(Slot::Node(node)) => Some(node),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, link: Link) -> Option<&mut N> {
        match self.slots.get_mut(link.at()) {
            Some(Slot::Node(node)) => Some(node),
            _ => None,
        }
    }

    /// The nodes in the order that `links` names each of them, as a vector without free places: the first of
    /// `links` now has index 0. Links inside the nodes are the caller's to change. Linear time.
    pub(crate) fn reorder(&mut self, links: &[Link]) {
        debug_assert_eq!(links.len(), self.len, "each node is named once");
        let mut ordered = Self::with_capacity(links.len());
        for link in links {
            let node = self.remove(*link).expect("each node is named once");
            ordered.insert(node);
        }
        *self = ordered;
    }

    /// Places of the vector, for a table that is looked up by index.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.free = Link::NONE;
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, Slot, Slots};

    #[test]
    fn a_free_place_costs_nothing() {
        assert_eq!(size_of::<Slot<(u32, Link, Link)>>(), 12);
        assert_eq!(size_of::<Slot<(u64, Link, Link)>>(), 16);
        assert_eq!(size_of::<Slot<([u64; 3], Link, Link)>>(), 32);
    }

    #[test]
    fn freed_places_are_used_again() {
        let mut slots: Slots<(char, Link)> = Slots::new();
        let links = ['a', 'b', 'c'].map(|name| slots.insert((name, Link::NONE)));
        assert_eq!(slots.remove(links[1]).map(|node| node.0), Some('b'));
        assert_eq!(slots.remove(links[1]).map(|node| node.0), None);
        assert_eq!(slots.remove(links[0]).map(|node| node.0), Some('a'));
        assert_eq!((slots.len(), slots.get(links[0]).is_none()), (1, true));
        assert_eq!([slots.insert(('d', Link::NONE)), slots.insert(('e', Link::NONE))], [links[0], links[1]]);
        assert_eq!(slots.insert(('f', Link::NONE)), Link::to(3));
        slots.reorder(&[3, 2, 0, 1].map(Link::to));
        let names = [0, 1, 2, 3].map(|index| slots.get(Link::to(index)).map(|node| node.0));
        assert_eq!(names, ['f', 'c', 'd', 'e'].map(Some));
        assert!(slots.get(Link::NONE).is_none());
    }
}
