//! The edges of an arena: nothing, much, strongly aligned, panicking.

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box as BoxIn;
use allocator_api2::vec::Vec as VecIn;
use spandrel_pool::{Arena, ArenaString, TryInitError};

use super::tracked::Tracked;

#[test]
fn nothing_takes_no_memory() {
    let arena = Arena::new();
    assert_eq!(*arena.alloc(()), ());
    assert_eq!(arena.alloc_str(""), "");
    assert!(arena.alloc_slice_copy::<u64>(&[]).is_empty());
    assert_eq!(arena.alloc_slice_fill_copy(1000, ()).len(), 1000);
    let layout = Layout::from_size_align(0, 1 << 20).expect("a layout");
    assert!(arena.alloc_layout(layout).addr().get().is_multiple_of(1 << 20));
    assert_eq!(arena.allocated_bytes(), 0);
}

#[test]
fn every_alignment_is_kept_in_small_and_new_chunks() {
    for shift in 0..16 {
        let arena = Arena::with_capacity(513);
        let layout = Layout::from_size_align(3, 1 << shift).expect("a layout");
        for _ in 0..50 {
            assert!(arena.alloc_layout(layout).addr().get().is_multiple_of(1 << shift));
            arena.alloc(1u8);
        }
    }
}

#[test]
fn chunks_are_whole_size_classes() {
    let tracked = Tracked::new();
    let arena = Arena::new_in(&tracked);
    let mut before = 0;
    for _ in 0..2000 {
        arena.alloc([0u8; 100]);
        let chunk = tracked.live_bytes.get() - before;
        before = tracked.live_bytes.get();
        let fits = chunk <= 32 << 10 && spandrel_classes::fit(chunk).waste_bytes == 0;
        assert!(fits || chunk.is_multiple_of(8192), "a chunk of {chunk} bytes");
    }
    assert!(tracked.calls.get() < 10, "chunks double");
}

#[test]
fn lengths_beyond_memory_are_refused() {
    let arena = Arena::new();
    assert!(arena.try_alloc_slice_fill_copy(usize::MAX, 1u64).is_err());
    assert!(arena.try_alloc_slice_fill_copy(isize::MAX as usize, 1u8).is_err());
    assert!(arena.try_alloc_slice_fill_default::<u16>(isize::MAX as usize).is_err());
    assert!(arena.try_alloc_slice_fill_with(usize::MAX / 8, |_| 1u64).is_err());
    assert!(arena.try_alloc_slice_fill_clone(usize::MAX, &1u16).is_err());
    arena.alloc(1u8);
    for align in [1, 16, 4096, 1 << 62] {
        let layout = Layout::from_size_align(isize::MAX as usize + 1 - align, align).expect("a layout");
        assert!(arena.try_alloc_layout(layout).is_err());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| arena.alloc_slice_fill_copy(usize::MAX, 1u64).len())).is_err());
    assert_eq!(*arena.alloc(7), 7);
}

#[test]
fn all_ways_in_give_the_same() {
    let arena = Arena::new();
    assert_eq!(arena.alloc_slice_clone(&[vec![1], vec![2, 3]]), [vec![1], vec![2, 3]]);
    assert_eq!(arena.alloc_slice_fill_iter((0..4).map(|n| n * n)), [0, 1, 4, 9]);
    assert_eq!(arena.try_alloc_slice_fill_iter([1, 2]).expect("memory"), [1, 2]);
    assert_eq!(arena.try_alloc_slice_clone(&["a"]).expect("memory"), ["a"]);
    assert_eq!(arena.try_alloc_with(|| 5), Ok(&mut 5));
    assert_eq!(arena.try_alloc_try_with(|| Ok::<_, ()>(5)), Ok(&mut 5));
    assert_eq!(arena.try_alloc_try_with(|| Err::<u8, _>(5)), Err(TryInitError::Init(5)));
    assert_eq!(arena.alloc_slice_try_fill_iter([Ok(1), Err("x"), Ok(2)]), Err("x"));
    assert_eq!(arena.alloc_slice_try_fill_iter([Ok::<_, ()>(1), Ok(2)]), Ok(&mut [1, 2][..]));
    assert_eq!(arena.alloc_fmt(format_args!("{:>5}|{}", 1, "é")), "    1|é");
}

#[test]
fn a_failure_gives_its_place_back() {
    let arena = Arena::with_capacity(1000);
    arena.alloc(1u64);
    let before = arena.chunk_capacity();
    assert!(arena.alloc_try_with(|| Err::<[u64; 9], u64>(1)).is_err());
    assert!(arena.alloc_slice_try_fill_with(9, |_| Err::<u64, u64>(1)).is_err());
    assert_eq!(arena.chunk_capacity(), before);
    let kept = arena.alloc_try_with(|| Err::<&u64, _>(arena.alloc(3u64))).expect_err("it fails");
    arena.alloc([9u64; 9]);
    assert_eq!(*kept, 3, "what the closure allocated stays");
}

