//! Slices and strings: copied in, or filled in place.
//!
//! Values that a filling closure has made are dropped if it fails or panics before the last one.

use std::alloc::Layout;
use std::convert::Infallible;
use std::fmt;
use std::ptr::{self, NonNull};
use std::slice;

use allocator_api2::alloc::{AllocError, Allocator};

use super::{Arena, ArenaString, TryInitError};

/// The values that were made so far, in a place for more.
struct Filled<T> {
    place: NonNull<T>,
    len: usize,
}

impl<T> Filled<T> {
    /// # Safety
    /// The place is the caller's, for `len` values, while `self` and the result are alive; it is empty.
    #[inline(always)]
    unsafe fn fill<'a, E>(
        mut self,
        len: usize,
        mut make: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<&'a mut [T], E> {
        while self.len < len {
            let value = make(self.len)?;
            // SAFETY: there is room for `len` values.
            unsafe { self.place.add(self.len).write(value) };
            self.len += 1;
        }
        let place = self.place;
        std::mem::forget(self);
        // SAFETY: `len` values were made, in a place that is the caller's.
        Ok(unsafe { slice::from_raw_parts_mut(place.as_ptr(), len) })
    }
}

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        // SAFETY: so many values were made here, and nobody has them.
        unsafe { ptr::slice_from_raw_parts_mut(self.place.as_ptr(), self.len).drop_in_place() };
    }
}

/// # Safety
/// The place is the caller's for `'a`, for `len` values.
#[inline(always)]
unsafe fn fill<'a, T>(place: NonNull<T>, len: usize, mut make: impl FnMut(usize) -> T) -> &'a mut [T] {
    // SAFETY: the caller's promise.
    let filled = unsafe { Filled { place, len: 0 }.fill(len, |index| Ok::<T, Infallible>(make(index))) };
    match filled {
        Ok(values) => values,
        Err(never) => match never {},
    }
}

/// # Safety
/// The place is the caller's for `'a`, as long as the slice.
#[inline(always)]
unsafe fn copy<'a, T: Copy>(place: NonNull<T>, values: &[T]) -> &'a mut [T] {
    // SAFETY: by the caller's promise the two don't overlap, and nothing else refers to the place.
    unsafe {
        ptr::copy_nonoverlapping(values.as_ptr(), place.as_ptr(), values.len());
        slice::from_raw_parts_mut(place.as_ptr(), values.len())
    }
}

/// # Safety
/// The place is the caller's for `'a`, as long as the slice.
#[inline(always)]
unsafe fn clone<'a, T: Clone>(place: NonNull<T>, values: &[T]) -> &'a mut [T] {
    if std::mem::needs_drop::<T>() {
        // SAFETY: the caller's promise.
        return unsafe { fill(place, values.len(), |index| values[index].clone()) };
    }
    // What needs no destructor needs no account of what was made; the loop becomes a copy where it can.
    for (index, value) in values.iter().enumerate() {
        // SAFETY: the place is as long as the slice.
        unsafe { place.add(index).write(value.clone()) };
    }
    // SAFETY: all values were made, in a place that is the caller's.
    unsafe { slice::from_raw_parts_mut(place.as_ptr(), values.len()) }
}

/// Gives the iterator's next value, whatever the index.
#[inline(always)]
fn each<T>(mut values: impl Iterator<Item = T>) -> impl FnMut(usize) -> T {
    move |_| values.next().expect("an iterator as long as it says")
}

impl<A: Allocator> Arena<A> {
    #[inline(always)]
    fn place<T>(&self, len: usize) -> NonNull<T> {
        let layout = Layout::array::<T>(len).expect("a slice no longer than memory");
        self.alloc_layout(layout).cast()
    }

    #[inline(always)]
    fn try_place<T>(&self, len: usize) -> Result<NonNull<T>, AllocError> {
        let layout = Layout::array::<T>(len).map_err(|_| AllocError)?;
        Ok(self.try_alloc_layout(layout)?.cast())
    }

