//! A string that grows in an arena.

use std::alloc::Layout;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use allocator_api2::alloc::{Allocator, Global};

use super::Arena;

/// The least room of a string that holds anything.
const ROOM_BYTES_MIN: usize = 16;

/// A string that grows in an [`Arena`]: in place, while it is the youngest block.
///
/// Don't use it for many strings that grow in turns: each that is overtaken leaves its former place behind.
///
/// ```
/// use spandrel_pool::{Arena, ArenaString};
/// use std::fmt::Write;
/// let arena = Arena::new();
/// let mut text = ArenaString::new_in(&arena);
/// text.push_str("7 * 6 = ");
/// write!(text, "{}", 7 * 6).unwrap();
/// let text: &str = text.into_str();
/// assert_eq!(text, "7 * 6 = 42");
/// ```
pub struct ArenaString<'a, A: Allocator = Global> {
    arena: &'a Arena<A>,
    place: NonNull<u8>,
    len: usize,
    room_bytes: usize,
}

impl<'a, A: Allocator> ArenaString<'a, A> {
    /// An empty string. Takes no room.
    ///
    /// ```
    /// let arena = spandrel_pool::Arena::new();
    /// assert!(spandrel_pool::ArenaString::new_in(&arena).is_empty());
    /// ```
    #[must_use]
    pub const fn new_in(arena: &'a Arena<A>) -> Self {
        Self { arena, place: NonNull::dangling(), len: 0, room_bytes: 0 }
    }

    /// An empty string with room for so many bytes.
    ///
    /// ```
    /// use spandrel_pool::{Arena, ArenaString};
    /// let arena = Arena::new();
    /// assert!(ArenaString::with_capacity_in(10, &arena).capacity() >= 10);
    /// ```
    #[must_use]
    pub fn with_capacity_in(bytes: usize, arena: &'a Arena<A>) -> Self {
        let mut text = Self::new_in(arena);
        if bytes > 0 {
            text.grow(bytes);
        }
        text
    }

    /// Bytes that fit without growth.
    ///
    /// ```
    /// use spandrel_pool::{Arena, ArenaString};
    /// let arena = Arena::new();
    /// let mut text = ArenaString::new_in(&arena);
    /// text.push('a');
    /// assert!(text.capacity() >= 1);
    /// ```
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.room_bytes
    }

    /// Appends a string.
    ///
    /// # Panics
    /// As [`Arena::alloc`].
    ///
    /// ```
    /// use spandrel_pool::{Arena, ArenaString};
    /// let arena = Arena::new();
    /// let mut text = ArenaString::new_in(&arena);
    /// text.push_str("ab");
    /// text.push_str("c");
    /// assert_eq!(&*text, "abc");
    /// ```
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        let len = self.len + text.len();
        if len > self.room_bytes {
            self.grow(text.len());
        }
        // SAFETY: there is room for so many bytes, in a block that is this string's alone.
        unsafe { self.place.add(self.len).copy_from_nonoverlapping(NonNull::from(text).cast(), text.len()) };
        self.len = len;
    }

    /// Appends a character.
    ///
    /// ```
    /// use spandrel_pool::{Arena, ArenaString};
    /// let arena = Arena::new();
    /// let mut text = ArenaString::new_in(&arena);
    /// "äb".chars().for_each(|c| text.push(c));
    /// assert_eq!(&*text, "äb");
    /// ```
    #[inline]
    pub fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        let needed = self.len.checked_add(more).expect("a string no longer than memory");
        let room = needed.max(self.room_bytes.saturating_mul(2)).max(ROOM_BYTES_MIN);
        let new = Layout::array::<u8>(room).expect("a string no longer than memory");
        // SAFETY: the block is this string's, with so much room; or it is none, and has none.
        let block = unsafe { self.arena.grow(self.place, self.layout(), new) };
        self.place = block.unwrap_or_else(|_| self.arena.out_of_memory(new)).cast();
        self.room_bytes = room;
    }

    fn layout(&self) -> Layout {
        Layout::array::<u8>(self.room_bytes).expect("it was a layout before")
    }

    /// The string as it is, for as long as the arena is lent. Gives back the room beyond, if it is the
    /// youngest block.
    ///
    /// ```
    /// use spandrel_pool::{Arena, ArenaString};
    /// let arena = Arena::new();
    /// let mut text = ArenaString::new_in(&arena);
    /// text.push_str("ab");
    /// let text: &str = text.into_str();
    /// assert_eq!(text, "ab");
    /// ```
    #[must_use]
    pub fn into_str(self) -> &'a mut str {
        let text = ManuallyDrop::new(self);
        if text.arena.is_youngest(text.place, text.layout()) {
            text.arena.next.set(text.place.as_ptr().wrapping_add(text.len));
        }
        // SAFETY: strings, one after the other, in a block that nobody else has, nor gives back.
        unsafe {
            let bytes = std::slice::from_raw_parts_mut(text.place.as_ptr(), text.len);
            std::str::from_utf8_unchecked_mut(bytes)
        }
    }
}

impl<A: Allocator> Drop for ArenaString<'_, A> {
    fn drop(&mut self) {
        self.arena.give_back(self.place, self.layout());
    }
}

impl<A: Allocator> Deref for ArenaString<'_, A> {
    type Target = str;
    fn deref(&self) -> &str {
        // SAFETY: strings, one after the other.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.place.as_ptr(), self.len)) }
    }
}

impl<A: Allocator> DerefMut for ArenaString<'_, A> {
    fn deref_mut(&mut self) -> &mut str {
        // SAFETY: strings, one after the other, in a block that is this string's alone.
        unsafe {
            let bytes = std::slice::from_raw_parts_mut(self.place.as_ptr(), self.len);
            std::str::from_utf8_unchecked_mut(bytes)
        }
    }
}

impl<A: Allocator> fmt::Write for ArenaString<'_, A> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }

    #[inline]
    fn write_char(&mut self, c: char) -> fmt::Result {
        self.push(c);
        Ok(())
    }
}

impl<A: Allocator> fmt::Debug for ArenaString<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<A: Allocator> fmt::Display for ArenaString<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
