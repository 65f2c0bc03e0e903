//! Pools for what most programs pool: containers that are emptied when they come back, and keep their room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::RandomState;

use crate::arena::Arena;
use crate::pool::Pool;
use crate::recycle::Recycle;

/// The policy that makes empty containers, empties those that come back, and weighs their room. One that has
/// none is dropped.
///
/// Don't use it for containers that are mostly small: making a small one is about as fast.
///
/// ```
/// use spandrel_pool::{Cleared, StringPool};
/// static NAMES: StringPool = StringPool::new(Cleared);
/// NAMES.get().push_str("a name");
/// let name = NAMES.get();
/// assert!(name.is_empty() && name.capacity() >= 6);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleared;

/// Strings for reuse, by [`Cleared`].
///
/// ```
/// use spandrel_pool::{Cleared, StringPool};
/// let pool = StringPool::new(Cleared);
/// pool.get().push_str("a");
/// assert!(pool.get().is_empty());
/// ```
pub type StringPool = Pool<String, Cleared>;

/// Vectors for reuse, by [`Cleared`].
///
/// ```
/// use spandrel_pool::{Cleared, VecPool};
/// let pool: VecPool<u32> = VecPool::new(Cleared);
/// pool.get().extend(0..100);
/// assert!(pool.get().capacity() >= 100);
/// ```
pub type VecPool<T> = Pool<Vec<T>, Cleared>;

/// Queues for reuse, by [`Cleared`].
///
/// ```
/// use spandrel_pool::{Cleared, DequePool};
/// let pool: DequePool<u32> = DequePool::new(Cleared);
/// pool.get().push_front(1);
/// assert!(pool.get().is_empty());
/// ```
pub type DequePool<T> = Pool<VecDeque<T>, Cleared>;

/// Maps for reuse, by [`Cleared`]; a map keeps its hasher.
///
/// ```
/// use spandrel_pool::{Cleared, MapPool};
/// static COUNTS: MapPool<u32, u64> = MapPool::new(Cleared);
/// COUNTS.get().extend((0..100).map(|key| (key, 1)));
/// let counts = COUNTS.get();
/// assert!(counts.is_empty() && counts.capacity() >= 100);
/// ```
pub type MapPool<K, V, S = RandomState> = Pool<HashMap<K, V, S>, Cleared>;

/// Sets for reuse, by [`Cleared`]; a set keeps its hasher.
///
/// ```
/// use spandrel_pool::{Cleared, SetPool};
/// let pool: SetPool<u32> = SetPool::new(Cleared);
/// pool.get().insert(1);
/// assert!(pool.get().is_empty());
/// ```
pub type SetPool<T, S = RandomState> = Pool<HashSet<T, S>, Cleared>;

/// The policy for one container: its parameters, and the bytes of a place in it.
macro_rules! cleared {
    ([$($parameter:ident $(: $bound:ident)?),*] $type:ty, $place_bytes:expr) => {
        impl<$($parameter $(: $bound)?),*> Recycle<$type> for Cleared {
            fn make(&self) -> $type {
                Default::default()
            }

            #[inline]
            fn reset(&self, container: &mut $type) -> bool {
                container.clear();
                container.capacity() > 0
            }

            #[inline]
            fn weight_bytes(&self, container: &$type) -> usize {
                container.capacity() * $place_bytes
            }
        }
    };
}

cleared!([] String, 1);
cleared!([T] Vec<T>, size_of::<T>());
cleared!([T] VecDeque<T>, size_of::<T>());
// A place of a table has a byte of its hash beside it.
cleared!([K, V, S: Default] HashMap<K, V, S>, (size_of::<(K, V)>() + 1));
cleared!([T, S: Default] HashSet<T, S>, (size_of::<T>() + 1));

/// Arenas for reuse, by [`Cleared`]: one a request or a task. Each is reset when it comes back, and keeps
/// room for what its recent rounds needed.
///
/// ```
/// use spandrel_pool::{ArenaPool, Cleared};
/// static ARENAS: ArenaPool = ArenaPool::new(Cleared);
/// for request in ["a", "b"] {
///     let arena = ARENAS.get();
///     assert_eq!(arena.alloc_fmt(format_args!("{request}!")).len(), 2);
/// }
/// assert_eq!(ARENAS.stats().made, 1);
/// ```
pub type ArenaPool = Pool<Arena, Cleared>;

impl Recycle<Arena> for Cleared {
    fn make(&self) -> Arena {
        Arena::new()
    }

    #[inline]
    fn reset(&self, arena: &mut Arena) -> bool {
        arena.reset();
        arena.allocated_bytes() > 0
    }

    #[inline]
    fn weight_bytes(&self, arena: &Arena) -> usize {
        arena.allocated_bytes()
    }
}

/// Growing [`bytes`] buffers for reuse. Parts that were split off keep the memory: what comes back then has
/// room only when they are gone.
///
/// ```
/// use bytes::BufMut;
/// use spandrel_pool::{BytesMutPool, Cleared};
/// static BUFFERS: BytesMutPool = BytesMutPool::new(Cleared);
/// BUFFERS.get().put_slice(b"some bytes");
/// assert!(BUFFERS.get().capacity() >= 10);
/// ```
#[cfg(feature = "bytes")]
pub type BytesMutPool = Pool<bytes::BytesMut, Cleared>;

#[cfg(feature = "bytes")]
impl Recycle<bytes::BytesMut> for Cleared {
    fn make(&self) -> bytes::BytesMut {
        bytes::BytesMut::new()
    }

    #[inline]
    fn reset(&self, buffer: &mut bytes::BytesMut) -> bool {
        buffer.clear();
        // The room before it comes back too, if nobody else has a part of it.
        buffer.try_reclaim(buffer.capacity() + 1) || buffer.capacity() > 0
    }

    #[inline]
    fn weight_bytes(&self, buffer: &bytes::BytesMut) -> usize {
        buffer.capacity()
    }
}
