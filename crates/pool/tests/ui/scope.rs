//! Nothing that a scope of an arena allocated can leave it.
fn main() {
    let mut arena = spandrel_pool::Arena::new();
    let number: &u8 = arena.scoped(|arena| &*arena.alloc(1u8));
    let _ = *number;
}
