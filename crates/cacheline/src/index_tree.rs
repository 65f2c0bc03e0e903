//! A sorted map as a binary tree in one vector, with links of four bytes, that can be laid out for searching.
//!
//! The tree keeps its balance by being rebuilt in parts (a scapegoat tree: Galperin and Rivest, 1993), so
//! nodes carry nothing but two links. A node has the *weight* of its subtree; where a child has more than two
//! thirds of its parent's, an insertion that went too deep finds it, and the subtree is relinked in perfect
//! balance. Removing is a plain unlink; the whole tree is relinked when a third of it is gone.
//!
//! ```text
//!    depth(node) <= log_1.5(len) + 1          after an insertion
//!    len >= 2/3 * len_max                     after a removal
//! ```
//!
//! Relinking moves no node. [`IndexTree::relayout`] does: it balances the tree and lays its nodes out anew,
//! in order (for scans), or in van Emde Boas' order (for searches), in which the top half of the tree's
//! height lies together, then each of the subtrees below it, and so on inside each: whatever the size of a
//! line or a page, a search reads few of them (Prokop, 1999).

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::mem;

use alloc::vec::Vec;

use crate::slots::{Link, Slots};

#[derive(Clone, Debug)]
struct Node<K, V> {
    left: Link,
    right: Link,
    key: K,
    value: V,
}

/// The order of nodes in memory; see [`IndexTree::relayout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeOrder {
    /// Ascending keys: a scan reads memory in order.
    Sorted,
    /// Van Emde Boas': a search reads few lines and pages.
    VanEmdeBoas,
}

/// The longest path from the root: log_1.5(2^32) and a few.
const DEPTH_MAX: usize = 72;

/// A sorted map in one allocation: a node costs eight bytes more than its key and value.
///
/// Searching is O(log n), inserting and removing amortised O(log n), with a linear step now and then. At most
/// 2^32 - 3 entries.
///
/// **It pays** where a tree of boxes would be: one allocation, half the links, values that don't move from
/// node to node, and after [`IndexTree::relayout`] in van Emde Boas' order a lookup in a million entries in
/// little more than a third of the time. **It does not** against a `BTreeMap` where lookups count: that one
/// needs two thirds of the time even so. And where nothing changes, `EytzingerMap` has no links at all.
///
/// ```
/// use spandrel_cacheline::{IndexTree, NodeOrder};
///
/// let mut tree: IndexTree<u32, &str> = [(3, "c"), (1, "a"), (2, "b")].into_iter().collect();
/// assert_eq!(tree.insert(2, "B"), Some("b"));
/// tree.relayout(NodeOrder::VanEmdeBoas);
/// assert_eq!(tree.remove(&1), Some("a"));
/// assert!(tree.iter().eq([(&2, &"B"), (&3, &"c")]));
/// ```
#[derive(Clone)]
pub struct IndexTree<K, V> {
    nodes: Slots<Node<K, V>>,
    root: Link,
    /// The largest `len` since the whole tree was balanced.
    len_max: usize,
}

