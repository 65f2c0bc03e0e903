//! Any mix of operations on an arena against plain vectors: what was written stays, blocks are aligned and
//! don't overlap, and what was freed is all that is gone.

use std::alloc::Layout;
use std::mem::MaybeUninit;

use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof};
use spandrel_pool::{Arena, Checkpoint};

use super::tracked::Tracked;

#[derive(Clone, Debug)]
enum Op {
    Byte(u8),
    Word(u64),
    Wide(u128),
    Text(String),
    Halves(Vec<u16>),
    Format(u32, String),
    Layout { size: usize, align: usize },
    Fails { allocates: bool },
    Checkpoint,
    Rewind(usize),
    Reset,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let layout = (0usize..3000, 0u32..13).prop_map(|(size, shift)| Op::Layout { size, align: 1 << shift });
    let op = prop_oneof![
        8 => any::<u8>().prop_map(Op::Byte),
        8 => any::<u64>().prop_map(Op::Word),
        4 => any::<u128>().prop_map(Op::Wide),
        4 => (0usize..40).prop_map(|len| Op::Text("aä".repeat(len))),
        4 => collection::vec(any::<u16>(), 0..200).prop_map(Op::Halves),
        4 => (any::<u32>(), 0usize..90).prop_map(|(number, len)| Op::Format(number, "b".repeat(len))),
        8 => layout,
        3 => any::<bool>().prop_map(|allocates| Op::Fails { allocates }),
        2 => Just(Op::Checkpoint),
        2 => any::<usize>().prop_map(Op::Rewind),
        1 => Just(Op::Reset),
    ];
    collection::vec(op, 0..150)
}

/// A block and what was written into it.
struct Written {
    place: *const u8,
    align: usize,
    bytes: Vec<u8>,
}

fn written<T: Copy>(values: &[T]) -> Written {
    let bytes = size_of_val(values);
    let place = values.as_ptr().cast::<u8>();
    // SAFETY: integers have no padding.
    let bytes = unsafe { std::slice::from_raw_parts(place, bytes) }.to_vec();
    Written { place, align: align_of::<T>(), bytes }
}

fn perform(arena: &Arena<&Tracked>, op: &Op) -> Option<Written> {
    Some(match op {
        Op::Byte(value) => written(std::slice::from_ref(arena.alloc(*value))),
        Op::Word(value) => {
            let place = arena.alloc_with(|| *value);
            written(std::slice::from_ref(place))
        }
        Op::Wide(value) => {
            let place = arena.alloc_try_with(|| Ok::<_, ()>(*value)).expect("it does not fail");
            written(std::slice::from_ref(place))
        }
        Op::Text(text) => written(arena.alloc_str(text).as_bytes()),
        Op::Halves(values) => written(arena.alloc_slice_copy(values)),
        Op::Format(number, text) => {
            let formatted = arena.alloc_fmt(format_args!("{number} {text} {number:>20}"));
            assert_eq!(*formatted, format!("{number} {text} {number:>20}"));
            written(formatted.as_bytes())
        }
        Op::Layout { size, align } => {
            let layout = Layout::from_size_align(*size, *align).expect("a layout");
            let place = arena.alloc_layout(layout);
            // SAFETY: a fresh block of the layout.
            let block =
                unsafe { std::slice::from_raw_parts_mut(place.as_ptr().cast::<MaybeUninit<u8>>(), *size) };
            block.iter_mut().enumerate().for_each(|(at, byte)| {
                byte.write(at as u8 ^ 0x5a);
            });
            // SAFETY: all of it was just written.
            let bytes = unsafe { &*(std::ptr::from_ref::<[MaybeUninit<u8>]>(block) as *const [u8]) };
            Written { align: *align, ..written(bytes) }
        }
        Op::Fails { allocates } => {
            let failed = arena.alloc_try_with(|| {
                if *allocates {
                    arena.alloc(1u8);
                }
                Err::<[u64; 4], String>("no".into())
            });
            assert_eq!(failed.expect_err("it fails"), "no");
            let failed = arena.alloc_slice_try_fill_with(7, |at| if at < 5 { Ok(vec![at]) } else { Err(at) });
            assert_eq!(failed.expect_err("it fails"), 5);
            return None;
        }
        Op::Checkpoint | Op::Rewind(_) | Op::Reset => unreachable!("for the arena alone"),
    })
}

