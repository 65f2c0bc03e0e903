//! A doubly linked list in one vector, with links of four bytes.
//!
//! Nodes stay where they were put, so their [`NodeId`]s stay valid while the list is edited; walking it then
//! jumps about in the vector. [`IndexList::compact`] lays the nodes out in the order of the list, after which
//! a walk reads memory in order, and the ids are new.

use core::fmt;
use core::iter::FusedIterator;

use alloc::vec::Vec;

use crate::slots::{Link, Slots};

/// A node of an [`IndexList`]: four bytes, also in an `Option`.
///
/// It stays valid until its node is removed or the list compacted; after that it may name nothing, or another
/// node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Link);

#[derive(Clone, Debug)]
struct Node<T> {
    item: T,
    prev: Link,
    next: Link,
}

/// A doubly linked list whose nodes lie in one allocation.
///
/// Everything but [`IndexList::compact`] and [`IndexList::clear`] is constant time (appending: amortised). At
/// most 2^32 - 3 items.
///
/// **It pays** where a list is needed for its edits in the middle: queues with removal by handle,
/// least-recently used order, price levels. A node costs 8 bytes more than its item, instead of 16 and an
/// allocation, and a walk over a shuffled list of a million takes a fraction of the time. **It does not**
/// against a `Vec` or `VecDeque` that is only edited at its ends.
///
/// ```
/// use spandrel_cacheline::IndexList;
///
/// let mut recent = IndexList::new();
/// let ids = ["a", "b", "c"].map(|page| recent.push_front(page));
/// recent.move_to_front(ids[0]);
/// assert_eq!(recent.remove(ids[1]), Some("b"));
/// assert!(recent.iter().eq(&["a", "c"]));
/// assert_eq!(recent.pop_back(), Some("c"));
/// ```
#[derive(Clone)]
pub struct IndexList<T> {
    nodes: Slots<Node<T>>,
    front: Link,
    back: Link,
}

