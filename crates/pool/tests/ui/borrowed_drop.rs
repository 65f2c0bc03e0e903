//! A value whose destructor the arena owes must own what it has: it may be dropped after all else.

use spandrel_pool::Arena;

fn main() {
    let arena = Arena::new();
    let text = String::from("a");
    arena.alloc_drop(vec![&text]);
    drop(text);
}
