//! Atomics for shuttle: before each access the scheduler may let another thread go on.
//!
//! Shuttle's own atomics are larger than what they hold, and not made of zeros; these are the words
//! themselves, so that structures keep their layout. All threads of a model take turns on one thread of the
//! system, so the order that an access asks for makes no difference here: for that there is loom.

use core::sync::atomic::Ordering;

use shuttle_engine::runtime::thread::switch_if_not_stopping as switch;

/// Makes an atomic type over one of the standard library.
macro_rules! scheduled {
    ($name:ident $(<$generic:ident>)?, $value:ty) => {
        /// The standard library's, with a switch before each access.
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $name $(<$generic>)? (core::sync::atomic::$name $(<$generic>)?);

        #[allow(missing_docs)] // they are the standard library's
        impl $(<$generic>)? $name $(<$generic>)? {
            pub const fn new(value: $value) -> Self {
                Self(core::sync::atomic::$name::new(value))
            }

            pub const fn as_ptr(&self) -> *mut $value {
                self.0.as_ptr()
            }

            pub fn load(&self, order: Ordering) -> $value {
                switch();
                self.0.load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                switch();
                self.0.store(value, order);
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                switch();
                self.0.swap(value, order)
            }

            #[allow(clippy::missing_errors_doc)]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                switch();
                self.0.compare_exchange(current, new, success, failure)
            }

            #[allow(clippy::missing_errors_doc)]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
        }
    };
}

/// Adds what numbers can do besides.
macro_rules! scheduled_number {
    ($name:ident, $value:ty) => {
        scheduled!($name, $value);

        #[allow(missing_docs)]
        impl $name {
            pub fn fetch_add(&self, amount: $value, order: Ordering) -> $value {
                switch();
                self.0.fetch_add(amount, order)
            }

            pub fn fetch_sub(&self, amount: $value, order: Ordering) -> $value {
                switch();
                self.0.fetch_sub(amount, order)
            }
        }
    };
}

scheduled!(AtomicBool, bool);
scheduled!(AtomicPtr<T>, *mut T);
scheduled_number!(AtomicI32, i32);
scheduled_number!(AtomicU8, u8);
scheduled_number!(AtomicU16, u16);
scheduled_number!(AtomicU32, u32);
scheduled_number!(AtomicU64, u64);
scheduled_number!(AtomicUsize, usize);
