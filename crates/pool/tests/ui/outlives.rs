//! A guard borrows its pool.
fn main() {
    let pool = spandrel_pool::Pool::new(|| 1u8);
    let guard = pool.get();
    drop(pool);
    let _ = *guard;
}
