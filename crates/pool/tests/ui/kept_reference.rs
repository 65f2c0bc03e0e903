//! A reference to the object ends with its guard.
fn main() {
    let pool = spandrel_pool::Pool::new(|| 1u8);
    let guard = pool.get();
    let object: &u8 = &guard;
    drop(guard);
    let _ = *object;
}
