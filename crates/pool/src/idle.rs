//! An object that lies idle; in a pool with [`Limits::debug`](crate::Limits::debug), out of reach.
//!
//! There the value moves aside and its place is filled with a pattern, so that whoever kept a raw pointer
//! beyond the guard writes to the pattern, not to the value. The pattern is looked at when the value moves
//! back or is dropped. So that a pointer finds out whatever the type is, no bytes of the value itself are
//! changed, but for those that hold nothing (`Recycle::idle_bytes`).

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// What idle bytes hold.
const PATTERN: u8 = 0xa5;

/// An idle object.
#[derive(Debug)]
pub(crate) enum Idle<T> {
    Plain(Box<T>),
    Aside(Box<Aside<T>>),
}

impl<T> Idle<T> {
    /// The object, for use; in a pool that checks, with what was found.
    pub(crate) fn wake(self) -> (Box<T>, Option<Overwritten>) {
        match self {
            Self::Plain(object) => (object, None),
            Self::Aside(mut aside) => aside.put_back().expect("an object that lies aside is put back once"),
        }
    }

    /// The object of a pool that has magazines, and so doesn't check.
    pub(crate) fn plain(self) -> Box<T> {
        self.wake().0
    }
}

/// A value, and its place, which holds the pattern meanwhile.
#[derive(Debug)]
pub(crate) struct Aside<T> {
    /// From a box; `None` once the value is back there.
    place: Option<NonNull<T>>,
    value: Box<MaybeUninit<T>>,
    /// Bytes that the value owns elsewhere, as many as were filled.
    spare: (*mut u8, usize),
}

// SAFETY: the value moves to the other thread, with its place and what it owns.
unsafe impl<T: Send> Send for Aside<T> {}

/// An object was written to while it was idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overwritten {
    byte: usize,
    bytes: usize,
    is_spare: bool,
}

impl fmt::Display for Overwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.is_spare { "its idle bytes" } else { "the object" };
        let Self { byte, bytes, .. } = self;
        write!(f, "an object was written to after it was given back: byte {byte} of {bytes} of {of}")
    }
}

impl<T> Aside<T> {
    /// Moves the value of `object` aside. `idle_bytes` says which of its bytes hold nothing.
    pub(crate) fn new(
        mut object: Box<T>,
        idle_bytes: impl FnOnce(&mut T) -> &mut [MaybeUninit<u8>],
    ) -> Box<Self> {
        let spare = idle_bytes(&mut object);
        let spare = (spare.as_mut_ptr().cast::<u8>(), spare.len());
        let place = NonNull::from(Box::leak(object));
        let mut value = Box::new_uninit();
        let is_inside = place.cast::<u8>().as_ptr().addr() <= spare.0.addr()
            && spare.0.addr() < place.as_ptr().addr() + size_of::<T>();
        // What lies within the object is covered by its place.
        let spare = if is_inside { (ptr::null_mut(), 0) } else { spare };
        // SAFETY: the bytes were lent for writing, and what lends them is the object, which nobody has
        // but us. The value is copied as bytes to a place of its size, and not used in the old one until
        // it is copied back.
        unsafe {
            spare.0.write_bytes(PATTERN, spare.1);
            ptr::copy_nonoverlapping(place.as_ptr(), value.as_mut_ptr(), 1);
            place.cast::<u8>().as_ptr().write_bytes(PATTERN, size_of::<T>());
        }
        Box::new(Self { place: Some(place), value, spare })
    }

    /// Moves the value back. `None` if it is there already.
    fn put_back(&mut self) -> Option<(Box<T>, Option<Overwritten>)> {
        let place = self.place.take()?;
        // SAFETY: `new` has filled all these bytes. They belong to the object, whose value nobody has used
        // since, so nothing has freed or lent them; the place came from a box, and gets back its value.
        unsafe {
            let at = first_other(place.as_ptr().cast(), size_of::<T>());
            let object = at.map(|byte| Overwritten { byte, bytes: size_of::<T>(), is_spare: false });
            let at = first_other(self.spare.0, self.spare.1);
            let spare = at.map(|byte| Overwritten { byte, bytes: self.spare.1, is_spare: true });
            ptr::copy_nonoverlapping(self.value.as_ptr(), place.as_ptr(), 1);
            Some((Box::from_raw(place.as_ptr()), object.or(spare)))
        }
    }
}

/// The first byte that isn't the pattern.
///
/// # Safety
/// So many bytes at `first` may be read and were written.
unsafe fn first_other(first: *const u8, bytes: usize) -> Option<usize> {
    // SAFETY: the caller's promise.
    (0..bytes).find(|at| unsafe { first.add(*at).read_volatile() } != PATTERN)
}

impl<T> Drop for Aside<T> {
    fn drop(&mut self) {
        let Some((object, overwritten)) = self.put_back() else { return };
        drop(object);
        match overwritten {
            Some(overwritten) if std::thread::panicking() => eprintln!("spandrel-pool: {overwritten}"),
            Some(overwritten) => panic!("{overwritten}"),
            None => {}
        }
    }
}
