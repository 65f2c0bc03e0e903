//! A vector of structs held as columns: a vector for each field.
//!
//! A loop over one field of a vector of structs reads every line of every struct; of columns it reads that
//! field's lines alone, and the compiler can use vector instructions on them. The derive (in the crate
//! `spandrel-soa-derive`) writes the columns of a struct and the few functions of [`Soa`]; everything that
//! users call is here, once.
//!
//! Fields that are always used together are better kept together, as a row: random access to three columns is
//! three misses, to a row of three fields one. `#[soa(hot)]` and `#[soa(cold)]` put fields into one of two
//! such rows; the classic hot/cold split is to mark the cold ones, or to mark all.

use core::cmp::Ordering;
use core::fmt;

use alloc::vec::Vec;

/// A struct that can be held as columns. Derived by `#[derive(Soa)]`, and not meant to be written by hand.
///
/// For a struct `P` the derive makes, with the visibility of `P` and of its fields:
///
/// - `PSlices<'_>` and `PSlicesMut<'_>`: a slice for each column, with the names of the fields;
/// - `PRef<'_>` and `PMut<'_>`: references to the fields of one row;
/// - `PHot` and `PCold`, rows of the fields that are marked `#[soa(hot)]` and `#[soa(cold)]`; their columns
///   are called `hot` and `cold`.
///
/// `#[soa(derive(Debug, Clone, PartialEq))]` on the struct derives traits for these types, and so for the
/// [`SoaVec`]; with `Clone`, a `PRef` also has `to_row`.
pub trait Soa: Sized {
    /// The vectors.
    type Columns;
    /// All columns as slices.
    type Slices<'a>: Copy
    where
        Self: 'a;
    /// All columns as slices to be changed.
    type SlicesMut<'a>
    where
        Self: 'a;
    /// References to the fields of a row.
    type Ref<'a>: Copy
    where
        Self: 'a;
    /// References to the fields of a row, to change them.
    type Mut<'a>
    where
        Self: 'a;

    #[doc(hidden)]
    const EMPTY: Self::Columns;
    #[doc(hidden)]
    fn reserve(columns: &mut Self::Columns, additional: usize);
    #[doc(hidden)]
    fn capacity(columns: &Self::Columns) -> usize;
    #[doc(hidden)]
    fn shrink_to_fit(columns: &mut Self::Columns);
    #[doc(hidden)]
    fn push(columns: &mut Self::Columns, row: Self);
    #[doc(hidden)]
    fn insert(columns: &mut Self::Columns, index: usize, row: Self);
    #[doc(hidden)]
    fn pop(columns: &mut Self::Columns) -> Option<Self>;
    #[doc(hidden)]
    fn remove(columns: &mut Self::Columns, index: usize) -> Self;
    #[doc(hidden)]
    fn swap_remove(columns: &mut Self::Columns, index: usize) -> Self;
    #[doc(hidden)]
    fn truncate(columns: &mut Self::Columns, len: usize);
    #[doc(hidden)]
    fn swap(columns: &mut Self::Columns, one: usize, other: usize);
    #[doc(hidden)]
    fn reorder(columns: &mut Self::Columns, order: &[usize]);
    #[doc(hidden)]
    fn slices(columns: &Self::Columns) -> Self::Slices<'_>;
    #[doc(hidden)]
    fn slices_mut(columns: &mut Self::Columns) -> Self::SlicesMut<'_>;
    #[doc(hidden)]
    fn row<'a>(slices: Self::Slices<'a>, index: usize) -> Self::Ref<'a>
    where
        Self: 'a;
    #[doc(hidden)]
    fn row_mut<'a>(slices: Self::SlicesMut<'a>, index: usize) -> Self::Mut<'a>
    where
        Self: 'a;
    #[doc(hidden)]
    fn next<'a>(slices: &mut Self::Slices<'a>) -> Option<Self::Ref<'a>>
    where
        Self: 'a;
    #[doc(hidden)]
    fn next_back<'a>(slices: &mut Self::Slices<'a>) -> Option<Self::Ref<'a>>
    where
        Self: 'a;
    #[doc(hidden)]
    fn next_mut<'a>(slices: &mut Self::SlicesMut<'a>) -> Option<Self::Mut<'a>>
    where
        Self: 'a;
}

