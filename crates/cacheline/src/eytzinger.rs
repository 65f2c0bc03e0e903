//! A sorted map that does not change, in an order that a search can prefetch.
//!
//! A binary search jumps: each step reads a line that the step before chose, and waits for it. In Eytzinger's
//! order (that of a binary heap: the children of `k` are `2k` and `2k + 1`) all that a search may look at
//! some steps later lies together, so its line can be asked for now; and which child comes next is arithmetic
//! on the result of a comparison, without a branch to mispredict. See Khuong and Morin, *Array Layouts for
//! Comparison-Based Searching*, 2017.
//!
//! ```text
//!    index      0    1    2    3    4    5    6    7
//!    rank       7    3    1    5    0    2    4    6        of the key that lies there, for 8 keys
//!               |    '----------- a tree ----------'
//!               the greatest: where a search ends that finds nothing greater in the tree
//! ```
//!
//! Keys begin a cache line, and so do the descendants of `k` that lie as many levels below as a line has room
//! for: `16 k` to `16 k + 15` for keys of four bytes.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::isolated::Isolated;
use crate::padded::{Line, TargetLine};
use crate::prefetch;

/// A map from sorted keys to values, built once and searched often.
///
/// **It pays** for point and lower-bound lookups in maps of numbers that outgrow the second-level cache: two
/// thirds of the time of `slice::binary_search`, two fifths of that of a `BTreeMap`. **It does not** for maps
/// that change (each change builds it anew), for a thousand keys, for scans in order (a sorted vector is one
/// sequential read), where a hash map can do, and for keys like strings, whose comparison reads elsewhere.
///
/// ```
/// use spandrel_cacheline::EytzingerMap;
///
/// let map: EytzingerMap<u32, &str> = [(30, "c"), (10, "a"), (20, "b")].into_iter().collect();
/// assert_eq!(map.get(&20), Some(&"b"));
/// assert_eq!(map.get(&25), None);
/// assert_eq!(map.first_from(&25), Some((&30, &"c")));
/// assert_eq!(map.keys().collect::<Vec<_>>(), [&10, &20, &30]);
/// ```
#[derive(Clone)]
pub struct EytzingerMap<K, V> {
    /// In the order above.
    keys: Isolated<[K]>,
    /// In the order of the keys.
    values: Box<[V]>,
}

impl<K, V> EytzingerMap<K, V> {
    /// Keys that a line holds, as a power of two: so many times `k` is the first descendant to ask for.
    const KEYS_PER_LINE: usize = {
        let bytes = if size_of::<K>() == 0 { 1 } else { size_of::<K>() };
        let keys = if bytes > TargetLine::BYTES { 1 } else { TargetLine::BYTES / bytes };
        1 << keys.ilog2()
    };

    /// Entries of the map.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Entries in ascending order of their keys. Each step is a short walk in the tree, and a jump in memory.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { map: self, next: first(self.len()), left: self.len() }
    }

    /// Keys in ascending order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Values in ascending order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Values in no order that means anything, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// The least entry.
    #[must_use]
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The greatest entry. Constant time.
    #[must_use]
    pub fn last(&self) -> Option<(&K, &V)> {
        self.keys.first().zip(self.values.first())
    }

    fn entry(&self, index: usize) -> (&K, &V) {
        (&self.keys[index], &self.values[index])
    }
}

impl<K: Ord, V> EytzingerMap<K, V> {
    /// The map of entries that are sorted by their keys, each key once. Linear time.
    ///
    /// # Panics
    /// When a key is not greater than the one before.
    ///
    /// ```
    /// let squares = spandrel_cacheline::EytzingerMap::from_sorted((0..100).map(|n| (n, n * n)).collect());
    /// assert_eq!(squares[&7], 49);
    /// ```
    #[must_use]
    pub fn from_sorted(entries: Vec<(K, V)>) -> Self {
        assert!(entries.is_sorted_by(|one, next| one.0 < next.0), "each key is greater than the one before");
        let len = entries.len();
        let mut ranks = alloc::vec![0; len];
        let mut index = first(len);
        for rank in 0..len {
            ranks[index] = rank;
            index = successor(index, len);
        }
        let mut by_rank: Vec<Option<(K, V)>> = entries.into_iter().map(Some).collect();
        let take = |rank: usize| by_rank[rank].take().expect("an order has each rank once");
        let (keys, values): (Vec<K>, Vec<V>) = ranks.into_iter().map(take).unzip();
        Self { keys: Isolated::from_vec(keys), values: values.into_boxed_slice() }
    }