impl<K, V> IndexTree<K, V> {
    /// An empty map, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Slots::new(), root: Link::NONE, len_max: 0 }
    }

    /// An empty map with room for `capacity` entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { nodes: Slots::with_capacity(capacity), ..Self::new() }
    }

    /// Entries of the map.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all entries; keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        (self.root, self.len_max) = (Link::NONE, 0);
    }

    /// The least entry.
    #[must_use]
    pub fn first(&self) -> Option<(&K, &V)> {
        self.end(|node| node.left)
    }

    /// The greatest entry.
    #[must_use]
    pub fn last(&self) -> Option<(&K, &V)> {
        self.end(|node| node.right)
    }

    fn end(&self, towards: impl Fn(&Node<K, V>) -> Link) -> Option<(&K, &V)> {
        let mut node = self.nodes.get(self.root)?;
        while let Some(next) = self.nodes.get(towards(node)) {
            node = next;
        }
        Some((&node.key, &node.value))
    }

    /// Entries in ascending order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter { tree: self, path: Path::new(), left: self.len() };
        iter.descend(self.root);
        iter
    }

    /// Balances the tree perfectly and lays its nodes out in `order`; gives up the places of removed entries.
    /// Linear time, and a second vector meanwhile.
    pub fn relayout(&mut self, order: NodeOrder) {
        let mut sorted = Vec::with_capacity(self.len());
        self.collect(self.root, &mut sorted);
        self.root = self.balance(&sorted);
        self.len_max = self.len();
        let places = match order {
            NodeOrder::Sorted => sorted,
            NodeOrder::VanEmdeBoas => {
                let mut places = Vec::with_capacity(sorted.len());
                let height = (usize::BITS - sorted.len().leading_zeros()) as usize;
                let mut below = Vec::new();
                self.van_emde_boas(self.root, height, &mut places, &mut below);
                debug_assert!(below.is_empty(), "a balanced tree is no higher than that");
                places
            }
        };
        self.place(&places);
    }

    /// Moves the nodes to the places that `order` gives them, and renames the links.
    fn place(&mut self, order: &[Link]) {
        let mut new_links = alloc::vec![Link::NONE; self.nodes.places()];
        for (index, old) in order.iter().enumerate() {
            new_links[old.at()] = Link::to(index);
        }
        let renamed = |old: Link| old.index().map_or(Link::NONE, |index| new_links[index]);
        self.nodes.reorder(order);
        self.root = renamed(self.root);
        for index in 0..order.len() {
            let node = self.node_mut(Link::to(index));
            (node.left, node.right) = (renamed(node.left), renamed(node.right));
        }
    }

    /// Names the `height` upper levels of a subtree, and gives the roots of what lies below them.
    fn van_emde_boas(&self, root: Link, height: usize, places: &mut Vec<Link>, below: &mut Vec<Link>) {
        let Some(node) = self.nodes.get(root) else { return };
        if height <= 1 {
            places.push(root);
            below.extend([node.left, node.right].into_iter().filter(|child| child.index().is_some()));
            return;
        }
        let top = height / 2;
        let mut middle = Vec::new();
        self.van_emde_boas(root, top, places, &mut middle);
        for subtree in middle {
            self.van_emde_boas(subtree, height - top, places, below);
        }
    }

    /// The links of a subtree in ascending order of keys.
    fn collect(&self, root: Link, sorted: &mut Vec<Link>) {
        let mut path = Path::new();
        let mut link = root;
        loop {
            while let Some(node) = self.nodes.get(link) {
                path.push(link);
                link = node.left;
            }
            let Some(next) = path.pop() else { return };
            sorted.push(next);
            link = self.node(next).right;
        }
    }

    /// Links sorted nodes in perfect balance; the root. At most log2(n) + 1 deep.
    fn balance(&mut self, sorted: &[Link]) -> Link {
        let middle = sorted.len() / 2;
        let Some(&root) = sorted.get(middle) else { return Link::NONE };
        let (left, right) = (self.balance(&sorted[..middle]), self.balance(&sorted[middle + 1..]));
        let node = self.node_mut(root);
        (node.left, node.right) = (left, right);
        root
    }

    /// Nodes of a subtree.
    fn weight(&self, root: Link) -> usize {
        let mut weight = 0;
        let mut path = Path::new();
        path.push(root);
        while let Some(link) = path.pop() {
            if let Some(node) = self.nodes.get(link) {
                weight += 1;
                path.push(node.left);
                path.push(node.right);
            }
        }
        weight
    }

    fn node(&self, link: Link) -> &Node<K, V> {
        self.nodes.get(link).expect("a link of the tree names a node")
    }

    fn node_mut(&mut self, link: Link) -> &mut Node<K, V> {
        self.nodes.get_mut(link).expect("a link of the tree names a node")
    }

    /// Lets whoever pointed to `child` (`parent`, or the root) point to `other`.
    fn replace_child(&mut self, parent: Option<Link>, child: Link, other: Link) {
        match parent.map(|parent| self.node_mut(parent)) {
            None => self.root = other,
            Some(node) if node.left == child => node.left = other,
            Some(node) => node.right = other,
        }
    }

    /// The new node at the end of `path` lies too deep: relinks the lowest subtree out of balance.
    fn rebalance(&mut self, path: &Path) {
        let mut weight = 1;
        for depth in (0..path.len() - 1).rev() {
            let (parent, child) = (path.at(depth), path.at(depth + 1));
            let node = self.node(parent);
            let sibling = if node.left == child { node.right } else { node.left };
            let whole = weight + self.weight(sibling) + 1;
            if 3 * weight > 2 * whole {
                let mut sorted = Vec::with_capacity(whole);
                self.collect(parent, &mut sorted);
                let root = self.balance(&sorted);
                let above = depth.checked_sub(1).map(|above| path.at(above));
                self.replace_child(above, parent, root);
                return;
            }
            weight = whole;
        }
    }
}