    /// Copies a slice in.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_copy(&[1, 2, 3]), [1, 2, 3]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { copy(self.alloc_layout(Layout::for_value(values)).cast(), values) }
    }

    /// As `alloc_slice_copy`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_slice_copy(&[1, 2, 3]), Ok(&mut [1, 2, 3][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_copy<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { copy(self.try_alloc_layout(Layout::for_value(values))?.cast(), values) })
    }

    /// Clones a slice in.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_clone(&[vec![1], vec![]]), [vec![1], vec![]]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_clone<T: Clone>(&self, values: &[T]) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { clone(self.alloc_layout(Layout::for_value(values)).cast(), values) }
    }

    /// As `alloc_slice_clone`, but tells when there is no memory.
    ///
    /// ```
    /// assert!(spandrel_pool::Arena::new().try_alloc_slice_clone(&[vec![1], vec![]]).is_ok());
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_clone<T: Clone>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { clone(self.try_alloc_layout(Layout::for_value(values))?.cast(), values) })
    }

    /// A slice whose values a closure makes from their indices.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_fill_with(3, |index| 2 * index), [0, 2, 4]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_fill_with<T>(&self, len: usize, make: impl FnMut(usize) -> T) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { fill(self.place(len), len, make) }
    }

    /// As `alloc_slice_fill_with`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_slice_fill_with(3, |index| 2 * index), Ok(&mut [0, 2,
    /// 4][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_fill_with<T>(
        &self,
        len: usize,
        make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { fill(self.try_place(len)?, len, make) })
    }

    /// A slice of copies of a value.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_fill_copy(3, 7), [7, 7, 7]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_fill_copy<T: Copy>(&self, len: usize, value: T) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { fill(self.place(len), len, |_| value) }
    }

    /// As `alloc_slice_fill_copy`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_slice_fill_copy(3, 7), Ok(&mut [7, 7, 7][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_fill_copy<T: Copy>(&self, len: usize, value: T) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { fill(self.try_place(len)?, len, |_| value) })
    }

    /// A slice of clones of a value.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_fill_clone(2, &"x"), ["x", "x"]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_fill_clone<T: Clone>(&self, len: usize, value: &T) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { fill(self.place(len), len, |_| value.clone()) }
    }

    /// As `alloc_slice_fill_clone`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_slice_fill_clone(2, &"x"), Ok(&mut ["x", "x"][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_fill_clone<T: Clone>(
        &self,
        len: usize,
        value: &T,
    ) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { fill(self.try_place(len)?, len, |_| value.clone()) })
    }

    /// A slice of default values.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_fill_default::<u8>(2), [0, 0]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_fill_default<T: Default>(&self, len: usize) -> &mut [T] {
        // SAFETY: fresh memory for so many values.
        unsafe { fill(self.place(len), len, |_| T::default()) }
    }

    /// As `alloc_slice_fill_default`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_slice_fill_default::<u8>(2), Ok(&mut [0, 0][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_fill_default<T: Default>(&self, len: usize) -> Result<&mut [T], AllocError> {
        // SAFETY: fresh memory for so many values.
        Ok(unsafe { fill(self.try_place(len)?, len, |_| T::default()) })
    }

    /// A slice of all values of an iterator.
    ///
    /// # Panics
    /// If the iterator is shorter than it says.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_slice_fill_iter([1, 2].map(|n| n * n)), [1, 4]);
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_fill_iter<T, I>(&self, values: I) -> &mut [T]
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        self.alloc_slice_fill_with(values.len(), each(values))
    }

    /// As `alloc_slice_fill_iter`, but tells when there is no memory.
    ///
    /// # Panics
    /// If the iterator is shorter than it says.
    ///
    /// ```
    /// assert!(spandrel_pool::Arena::new().try_alloc_slice_fill_iter([1, 2]).is_ok());
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_fill_iter<T, I>(&self, values: I) -> Result<&mut [T], AllocError>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        self.try_alloc_slice_fill_with(values.len(), each(values))
    }

    /// A slice whose values a closure makes that may fail. After a failure the values made so far are
    /// dropped, and the place goes back, unless the closure has allocated here too.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// let digits = ["1", "x"];
    /// assert!(arena.alloc_slice_try_fill_with(2, |index| digits[index].parse::<u8>()).is_err());
    /// assert_eq!(arena.alloc_slice_try_fill_with(1, |index| digits[index].parse::<u8>()), Ok(&mut [1][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_try_fill_with<T, E>(
        &self,
        len: usize,
        make: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<&mut [T], E> {
        let place = self.place(len);
        // SAFETY: fresh memory for so many values.
        unsafe { self.fill_or_give_back_slice(place, len, make) }
    }

    /// As `alloc_slice_try_fill_with`, but tells when there is no memory; the closure doesn't run then.
    ///
    /// ```
    /// use spandrel_pool::{Arena, TryInitError};
    /// let fails = |_| Err::<u8, _>("no");
    /// assert_eq!(Arena::new().try_alloc_slice_try_fill_with(2, fails), Err(TryInitError::Init("no")));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_slice_try_fill_with<T, E>(
        &self,
        len: usize,
        make: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<&mut [T], TryInitError<E>> {
        let place = self.try_place(len).map_err(TryInitError::Alloc)?;
        // SAFETY: fresh memory for so many values.
        unsafe { self.fill_or_give_back_slice(place, len, make) }.map_err(TryInitError::Init)
    }

    /// A slice of all values of an iterator of results, or the first failure.
    ///
    /// # Panics
    /// If the iterator is shorter than it says.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// assert_eq!(arena.alloc_slice_try_fill_iter([Ok(1), Err("no")]), Err("no"));
    /// assert_eq!(arena.alloc_slice_try_fill_iter([Ok::<_, ()>(1), Ok(2)]), Ok(&mut [1, 2][..]));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_slice_try_fill_iter<T, E, I>(&self, values: I) -> Result<&mut [T], E>
    where
        I: IntoIterator<Item = Result<T, E>, IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        self.alloc_slice_try_fill_with(values.len(), each(values))
    }

    /// # Safety
    /// The place is the caller's, for `len` values, for as long as the arena is lent.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the place is the caller's")]
    unsafe fn fill_or_give_back_slice<T, E>(
        &self,
        place: NonNull<T>,
        len: usize,
        make: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<&mut [T], E> {
        // SAFETY: the caller's promise.
        let filled = unsafe { Filled { place, len: 0 }.fill(len, make) };
        if filled.is_err() {
            self.give_back(place.cast(), Layout::array::<T>(len).expect("it was a layout before"));
        }
        filled
    }

    /// Copies a string in.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().alloc_str("a"), "a");
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_str(&self, text: &str) -> &mut str {
        let bytes = self.alloc_slice_copy(text.as_bytes());
        // SAFETY: a copy of the bytes of a string.
        unsafe { std::str::from_utf8_unchecked_mut(bytes) }
    }

    /// As `alloc_str`, but tells when there is no memory.
    ///
    /// ```
    /// assert_eq!(spandrel_pool::Arena::new().try_alloc_str("a").as_deref(), Ok("a"));
    /// ```
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn try_alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.try_alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of the bytes of a string.
        Ok(unsafe { std::str::from_utf8_unchecked_mut(bytes) })
    }

    /// Formats into the arena, in one piece that grows in place.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// assert_eq!(arena.alloc_fmt(format_args!("{}-{}", 1, 2)), "1-2");
    /// ```
    #[allow(clippy::mut_from_ref, reason = "each call gives other memory")]
    pub fn alloc_fmt(&self, text: fmt::Arguments<'_>) -> &mut str {
        let mut written = ArenaString::new_in(self);
        fmt::Write::write_fmt(&mut written, text).expect("what is formatted does not fail");
        written.into_str()
    }
}