/// What a `Vec<T>` is, as columns.
///
/// Rows are pushed and popped as `T`, read as `T::Ref`, changed as `T::Mut`; loops over single fields use
/// [`SoaVec::slices`]. Complexities are those of `Vec`, times the number of columns.
///
/// **It pays** for loops over few of many fields: a sum over one `f32` of a 64-byte struct is several times
/// faster. **It does not** where whole rows are visited at random, each column then being a miss of its own;
/// keep those fields in one row.
///
/// ```
/// use spandrel_cacheline::{Soa, SoaVec};
///
/// #[derive(Soa)]
/// #[soa(derive(Debug, Clone, PartialEq))]
/// struct Order {
///     price: u32,
///     amount: u32,
///     #[soa(cold)]
///     client: String,
///     #[soa(cold)]
///     note: String,
/// }
///
/// let mut orders = SoaVec::new();
/// for price in [30, 10, 20] {
///     orders.push(Order { price, amount: 2, client: format!("c{price}"), note: String::new() });
/// }
/// let total: u32 = orders.slices().price.iter().sum();
/// assert_eq!(total, 60);
/// orders.sort_by_key(|order| *order.price);
/// *orders.get_mut(0).unwrap().amount += 1;
/// let first = orders.get(0).unwrap();
/// assert_eq!((first.client.as_str(), *first.amount), ("c10", 3));
/// assert_eq!(orders.slices().cold[2].client, "c30");
/// assert_eq!(orders.swap_remove(0).price, 10);
/// ```
pub struct SoaVec<T: Soa> {
    columns: T::Columns,
    len: usize,
}

