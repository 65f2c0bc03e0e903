//! What an arena holds must not outlive a rewind, in whatever container.

use allocator_api2::vec::Vec;
use spandrel_pool::Arena;

fn main() {
    let mut arena = Arena::new();
    let before = arena.checkpoint();
    let kept = Vec::<u8, _>::new_in(&arena);
    arena.rewind(before);
    drop(kept);
}
