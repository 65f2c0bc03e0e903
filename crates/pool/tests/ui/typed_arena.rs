//! A value must not outlive its typed arena.

use spandrel_pool::TypedArena;

fn main() {
    let arena = TypedArena::new();
    let kept = arena.alloc(String::from("a"));
    drop(arena);
    kept.push('b');
}
