//! Buffers: zeros are zeros whoever wrote there before, sites learn, ready pools empty what they hold.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_pool::{
    ArenaPool, BufPool, CallSite, Cleared, DequePool, Limits, MapPool, SetPool, StringPool, VecPool,
    ZeroedBuf,
};

/// A reader that writes so many bytes and says so.
struct Sevens(usize);

impl Read for Sevens {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.min(buffer.len());
        buffer[..len].fill(7);
        Ok(len)
    }
}

/// A reader that writes everything and fails.
struct Fails;

impl Read for Fails {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(7);
        Err(io::ErrorKind::Other.into())
    }
}

proptest! {
    /// Each buffer starts as zeros and holds what was written, whatever its predecessors did.
    #[test]
    fn zeros_are_zeros(uses in collection::vec((0usize..9000, 0usize..9000, 0u8..4), 1..200)) {
        let pool = BufPool::new();
        let mut held: Vec<ZeroedBuf<'_>> = Vec::new();
        for (len, written, how) in uses {
            let mut buffer = pool.get_zeroed(len);
            prop_assert_eq!(buffer.len(), len);
            prop_assert!(buffer.iter().all(|&byte| byte == 0));
            let written = written.min(len);
            match how {
                0 => buffer.prefix_mut(written).fill(7),
                1 => prop_assert_eq!(buffer.read_from(Sevens(written)).expect("it does not fail"), written),
                2 => prop_assert!(buffer.read_from(Fails).is_err()),
                _ => {}
            }
            if how < 2 {
                prop_assert!(buffer[..written].iter().all(|&byte| byte == 7));
                prop_assert!(buffer[written..].iter().all(|&byte| byte == 0));
            }
            held.push(buffer);
            if held.len() > 3 {
                drop(held.remove(len % 3));
            }
        }
    }

    /// Appended buffers hold what plain vectors do.
    #[test]
    fn buffers_are_vectors(
        parts in collection::vec((0usize..100_000, collection::vec(any::<u8>(), 0..300)), 0..60),
    ) {
        let pool = BufPool::new();
        for (capacity, part) in parts {
            let mut buffer = pool.get(capacity);
            prop_assert!(buffer.is_empty() && buffer.capacity() >= capacity);
            buffer.extend_from_slice(&part);
            prop_assert_eq!(&**buffer, &*part);
        }
    }
}

#[test]
fn no_prefix_is_longer_than_its_buffer() {
    let pool = BufPool::new();
    drop(pool.get_zeroed(100));
    let mut buffer = pool.get_zeroed(97);
    assert!(catch_unwind(AssertUnwindSafe(|| buffer.prefix_mut(98).len())).is_err());
}

#[test]
fn a_reader_that_lies_or_panics_leaves_no_bytes_behind() {
    struct Liar;
    impl Read for Liar {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(7);
            Ok(buffer.len() + 1)
        }
    }
    let pool = BufPool::new();
    let mut buffer = pool.get_zeroed(100);
    assert!(catch_unwind(AssertUnwindSafe(|| buffer.read_from(Liar).is_ok())).is_err());
    drop(buffer);
    assert!(pool.get_zeroed(100).iter().all(|&byte| byte == 0));
}

#[test]
fn long_buffers_have_steps_too() {
    let pool = BufPool::new();
    for len in [40_000, 200_000, 1 << 20] {
        let place = pool.get(len).as_ptr();
        assert_eq!(pool.get(len - 100).as_ptr(), place, "{len}");
        drop(pool.get_zeroed(len));
        assert_eq!(pool.get_zeroed(len).zeroed_bytes(), 0);
    }
    drop(pool.get((1 << 20) + 1));
    assert_eq!(pool.stats().next().map(|giants| giants.dropped_giant), Some(1));
}

#[test]
fn a_write_after_return_is_noticed() {
    let pool = BufPool::with(Limits::new().debug(true));
    let mut buffer = pool.get(100);
    buffer.push(1);
    let place = buffer.as_mut_ptr();
    drop(buffer);
    assert_eq!(pool.get(100).as_ptr(), place);
    // SAFETY: the pool has the buffer, and its memory, still.
    unsafe { place.add(50).write(7) };
    assert!(catch_unwind(AssertUnwindSafe(|| pool.get(100).len())).is_err());
}

