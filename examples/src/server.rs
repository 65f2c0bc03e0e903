//! A server of orders: HTTP requests with JSON bodies in, responses out, as bytes.
//!
//! There is no socket: what a connection would carry lies in memory, so that a run is the same every time and
//! the kernel's share does not hide the program's. Everything else is what a server does: it parses the head,
//! parses the body, checks it, changes its store, and writes a response.
//!
//! - `POST /orders` with `{"customer": .., "items": [{"sku": .., "quantity": .., "price": ..}], "note": ..}`
//!   answers the number and total of the order;
//! - `GET /customers/NAME` answers how many orders the customer has, their total, and the item bought most.

mod advised;
mod plain;

use std::fmt::Write as _;

use crate::digest::Digest;
use crate::random::Random;
use crate::{Version, Work};

/// Quantities above this are refused.
const QUANTITY_MAX: u32 = 100;

pub(crate) fn prepare(permille: usize, version: Version) -> Work {
    let requests = requests(200 * permille);
    match version {
        Version::Plain => Box::new(move || {
            let mut server = plain::Server::default();
            digest(&requests, |request, digest| digest.add(&server.answer(request)))
        }),
        Version::Advised => Box::new(move || {
            let mut server = advised::Server::default();
            digest(&requests, |request, digest| digest.add(server.answer(request)))
        }),
    }
}

fn digest(requests: &[Vec<u8>], mut answer: impl FnMut(&[u8], &mut Digest)) -> u64 {
    let mut digest = Digest::new();
    for request in requests {
        answer(request, &mut digest);
    }
    digest.value()
}

fn requests(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    (0..count).map(|_| if random.below(4) == 0 { get(&mut random) } else { post(&mut random) }).collect()
}

fn get(random: &mut Random) -> Vec<u8> {
    format!(
        "GET /customers/customer-{:05} HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\n\
        User-Agent: client/1.4\r\n\r\n",
        random.skewed(5000)
    )
    .into_bytes()
}

fn post(random: &mut Random) -> Vec<u8> {
    let mut body = format!("{{\"customer\": \"customer-{:05}\", \"items\": [", random.skewed(5000));
    for item in 0..=random.below(6) {
        let comma = if item == 0 { "" } else { ", " };
        let (sku, quantity) = (random.skewed(2000), 1 + random.skewed(u64::from(QUANTITY_MAX) + 2));
        let price = 99 + 100 * random.below(300);
        write!(body, "{comma}{{\"sku\": \"sku-{sku:06}\", \"quantity\": {quantity}, \"price\": {price}}}")
            .expect("a string takes it");
    }
    let note = random.one_of(&["", "leave at the door", "a gift: \\\"with love\\\"", "ring twice, please"]);
    write!(body, "], \"note\": \"{note}\"}}").expect("a string takes it");
    format!(
        "POST /orders HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\n\
        Content-Type: application/json\r\nUser-Agent: client/1.4\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
