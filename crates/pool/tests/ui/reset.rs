//! An arena isn't reset while something in it is in use.
fn main() {
    let mut arena = spandrel_pool::Arena::new();
    let number = arena.alloc(1u8);
    arena.reset();
    *number += 1;
}