#[test]
fn a_site_learns_and_other_buffers_teach_it_nothing() {
    static SITE: CallSite = CallSite::new();
    let pool = BufPool::new();
    pool.get(5000).extend_from_slice(&[7; 5000]);
    assert_eq!(SITE.wanted_bytes(), 8);
    pool.get_at(&SITE).extend_from_slice(&[7; 3000]);
    assert_eq!(SITE.wanted_bytes(), 3072);
    assert_eq!(pool.get_at(&SITE).capacity(), 3072);
}

#[test]
fn ready_pools_empty_what_they_keep() {
    let strings = StringPool::new(Cleared);
    strings.get().push('a');
    assert!(strings.get().is_empty());
    let vecs: VecPool<u32> = VecPool::new(Cleared);
    vecs.get().extend(0..100);
    let deques: DequePool<u32> = DequePool::new(Cleared);
    deques.get().extend(0..100);
    let maps: MapPool<u32, u32> = MapPool::new(Cleared);
    maps.get().insert(1, 2);
    let sets: SetPool<u32> = SetPool::new(Cleared);
    sets.get().insert(1);
    let (vec, deque, map, set) = (vecs.get(), deques.get(), maps.get(), sets.get());
    assert!(vec.is_empty() && deque.is_empty() && map.is_empty() && set.is_empty());
    assert!(vec.capacity() >= 100 && deque.capacity() >= 100 && map.capacity() > 0 && set.capacity() > 0);
    drop(strings.get());
    let unused = StringPool::new(Cleared);
    drop(unused.get());
    assert_eq!(unused.stats().dropped_invalid, 1, "what has no room is not worth keeping");
}

#[test]
fn arenas_come_back_reset_and_drop_what_is_due() {
    let (pool, shared) = (ArenaPool::new(Cleared), Arc::new(()));
    let arena = pool.get();
    arena.alloc_drop(Arc::clone(&shared));
    arena.alloc([0u8; 10_000]);
    let bytes = arena.allocated_bytes();
    drop(arena);
    assert_eq!(Arc::strong_count(&shared), 1);
    let again = pool.get();
    assert!(again.chunk_capacity() > 10_000 && again.allocated_bytes() <= bytes);
    drop(again);
    assert_eq!((pool.stats().made, pool.stats().dropped_invalid), (1, 0));
    drop(pool.get());
}

#[cfg(feature = "bytes")]
mod with_bytes {
    use bytes::BufMut;
    use spandrel_pool::{BufPool, BytesMutPool, Cleared};

    #[test]
    fn frozen_buffers_come_back_from_another_thread() {
        static POOL: BufPool = BufPool::new();
        let mut buffer = POOL.get(1000);
        buffer.extend_from_slice(&[7; 1000]);
        let bytes = buffer.freeze();
        let shares: Vec<_> = (0..4).map(|at| bytes.slice(at * 250..(at + 1) * 250)).collect();
        drop(bytes);
        let threads =
            shares.into_iter().map(|share| std::thread::spawn(move || assert_eq!(share, [7; 250][..])));
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().expect("it holds"));
        let counts =
            || POOL.stats().fold((0, 0), |sum, stats| (sum.0 + stats.made, sum.1 + stats.idle_items));
        assert_eq!(counts(), (1, 1));
    }

    #[test]
    fn buffers_whose_parts_are_gone_have_their_room_again() {
        let pool = BytesMutPool::new(Cleared);
        let mut buffer = pool.get();
        buffer.put_slice(&[7; 1000]);
        let part = buffer.split_to(900);
        drop(part);
        drop(buffer);
        assert!(pool.get().capacity() >= 1000);
        let mut buffer = pool.get();
        buffer.put_slice(&[7; 1000]);
        let part = buffer.split().freeze();
        drop(buffer);
        assert_eq!(part, [7; 1000][..], "what was split off is not touched");
    }
}
