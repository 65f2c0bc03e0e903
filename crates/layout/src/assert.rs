//! Promises about a type that the Rust compiler checks.

/// The bytes of a type's fields, for [`assert_layout!`](crate::assert_layout); made by
/// [`fields!`](crate::fields).
pub trait Fields {
    /// The sum of the sizes of all fields.
    const FIELD_BYTES: usize;
}

#[doc(hidden)]
pub const fn field_bytes<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// The heap bytes of a value in a box, in Spandrel.
#[doc(hidden)]
#[must_use]
pub const fn class_bytes(bytes: usize, align: usize) -> usize {
    let class = spandrel_classes::class_of(bytes, align);
    match (bytes, class) {
        (0, _) => 0,
        (_, 0) => bytes.div_ceil(spandrel_classes::PAGE_BYTES) * spandrel_classes::PAGE_BYTES,
        _ => spandrel_classes::object_bytes(class),
    }
}

/// Says which fields a struct has, all of them, so that [`assert_layout!`](crate::assert_layout) can speak of
/// its padding.
///
/// ```
/// struct Node { next: u64, tag: u8 }
/// spandrel_layout::fields!(Node { next, tag });
/// assert_eq!(<Node as spandrel_layout::Fields>::FIELD_BYTES, 9);
/// ```
///
/// A field that is left out is an error:
///
/// ```compile_fail
/// struct Node { next: u64, tag: u8 }
/// spandrel_layout::fields!(Node { next });
/// ```
#[macro_export]
macro_rules! fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::Fields for $name {
            const FIELD_BYTES: usize = {
                // A pattern without `..` names every field.
                #[allow(dead_code)]
                fn all(value: &$name) {
                    let $name { $($field: _),* } = value;
                }
                0 $(+ $crate::field_bytes(|value: &$name| &value.$field))*
            };
        }
    };
}

/// Checks a type's layout when it is compiled.
///
/// `size`, `align`, `class` (the bytes of a box in Spandrel's heap) and `padding` are compared with a number
/// by `<=`, `<`, `==` or `=`; `one_line` says that the type fits a cache line. For `padding` the fields have
/// to be named, by [`fields!`](crate::fields) or behind the type.
///
/// ```
/// use spandrel_layout::assert_layout;
///
/// #[repr(C)]
/// struct Node { next: u64, key: u64, tag: u64 }
///
/// assert_layout!(Node, size <= 32, class = 24, align == 8, one_line);
/// assert_layout!(Node { next, key, tag }, padding = 0);
/// ```
///
/// ```compile_fail
/// #[repr(C)]
/// struct Padded { a: u8, b: u64 }
/// spandrel_layout::assert_layout!(Padded { a, b }, padding = 0);
/// ```
///
/// ```compile_fail
/// spandrel_layout::assert_layout!([u8; 33], class = 32);
/// ```
#[macro_export]
macro_rules! assert_layout {
    ($name:ident { $($field:ident),* $(,)? }, $($rest:tt)+) => {
        const _: () = {
            $crate::fields!($name { $($field),* });
            $crate::assert_layout!(@each $name, $($rest)+);
        };
    };
    (@each $kind:ty, $quantity:ident <= $bytes:expr $(, $($rest:tt)*)?) => {
        assert!(
            $crate::assert_layout!(@value $kind, $quantity) <= $bytes,
            concat!(stringify!($kind), ": ", stringify!($quantity), " <= ", stringify!($bytes), " is broken")
        );
        $($crate::assert_layout!(@each $kind, $($rest)*);)?
    };
    (@each $kind:ty, $quantity:ident < $bytes:expr $(, $($rest:tt)*)?) => {
        assert!(
            $crate::assert_layout!(@value $kind, $quantity) < $bytes,
            concat!(stringify!($kind), ": ", stringify!($quantity), " < ", stringify!($bytes), " is broken")
        );
        $($crate::assert_layout!(@each $kind, $($rest)*);)?
    };
    (@each $kind:ty, $quantity:ident == $bytes:expr $(, $($rest:tt)*)?) => {
        assert!(
            $crate::assert_layout!(@value $kind, $quantity) == $bytes,
            concat!(stringify!($kind), ": ", stringify!($quantity), " == ", stringify!($bytes), " is broken")
        );
        $($crate::assert_layout!(@each $kind, $($rest)*);)?
    };
    (@each $kind:ty, $quantity:ident = $bytes:expr $(, $($rest:tt)*)?) => {
        $crate::assert_layout!(@each $kind, $quantity == $bytes $(, $($rest)*)?);
    };
    (@each $kind:ty, one_line $(, $($rest:tt)*)?) => {
        assert!(size_of::<$kind>() <= 64, concat!(stringify!($kind), ": one_line is broken"));
        $($crate::assert_layout!(@each $kind, $($rest)*);)?
    };
    (@each $kind:ty,) => {};
    (@value $kind:ty, size) => { size_of::<$kind>() };
    (@value $kind:ty, align) => { align_of::<$kind>() };
    (@value $kind:ty, class) => { $crate::class_bytes(size_of::<$kind>(), align_of::<$kind>()) };
    (@value $kind:ty, padding) => { size_of::<$kind>() - <$kind as $crate::Fields>::FIELD_BYTES };
    ($kind:ty, $($rest:tt)+) => {
        const _: () = { $crate::assert_layout!(@each $kind, $($rest)+); };
    };
}