impl<T: Soa> SoaVec<T> {
    /// An empty vector, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self { columns: T::EMPTY, len: 0 }
    }

    /// An empty vector with room for `capacity` rows.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut vec = Self::new();
        vec.reserve(capacity);
        vec
    }

    /// Rows.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Rows that fit without an allocation: the least of the columns'.
    #[must_use]
    pub fn capacity(&self) -> usize {
        T::capacity(&self.columns)
    }

    /// Makes room for `additional` more rows.
    pub fn reserve(&mut self, additional: usize) {
        T::reserve(&mut self.columns, additional);
    }

    /// Gives up what no row needs.
    pub fn shrink_to_fit(&mut self) {
        T::shrink_to_fit(&mut self.columns);
    }

    /// Appends a row.
    #[inline]
    pub fn push(&mut self, row: T) {
        T::push(&mut self.columns, row);
        self.len += 1;
    }

    /// Takes the last row.
    pub fn pop(&mut self) -> Option<T> {
        let row = T::pop(&mut self.columns)?;
        self.len -= 1;
        Some(row)
    }

    /// Puts a row before the one at `index`, which moves on with those behind it.
    ///
    /// # Panics
    /// When `index` is greater than the length.
    pub fn insert(&mut self, index: usize, row: T) {
        assert!(index <= self.len, "row {index} of {}", self.len);
        T::insert(&mut self.columns, index, row);
        self.len += 1;
    }

    /// Takes a row; those behind it move up. Linear time.
    ///
    /// # Panics
    /// When there is no row `index`.
    pub fn remove(&mut self, index: usize) -> T {
        self.check(index);
        self.len -= 1;
        T::remove(&mut self.columns, index)
    }

    /// Takes a row; the last one takes its place.
    ///
    /// # Panics
    /// When there is no row `index`.
    pub fn swap_remove(&mut self, index: usize) -> T {
        self.check(index);
        self.len -= 1;
        T::swap_remove(&mut self.columns, index)
    }

    /// Puts a row in the place of another; that one.
    ///
    /// # Panics
    /// When there is no row `index`.
    pub fn replace(&mut self, index: usize, row: T) -> T {
        self.check(index);
        T::push(&mut self.columns, row);
        T::swap_remove(&mut self.columns, index)
    }

    /// Exchanges two rows.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn swap(&mut self, one: usize, other: usize) {
        self.check(one);
        self.check(other);
        T::swap(&mut self.columns, one, other);
    }

    /// Drops the rows from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        T::truncate(&mut self.columns, len);
    }

    /// Drops all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// The fields of a row.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<T::Ref<'_>> {
        (index < self.len).then(|| T::row(self.slices(), index))
    }

    /// The fields of a row, to be changed.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, index: usize) -> Option<T::Mut<'_>> {
        (index < self.len).then(|| T::row_mut(T::slices_mut(&mut self.columns), index))
    }

    /// All columns: for loops over single fields.
    #[inline]
    #[must_use]
    pub fn slices(&self) -> T::Slices<'_> {
        T::slices(&self.columns)
    }

    /// All columns, to be changed; their slices are borrowed one by one.
    #[inline]
    #[must_use]
    pub fn slices_mut(&mut self) -> T::SlicesMut<'_> {
        T::slices_mut(&mut self.columns)
    }

    /// Rows from the first to the last.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rest: self.slices(), len: self.len }
    }

    /// Rows from the first to the last, to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { rest: T::slices_mut(&mut self.columns), len: self.len }
    }

    /// Sorts the rows, those that compare equal staying in order. O(n log n), and then each column is moved
    /// once.
    ///
    /// ```
    /// use spandrel_cacheline::{Soa, SoaVec};
    /// #[derive(Soa)]
    /// struct Point { x: i32, y: i32 }
    /// let points = [(3, 0), (1, 1), (2, 2)].map(|(x, y)| Point { x, y });
    /// let mut points: SoaVec<Point> = points.into_iter().collect();
    /// points.sort_by(|one, other| one.x.cmp(other.x));
    /// assert_eq!((points.slices().x, points.slices().y), (&[1, 2, 3][..], &[1, 2, 0][..]));
    /// ```
    pub fn sort_by(&mut self, mut compare: impl FnMut(T::Ref<'_>, T::Ref<'_>) -> Ordering) {
        let mut order: Vec<usize> = (0..self.len).collect();
        let slices = self.slices();
        order.sort_by(|&one, &other| compare(T::row(slices, one), T::row(slices, other)));
        T::reorder(&mut self.columns, &order);
    }

    /// Sorts the rows by a key of each, those with equal keys staying in order.
    pub fn sort_by_key<K: Ord>(&mut self, mut key: impl FnMut(T::Ref<'_>) -> K) {
        self.sort_by(|one, other| key(one).cmp(&key(other)));
    }

    /// Keeps the rows that `keep` says yes to, in their order. Linear time.
    pub fn retain(&mut self, mut keep: impl FnMut(T::Ref<'_>) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            if keep(T::row(self.slices(), index)) {
                if kept != index {
                    T::swap(&mut self.columns, kept, index);
                }
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    #[inline]
    fn check(&self, index: usize) {
        assert!(index < self.len, "row {index} of {}", self.len);
    }
}

/// Moves the items so that the one at `order[i]` comes to place `i`. Linear time; used by the derive.
///
/// # Panics
/// When `order` is not a permutation of the indices.
///
/// ```
/// let mut letters = ['a', 'b', 'c'];
/// spandrel_cacheline::permute(&mut letters, &[2, 0, 1]);
/// assert_eq!(letters, ['c', 'a', 'b']);
/// ```
pub fn permute<T>(items: &mut [T], order: &[usize]) {
    assert_eq!(items.len(), order.len(), "an order names each item");
    let mut places = alloc::vec![usize::MAX; order.len()];
    for (place, item) in order.iter().enumerate() {
        assert_eq!(places[*item], usize::MAX, "an order names each item once");
        places[*item] = place;
    }
    for index in 0..items.len() {
        while places[index] != index {
            let place = places[index];
            items.swap(index, place);
            places.swap(index, place);
        }
    }
}

/// Rows of a [`SoaVec`].
pub struct Iter<'a, T: Soa + 'a> {
    rest: T::Slices<'a>,
    len: usize,
}

impl<'a, T: Soa> Iterator for Iter<'a, T> {
    type Item = T::Ref<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::Ref<'a>> {
        let row = T::next(&mut self.rest)?;
        self.len -= 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<T: Soa> DoubleEndedIterator for Iter<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = T::next_back(&mut self.rest)?;
        self.len -= 1;
        Some(row)
    }
}

impl<T: Soa> ExactSizeIterator for Iter<'_, T> {}

/// Rows of a [`SoaVec`], to be changed.
pub struct IterMut<'a, T: Soa + 'a> {
    rest: T::SlicesMut<'a>,
    len: usize,
}

impl<'a, T: Soa> Iterator for IterMut<'a, T> {
    type Item = T::Mut<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::Mut<'a>> {
        let row = T::next_mut(&mut self.rest)?;
        self.len -= 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<T: Soa> ExactSizeIterator for IterMut<'_, T> {}

impl<T: Soa> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T: Soa> fmt::Debug for IterMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterMut").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a, T: Soa> IntoIterator for &'a SoaVec<T> {
    type Item = T::Ref<'a>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Soa> IntoIterator for &'a mut SoaVec<T> {
    type Item = T::Mut<'a>;
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T: Soa> Extend<T> for SoaVec<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, rows: I) {
        let rows = rows.into_iter();
        self.reserve(rows.size_hint().0);
        for row in rows {
            self.push(row);
        }
    }
}

impl<T: Soa> FromIterator<T> for SoaVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        let mut vec = Self::new();
        vec.extend(rows);
        vec
    }
}

impl<T: Soa> Default for SoaVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Soa> Clone for SoaVec<T>
where
    T::Columns: Clone,
{
    fn clone(&self) -> Self {
        Self { columns: self.columns.clone(), len: self.len }
    }
}

impl<T: Soa> PartialEq for SoaVec<T>
where
    T::Columns: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns
    }
}

impl<T: Soa> Eq for SoaVec<T> where T::Columns: Eq {}

impl<T: Soa> fmt::Debug for SoaVec<T>
where
    T::Columns: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.columns.fmt(f)
    }
}

#[doc(hidden)]
pub mod generated {
    //! Names that the derive's output needs wherever it stands.
    pub use alloc::vec::Vec;
    pub use core;
}
