//! A guard can't be returned from where its pool ends.
fn lent() -> spandrel_pool::PooledStatic<u8> {
    let pool = spandrel_pool::Pool::new((|| 1) as fn() -> u8);
    pool.get_static()
}

fn main() {
    drop(lent());
}