impl<K: Ord, V> IndexTree<K, V> {
    /// The value of `key`.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.nodes.get(self.find(key)).map(|node| &node.value)
    }

    /// The value of `key`, to be changed.
    #[inline]
    #[must_use]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let found = self.find(key);
        self.nodes.get_mut(found).map(|node| &mut node.value)
    }

    /// Whether there is an entry for `key`.
    #[must_use]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key).index().is_some()
    }

    #[inline]
    fn find<Q>(&self, key: &Q) -> Link
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut link = self.root;
        while let Some(node) = self.nodes.get(link) {
            link = match key.cmp(node.key.borrow()) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => return link,
            };
        }
        Link::NONE
    }

    /// Entries from the least key that is not less than `key`, ascending.
    ///
    /// ```
    /// let tree: spandrel_cacheline::IndexTree<u32, ()> = (0..10).map(|n| (10 * n, ())).collect();
    /// assert!(tree.iter_from(&75).map(|(key, _)| *key).eq([80, 90]));
    /// ```
    pub fn iter_from<Q>(&self, key: &Q) -> impl Iterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut iter = Iter { tree: self, path: Path::new(), left: self.len() };
        let mut link = self.root;
        while let Some(node) = self.nodes.get(link) {
            if node.key.borrow() < key {
                link = node.right;
            } else {
                iter.path.push(link);
                link = node.left;
            }
        }
        core::iter::from_fn(move || iter.step())
    }

    /// Puts an entry in; the value that `key` had.
    ///
    /// # Panics
    /// When there are 2^32 - 3 entries.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let mut path = Path::new();
        let mut link = self.root;
        let mut is_left = false;
        while let Some(node) = self.nodes.get_mut(link) {
            path.push(link);
            match key.cmp(&node.key) {
                Ordering::Equal => return Some(mem::replace(&mut node.value, value)),
                Ordering::Less => (is_left, link) = (true, node.left),
                Ordering::Greater => (is_left, link) = (false, node.right),
            }
        }
        let new = self.nodes.insert(Node { left: Link::NONE, right: Link::NONE, key, value });
        match path.last().map(|parent| self.node_mut(parent)) {
            None => self.root = new,
            Some(parent) if is_left => parent.left = new,
            Some(parent) => parent.right = new,
        }
        path.push(new);
        self.len_max = self.len_max.max(self.len());
        if path.len() - 1 > depth_max(self.len()) {
            self.rebalance(&path);
        }
        None
    }

    /// Takes the entry of `key` out; its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes the entry of `key` out.
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut parent = None;
        let mut link = self.root;
        loop {
            let node = self.nodes.get(link)?;
            let next = match key.cmp(node.key.borrow()) {
                Ordering::Less => node.left,
                Ordering::Greater => node.right,
                Ordering::Equal => break,
            };
            parent = Some(link);
            link = next;
        }
        let heir = self.heir(link);
        self.replace_child(parent, link, heir);
        let removed = self.nodes.remove(link).expect("it was just found");
        if 3 * self.len() < 2 * self.len_max {
            let mut sorted = Vec::with_capacity(self.len());
            self.collect(self.root, &mut sorted);
            self.root = self.balance(&sorted);
            self.len_max = self.len();
        }
        Some((removed.key, removed.value))
    }

    /// What takes the place of `link`: its only child, or its successor with both children.
    fn heir(&mut self, link: Link) -> Link {
        let (left, right) = (self.node(link).left, self.node(link).right);
        if left.index().is_none() || right.index().is_none() {
            return if left.index().is_none() { right } else { left };
        }
        let mut above = link;
        let mut heir = right;
        while self.node(heir).left.index().is_some() {
            above = heir;
            heir = self.node(heir).left;
        }
        if above != link {
            let orphan = mem::replace(&mut self.node_mut(heir).right, right);
            self.node_mut(above).left = orphan;
        }
        self.node_mut(heir).left = left;
        heir
    }
}