impl Written {
    fn holds(&self) -> bool {
        // SAFETY: the block is alive, by the model.
        let bytes = unsafe { std::slice::from_raw_parts(self.place, self.bytes.len()) };
        bytes == self.bytes && self.place.addr().is_multiple_of(self.align)
    }
}

proptest! {
    #[test]
    fn an_arena_does_what_vectors_would(ops in ops()) {
        let tracked = Tracked::new();
        let mut arena = Arena::new_in(&tracked);
        let mut alive: Vec<Written> = Vec::new();
        let mut checkpoints: Vec<(Checkpoint, usize)> = Vec::new();
        for op in ops {
            match &op {
                Op::Checkpoint => checkpoints.push((arena.checkpoint(), alive.len())),
                Op::Rewind(at) => {
                    if !checkpoints.is_empty() {
                        let (checkpoint, len) = checkpoints[at % checkpoints.len()];
                        checkpoints.truncate(at % checkpoints.len());
                        arena.rewind(checkpoint);
                        alive.truncate(len);
                    }
                }
                Op::Reset => {
                    arena.reset();
                    alive.clear();
                    checkpoints.clear();
                    prop_assert!(arena.iter_allocated_chunks().count() <= 1);
                }
                _ => alive.extend(perform(&arena, &op)),
            }
            prop_assert_eq!(arena.allocated_bytes(), tracked.live_bytes.get());
        }
        for block in &alive {
            prop_assert!(block.holds());
        }
        let range = |block: &Written| (block.place.addr(), block.bytes.len());
        let mut places: Vec<_> = alive.iter().map(range).filter(|&(_, len)| len > 0).collect();
        places.sort_unstable();
        for pair in places.windows(2) {
            prop_assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{:?} overlap", pair);
        }
        let chunks: Vec<_> =
            arena.iter_allocated_chunks().map(|chunk| (chunk.as_ptr().addr(), chunk.len())).collect();
        for &(place, len) in &places {
            prop_assert!(chunks.iter().any(|&(begin, used)| begin <= place && place + len <= begin + used));
        }
        drop(arena);
        prop_assert_eq!(tracked.live_bytes.get(), 0);
    }

    /// Vectors in an arena, several growing and shrinking in turn, hold what plain ones do.
    #[test]
    fn vectors_grow_in_an_arena(pushes in collection::vec((0usize..4, any::<u32>()), 0..2000)) {
        let arena = Arena::new();
        let mut plain = vec![Vec::new(); 4];
        let mut inside: Vec<_> = (0..4).map(|_| allocator_api2::vec::Vec::new_in(&arena)).collect();
        for (at, value) in pushes {
            plain[at].push(value);
            inside[at].push(value);
            if value % 16 == 0 {
                plain[at] = Vec::new();
                inside[at] = allocator_api2::vec::Vec::new_in(&arena);
            } else if value % 16 == 1 {
                plain[at].truncate(3);
                inside[at].truncate(3);
                inside[at].shrink_to_fit();
            }
        }
        for (plain, inside) in plain.iter().zip(&inside) {
            prop_assert_eq!(plain.as_slice(), inside.as_slice());
        }
    }

    /// A table in an arena finds what a plain one does.
    #[test]
    fn tables_grow_in_an_arena(entries in collection::vec(any::<(u16, u64)>(), 0..1000)) {
        let arena = Arena::new();
        let mut plain = std::collections::HashMap::new();
        let mut inside = hashbrown::HashMap::new_in(&arena);
        for (key, value) in entries {
            prop_assert_eq!(plain.insert(key, value), inside.insert(key, value));
            if value % 4 == 0 {
                prop_assert_eq!(plain.remove(&key), inside.remove(&key));
            }
        }
        prop_assert_eq!(plain.len(), inside.len());
        prop_assert!(plain.iter().all(|(key, value)| inside.get(key) == Some(value)));
    }
}