    /// The value of `key`. Logarithmic time, with all but the first lines asked for ahead.
    #[inline]
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key).map(|index| &self.values[index])
    }

    /// The value of `key`, to be changed.
    #[inline]
    #[must_use]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key).map(|index| &mut self.values[index])
    }

    /// Whether there is an entry for `key`.
    #[inline]
    #[must_use]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key).is_some()
    }

    /// The least entry whose key is not less than `key`: the lower bound.
    #[inline]
    #[must_use]
    pub fn first_from<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let index = self.lower_bound(key);
        (self.keys.get(index)?.borrow() >= key).then(|| self.entry(index))
    }

    #[inline]
    fn find<Q>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let index = self.lower_bound(key);
        (self.keys.get(index)?.borrow().cmp(key) == Ordering::Equal).then_some(index)
    }

    /// Where the least key lies that is not less than `key`; index 0, of the greatest, also when all are
    /// less.
    #[inline]
    fn lower_bound<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let keys = &*self.keys;
        let mut at = 1;
        while at < keys.len() {
            prefetch::read(keys.as_ptr().wrapping_add(at * Self::KEYS_PER_LINE));
            at = 2 * at + usize::from(keys[at].borrow() < key);
        }
        // The path went right after the answer, and then only left: undo the lefts and that right.
        at >> (at.trailing_ones() + 1)
    }
}

/// The index of the least key.
fn first(len: usize) -> usize {
    if len <= 1 { 0 } else { leftmost(1, len) }
}

fn leftmost(mut index: usize, len: usize) -> usize {
    while 2 * index < len {
        index *= 2;
    }
    index
}

/// The index of the next greater key; 0 is the last.
fn successor(index: usize, len: usize) -> usize {
    let right = 2 * index + 1;
    if right < len { leftmost(right, len) } else { index >> (index.trailing_ones() + 1) }
}

/// Entries of an [`EytzingerMap`] in ascending order.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    map: &'a EytzingerMap<K, V>,
    next: usize,
    left: usize,
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let index = self.next;
        self.next = successor(index, self.map.len());
        Some(self.map.entry(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a EytzingerMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for EytzingerMap<K, V> {
    /// Of entries with the same key the last one stays, as in a `BTreeMap`.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        entries.into_iter().collect::<BTreeMap<K, V>>().into()
    }
}

impl<K: Ord, V> From<BTreeMap<K, V>> for EytzingerMap<K, V> {
    fn from(map: BTreeMap<K, V>) -> Self {
        Self::from_sorted(map.into_iter().collect())
    }
}

impl<K: Borrow<Q> + Ord, Q: Ord + ?Sized, V> core::ops::Index<&Q> for EytzingerMap<K, V> {
    type Output = V;

    /// # Panics
    /// When there is no entry for `key`.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the map has an entry for the key")
    }
}

impl<K, V> Default for EytzingerMap<K, V> {
    fn default() -> Self {
        Self { keys: Isolated::from_vec(Vec::new()), values: Box::default() }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for EytzingerMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.keys[..] == other.keys[..] && self.values == other.values
    }
}

impl<K: Eq, V: Eq> Eq for EytzingerMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for EytzingerMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::EytzingerMap;
    use std::vec::Vec;

    #[test]
    fn the_order_is_the_one_of_the_picture() {
        let map = EytzingerMap::from_sorted((0..8).map(|rank| (rank, ())).collect());
        assert_eq!(map.keys[..], [7, 3, 1, 5, 0, 2, 4, 6]);
        assert_eq!(map.keys.as_ptr().addr() % crate::line_bytes(), 0);
        assert_eq!(EytzingerMap::<u32, ()>::KEYS_PER_LINE, 16);
        assert_eq!(EytzingerMap::<[u64; 9], ()>::KEYS_PER_LINE, 1);
    }

    #[test]
    fn every_size_and_every_gap() {
        for len in 0..200u32 {
            let map = EytzingerMap::from_sorted((0..len).map(|n| (2 * n + 1, n)).collect());
            for n in 0..len {
                assert_eq!(map.get(&(2 * n + 1)), Some(&n));
                assert_eq!(map.get(&(2 * n)), None);
                assert_eq!(map.first_from(&(2 * n)), Some((&(2 * n + 1), &n)));
            }
            assert_eq!(map.first_from(&(2 * len)), None);
            assert!(map.values().copied().eq(0..len));
            assert_eq!(map.last().map(|(_, value)| *value), len.checked_sub(1));
        }
    }

    #[test]
    #[should_panic(expected = "each key is greater")]
    fn unsorted_keys_are_refused() {
        let _ = EytzingerMap::from_sorted(Vec::from([(1, ()), (1, ())]));
    }
}