#[test]
fn values_made_before_a_panic_are_dropped() {
    let (arena, shared) = (Arena::new(), Rc::new(()));
    let fill = |at| if at < 3 { Rc::clone(&shared) } else { panic!("the fourth") };
    assert!(catch_unwind(AssertUnwindSafe(|| arena.alloc_slice_fill_with(5, fill).len())).is_err());
    assert_eq!(Rc::strong_count(&shared), 1);
    let fill = |at| if at < 3 { Ok(Rc::clone(&shared)) } else { Err(at) };
    assert_eq!(arena.alloc_slice_try_fill_with(5, fill).expect_err("the fourth"), 3);
    assert_eq!(Rc::strong_count(&shared), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| *arena.alloc_with::<u8>(|| panic!("at once")))).is_err());
    assert_eq!(*arena.alloc(1), 1);
}

#[test]
fn an_iterator_that_lies_panics() {
    struct Liar;
    impl Iterator for Liar {
        type Item = u8;
        fn next(&mut self) -> Option<u8> {
            None
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (2, Some(2))
        }
    }
    impl ExactSizeIterator for Liar {}
    let arena = Arena::new();
    assert!(catch_unwind(AssertUnwindSafe(|| arena.alloc_slice_fill_iter(Liar).len())).is_err());
}

#[test]
fn the_youngest_block_grows_and_shrinks_in_place() {
    let arena = Arena::with_capacity(10_000);
    let mut inside = VecIn::with_capacity_in(1, &arena);
    inside.push(1u64);
    let place = inside.as_ptr();
    inside.extend(0..1000);
    inside.truncate(10);
    inside.shrink_to_fit();
    assert_eq!(inside.as_ptr(), place);
    assert_eq!(std::ptr::from_ref(arena.alloc(2u64)), place.wrapping_add(10));
    inside.push(3);
    assert_ne!(inside.as_ptr(), place, "it is not the youngest any more");
}

#[test]
fn boxes_in_an_arena_drop_and_give_back() {
    let (arena, shared) = (Arena::with_capacity(100), Rc::new(()));
    let before = arena.checkpoint();
    let inside = BoxIn::new_in(Rc::clone(&shared), &arena);
    assert_eq!(Rc::strong_count(&inside), 2);
    drop(inside);
    assert_eq!((Rc::strong_count(&shared), arena.checkpoint()), (1, before));
}

/// The contract of `Allocator` where layouts change their alignment, too.
#[test]
fn blocks_move_where_they_are_aligned() {
    let arena = Arena::with_capacity(1 << 16);
    let layout = |size, align| Layout::from_size_align(size, align).expect("a layout");
    arena.alloc(1u8);
    let block = (&arena).allocate(layout(3, 1)).expect("memory").cast::<u8>();
    // SAFETY: blocks of the layouts that they are said to have.
    unsafe {
        block.write_bytes(7, 3);
        let grown = (&arena).grow_zeroed(block, layout(3, 1), layout(100, 64)).expect("memory");
        assert!(grown.cast::<u8>().addr().get().is_multiple_of(64));
        assert_eq!(&grown.as_ref()[..4], [7, 7, 7, 0]);
        assert!(grown.as_ref()[3..].iter().all(|&byte| byte == 0));
        let shrunk = (&arena).shrink(grown.cast(), layout(100, 64), layout(2, 1024)).expect("memory");
        assert!(shrunk.cast::<u8>().addr().get().is_multiple_of(1024));
        assert_eq!(shrunk.as_ref(), [7, 7]);
        let empty = (&arena).allocate(layout(0, 8)).expect("nothing");
        let grown = (&arena).grow(empty.cast(), layout(0, 8), layout(8, 8)).expect("memory");
        (&arena).deallocate(grown.cast(), layout(8, 8));
        (&arena).deallocate(empty.cast(), layout(0, 8));
    }
}

#[test]
fn an_arena_may_be_sent() {
    let arena = Arena::new();
    arena.alloc(1);
    let arena = std::thread::spawn(move || {
        arena.alloc_str("there");
        arena
    });
    assert!(arena.join().expect("it ends").allocated_bytes() > 0);
}

#[test]
fn strings_grow_in_turns_and_alone() {
    use std::fmt::Write;
    let arena = Arena::new();
    let mut plain = [String::new(), String::new()];
    let mut inside = [ArenaString::new_in(&arena), ArenaString::with_capacity_in(3, &arena)];
    for at in 0..500 {
        let which = at / 7 % 2;
        write!(plain[which], "{at}ä").expect("it has room");
        write!(inside[which], "{at}ä").expect("it has room");
        plain[which].push('ß');
        inside[which].push('ß');
    }
    inside[0].make_ascii_uppercase();
    plain[0].make_ascii_uppercase();
    assert_eq!(format!("{}", inside[0]), plain[0]);
    let [first, second] = inside;
    let before = arena.checkpoint();
    let second = second.into_str();
    assert_eq!([&*first.into_str(), second], [&*plain[0], &*plain[1]]);
    assert!(arena.checkpoint() <= before);
    let before = arena.checkpoint();
    ArenaString::new_in(&arena).push_str("for a while");
    assert_eq!((arena.checkpoint(), &*ArenaString::new_in(&arena).into_str()), (before, ""));
}
