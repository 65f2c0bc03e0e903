//! An order book with matching: limit orders and cancellations in, trades out.
//!
//! An order is matched with the best prices of the other side, oldest order first; what is left of it waits
//! in the book. At the end the trades and what is left in the book are digested.

mod advised;
mod plain;

use std::fmt::Write as _;

use crate::digest::Digest;
use crate::random::Random;
use crate::{Version, Work};

/// What comes in.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The number of the order is that of those before it.
    Limit { client: u32, is_buy: bool, price: u32, amount: u32 },
    /// The number of an order, which may be gone.
    Cancel { order: u32 },
}

/// Prices are below this.
const PRICES: u32 = 4096;

pub(crate) fn prepare(permille: usize, version: Version) -> Work {
    let events = events(1000 * permille);
    match version {
        Version::Plain => Box::new(move || {
            let mut book = plain::Book::default();
            events.iter().for_each(|event| book.take(event));
            book.digest()
        }),
        Version::Advised => Box::new(move || {
            let mut book = advised::Book::new();
            events.iter().for_each(|event| book.take(event));
            book.digest()
        }),
    }
}

fn events(count: usize) -> Vec<Event> {
    let mut random = Random::new(4);
    let mut middle = PRICES / 2;
    let mut orders = 0;
    let event = |_| {
        if orders > 100 && random.below(5) < 2 {
            let back = random.skewed(u64::from(orders).min(20_000)) as u32;
            return Event::Cancel { order: orders - 1 - back };
        }
        orders += 1;
        middle = (middle + random.below(3) as u32 - 1).clamp(PRICES / 4, PRICES / 4 * 3);
        let is_buy = random.below(2) == 0;
        let away = random.skewed(40) as u32;
        let price = if is_buy { middle + 3 - away } else { middle - 3 + away };
        let (client, amount) = (random.skewed(3000) as u32, 1 + random.skewed(100) as u32);
        Event::Limit { client, is_buy, price, amount }
    };
    (0..count).map(event).collect()
}

fn client_name(client: u32) -> String {
    let mut name = String::new();
    write_name(&mut name, client);
    name
}

/// Into a buffer that may be used again.
fn write_name(buffer: &mut String, client: u32) {
    buffer.clear();
    write!(buffer, "client-{client:05}").expect("a string takes it");
}

fn add_trade(digest: &mut Digest, buyer: &str, seller: &str, price: u32, amount: u32) {
    digest.add(buyer.as_bytes());
    digest.add(seller.as_bytes());
    digest.add_number(u64::from(price) << 32 | u64::from(amount));
}