/// The deepest that a node may lie in a tree of `len` nodes without one of its ancestors out of balance:
/// log_1.5(len), rounded up.
fn depth_max(len: usize) -> usize {
    // 1 / log2(1.5) is 1.7095.
    (len.max(1).ilog2() as usize + 1) * 171 / 100
}

/// The nodes from the root to some node.
#[derive(Clone, Debug)]
struct Path {
    links: [Link; DEPTH_MAX],
    len: usize,
}

impl Path {
    fn new() -> Self {
        Self { links: [Link::NONE; DEPTH_MAX], len: 0 }
    }

    fn push(&mut self, link: Link) {
        self.links[self.len] = link;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Link> {
        self.len = self.len.checked_sub(1)?;
        Some(self.links[self.len])
    }

    fn last(&self) -> Option<Link> {
        self.links[..self.len].last().copied()
    }

    fn len(&self) -> usize {
        self.len
    }

    fn at(&self, depth: usize) -> Link {
        self.links[..self.len][depth]
    }
}

/// Entries of an [`IndexTree`] in ascending order.
#[derive(Clone, Debug)]
pub struct Iter<'a, K, V> {
    tree: &'a IndexTree<K, V>,
    path: Path,
    left: usize,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn descend(&mut self, mut link: Link) {
        while let Some(node) = self.tree.nodes.get(link) {
            self.path.push(link);
            link = node.left;
        }
    }

    fn step(&mut self) -> Option<(&'a K, &'a V)> {
        let node = self.tree.node(self.path.pop()?);
        self.descend(node.right);
        Some((&node.key, &node.value))
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.step()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a IndexTree<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> Extend<(K, V)> for IndexTree<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for IndexTree<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut tree = Self::new();
        tree.extend(entries);
        tree
    }
}

impl<K, V> Default for IndexTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for IndexTree<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexTree, NodeOrder, depth_max};
    use crate::slots::Link;
    use std::vec::Vec;

    fn depth(tree: &IndexTree<u32, u32>, root: Link) -> usize {
        tree.nodes.get(root).map_or(0, |node| 1 + depth(tree, node.left).max(depth(tree, node.right)))
    }

    #[test]
    fn it_stays_shallow_whatever_the_order() {
        let ascending: Vec<u32> = (0..20_000).collect();
        let zigzag = ascending.iter().map(|n| if n % 2 == 0 { *n } else { 100_000 - n }).collect();
        for keys in [ascending.clone(), ascending.into_iter().rev().collect(), zigzag] {
            let mut tree = IndexTree::new();
            for (count, key) in keys.iter().enumerate() {
                tree.insert(*key, *key);
                if count % 997 == 0 {
                    assert!(depth(&tree, tree.root) <= depth_max(tree.len()) + 2);
                }
            }
            for key in &keys[..15_000] {
                tree.remove(key);
            }
            assert!(depth(&tree, tree.root) <= depth_max(3 * tree.len() / 2) + 2);
            assert!(tree.iter().len() == 5000 && tree.iter().is_sorted());
        }
    }

    #[test]
    fn layouts_are_what_they_are_called() {
        let mut tree: IndexTree<u32, u32> = (1..=15).map(|key| (key, key)).collect();
        tree.relayout(NodeOrder::Sorted);
        let in_memory =
            |tree: &IndexTree<u32, u32>| (0..15).map(|n| tree.node(Link::to(n)).key).collect::<Vec<_>>();
        assert!(in_memory(&tree).into_iter().eq(1..=15));
        tree.relayout(NodeOrder::VanEmdeBoas);
        assert_eq!(in_memory(&tree), [8, 4, 12, 2, 1, 3, 6, 5, 7, 10, 9, 11, 14, 13, 15]);
        assert!((1..=15).all(|key| tree.get(&key) == Some(&key)));
    }
}