impl<T> IndexList<T> {
    /// An empty list, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Slots::new(), front: Link::NONE, back: Link::NONE }
    }

    /// An empty list with room for `capacity` items.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { nodes: Slots::with_capacity(capacity), ..Self::new() }
    }

    /// Items of the list.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first node.
    #[must_use]
    pub fn front(&self) -> Option<NodeId> {
        id(self.front)
    }

    /// The last node.
    #[must_use]
    pub fn back(&self) -> Option<NodeId> {
        id(self.back)
    }

    /// The node after `node`; `None` also when there is no such node.
    #[must_use]
    pub fn next(&self, node: NodeId) -> Option<NodeId> {
        self.nodes.get(node.0).and_then(|node| id(node.next))
    }

    /// The node before `node`.
    #[must_use]
    pub fn prev(&self, node: NodeId) -> Option<NodeId> {
        self.nodes.get(node.0).and_then(|node| id(node.prev))
    }

    /// The item of `node`.
    #[inline]
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<&T> {
        self.nodes.get(node.0).map(|node| &node.item)
    }

    /// The item of `node`, to be changed.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, node: NodeId) -> Option<&mut T> {
        self.nodes.get_mut(node.0).map(|node| &mut node.item)
    }

    /// Puts `item` before all.
    ///
    /// # Panics
    /// When there are 2^32 - 3 items.
    pub fn push_front(&mut self, item: T) -> NodeId {
        let link = self.nodes.insert(Node { item, prev: Link::NONE, next: Link::NONE });
        self.link_between(Link::NONE, link, self.front);
        NodeId(link)
    }

    /// Puts `item` behind all.
    ///
    /// # Panics
    /// When there are 2^32 - 3 items.
    pub fn push_back(&mut self, item: T) -> NodeId {
        let link = self.nodes.insert(Node { item, prev: Link::NONE, next: Link::NONE });
        self.link_between(self.back, link, Link::NONE);
        NodeId(link)
    }

    /// Puts `item` behind `node`; gives it back when there is no such node.
    ///
    /// # Errors
    /// The item.
    ///
    /// # Panics
    /// When there are 2^32 - 3 items.
    pub fn insert_after(&mut self, node: NodeId, item: T) -> Result<NodeId, T> {
        let Some(next) = self.nodes.get(node.0).map(|node| node.next) else { return Err(item) };
        let link = self.nodes.insert(Node { item, prev: Link::NONE, next: Link::NONE });
        self.link_between(node.0, link, next);
        Ok(NodeId(link))
    }

    /// Puts `item` before `node`; gives it back when there is no such node.
    ///
    /// # Errors
    /// The item.
    ///
    /// # Panics
    /// When there are 2^32 - 3 items.
    pub fn insert_before(&mut self, node: NodeId, item: T) -> Result<NodeId, T> {
        let Some(prev) = self.nodes.get(node.0).map(|node| node.prev) else { return Err(item) };
        let link = self.nodes.insert(Node { item, prev: Link::NONE, next: Link::NONE });
        self.link_between(prev, link, node.0);
        Ok(NodeId(link))
    }

    /// Takes `node` out of the list; its item.
    pub fn remove(&mut self, node: NodeId) -> Option<T> {
        let removed = self.nodes.remove(node.0)?;
        self.join(removed.prev, removed.next);
        Some(removed.item)
    }

    /// Takes the first item.
    pub fn pop_front(&mut self) -> Option<T> {
        self.remove(self.front()?)
    }

    /// Takes the last item.
    pub fn pop_back(&mut self) -> Option<T> {
        self.remove(self.back()?)
    }

    /// Puts `node` before all others; whether there is such a node. Its id stays.
    pub fn move_to_front(&mut self, node: NodeId) -> bool {
        let found = self.unlink(node.0);
        if found {
            self.link_between(Link::NONE, node.0, self.front);
        }
        found
    }

    /// Puts `node` behind all others; whether there is such a node. Its id stays.
    pub fn move_to_back(&mut self, node: NodeId) -> bool {
        let found = self.unlink(node.0);
        if found {
            self.link_between(self.back, node.0, Link::NONE);
        }
        found
    }

    /// Items from the first to the last.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { list: self, front: self.front, back: self.back, left: self.len() }
    }

    /// Changes each item, from the first to the last.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&mut T)) {
        let mut link = self.front;
        while let Some(node) = self.nodes.get_mut(link) {
            change(&mut node.item);
            link = node.next;
        }
    }

    /// Lays the nodes out in the order of the list and gives up the places of removed ones; each node gets a
    /// new id, which `moved` is told with the old one. Linear time, and a second vector meanwhile.
    ///
    /// ```
    /// let mut list = spandrel_cacheline::IndexList::new();
    /// let second = list.push_back(2);
    /// list.push_front(1);
    /// let mut second_now = second;
    /// list.compact(|old, new| if old == second { second_now = new });
    /// assert_eq!((list.get(second_now), list.get(second)), (Some(&2), Some(&1)));
    /// ```
    pub fn compact(&mut self, mut moved: impl FnMut(NodeId, NodeId)) {
        let mut order = Vec::with_capacity(self.len());
        let mut link = self.front;
        while let Some(node) = self.nodes.get(link) {
            order.push(link);
            link = node.next;
        }
        self.nodes.reorder(&order);
        let last = order.len().saturating_sub(1);
        for (index, old) in order.iter().enumerate() {
            let node = self.nodes.get_mut(Link::to(index)).expect("as many nodes as before");
            node.prev = index.checked_sub(1).map_or(Link::NONE, Link::to);
            node.next = if index == last { Link::NONE } else { Link::to(index + 1) };
            moved(NodeId(*old), NodeId(Link::to(index)));
        }
        if !order.is_empty() {
            (self.front, self.back) = (Link::to(0), Link::to(last));
        }
    }

    /// Removes all items; keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        (self.front, self.back) = (Link::NONE, Link::NONE);
    }

    /// Takes a node out of the chain but not out of the vector.
    fn unlink(&mut self, link: Link) -> bool {
        let Some((prev, next)) = self.nodes.get(link).map(|node| (node.prev, node.next)) else {
            return false;
        };
        self.join(prev, next);
        true
    }

    fn link_between(&mut self, prev: Link, link: Link, next: Link) {
        self.join(prev, link);
        self.join(link, next);
    }

    /// Makes two neighbours; where one is none, the other is an end of the list.
    fn join(&mut self, prev: Link, next: Link) {
        match self.nodes.get_mut(prev) {
            Some(node) => node.next = next,
            None => self.front = next,
        }
        match self.nodes.get_mut(next) {
            Some(node) => node.prev = prev,
            None => self.back = prev,
        }
    }
}

fn id(link: Link) -> Option<NodeId> {
    link.index().map(|_| NodeId(link))
}

/// Items of an [`IndexList`] from the first to the last.
#[derive(Clone, Debug)]
pub struct Iter<'a, T> {
    list: &'a IndexList<T>,
    front: Link,
    back: Link,
    left: usize,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        let node = self.list.nodes.get(self.front)?;
        self.front = node.next;
        Some(&node.item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let node = self.list.nodes.get(self.back)?;
        self.back = node.prev;
        Some(&node.item)
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}

impl<'a, T> IntoIterator for &'a IndexList<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Extend<T> for IndexList<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.push_back(item);
        }
    }
}

impl<T> FromIterator<T> for IndexList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items = items.into_iter();
        let mut list = Self::with_capacity(items.size_hint().0);
        list.extend(items);
        list
    }
}

impl<T> Default for IndexList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: PartialEq> PartialEq for IndexList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl<T: Eq> Eq for IndexList<T> {}

impl<T: fmt::Debug> fmt::Debug for IndexList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
