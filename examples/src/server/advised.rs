//! With the advice applied.
//!
//! - A request is looked at where it lies: head and body are slices of it, and the JSON is parsed into
//!   structs that borrow. Only strings with escapes are owned.
//! - What lives as long as a request, its list of items, lies in an arena that is reset after it.
//! - What repeats is *interned*: names of customers and items are stored once and are a `u32` everywhere
//!   else.
//! - The store is compact: an order is 24 bytes in one vector a customer, and all items of a customer follow
//!   each other in another, instead of a vector and some strings an order.
//! - Buffers are reused: the tally of a query, the body and the response.

mod parsed;

use std::borrow::Cow;
use std::io::Write as _;

use serde::Serialize;
use spandrel_cacheline::{Soa, SoaVec};
use spandrel_pool::Arena;

use super::QUANTITY_MAX;
use crate::digest::Map;

#[derive(Default)]
pub(super) struct Server {
    customers: Interned,
    skus: Interned,
    /// By the customer's number.
    store: Vec<Customer>,
    orders: u64,
    /// Reused from request to request.
    tally: Vec<Item>,
    body: Vec<u8>,
    response: Vec<u8>,
    /// What belongs to the request, and is gone with it.
    arena: Arena,
}

/// Names as numbers, in the order in which they came.
#[derive(Default)]
struct Interned {
    numbers: Map<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Interned {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).expect("fewer names than 2^32");
        self.numbers.insert(name.into(), number);
        self.names.push(name.into());
        number
    }
}

#[derive(Default)]
struct Customer {
    orders: SoaVec<Order>,
    /// Of all orders, one after the other.
    items: Vec<Item>,
}

#[derive(Soa)]
struct Order {
    total: u64,
    #[soa(cold)]
    note: Option<Box<str>>,
}

#[derive(Clone, Copy)]
struct Item {
    sku: u32,
    quantity: u32,
}

#[derive(Serialize)]
struct Ordered<'a> {
    customer: &'a str,
    order: u64,
    total: u64,
}

#[derive(Serialize)]
struct Report<'a> {
    customer: &'a str,
    most: Option<&'a str>,
    notes: usize,
    orders: usize,
    total: u64,
}

#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
}

/// A request, where it lies.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    head: &'a str,
    body: &'a str,
}

impl<'a> Request<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = std::str::from_utf8(bytes).ok()?.split_once("\r\n\r\n")?;
        let (first, head) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let is_complete = head.is_empty() || head.split("\r\n").all(|line| line.contains(':'));
        is_complete.then_some(Self { method, path, head, body })
    }

    fn header(&self, wanted: &str) -> Option<&'a str> {
        let mut lines = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    }
}

impl Server {
    /// The response, which lies in the server until the next request.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> &[u8] {
        self.body.clear();
        self.arena.reset();
        let status = self.status_of(bytes);
        self.response.clear();
        let head = "Content-Type: application/json\r\nContent-Length:";
        write!(self.response, "HTTP/1.1 {status}\r\n{head} {}\r\n\r\n", self.body.len())
            .expect("a vector takes it");
        self.response.extend_from_slice(&self.body);
        &self.response
    }

    /// Writes the body.
    fn status_of(&mut self, bytes: &[u8]) -> u16 {
        let Some(request) = Request::parse(bytes) else { return self.problem(400, "no request") };
        if request.method == "POST" && request.path == "/orders" {
            return match self.order(&request) {
                Ok(()) => 201,
                Err(problem) => self.problem(422, &problem),
            };
        }
        match request.path.strip_prefix("/customers/").and_then(|name| self.customer(name)) {
            Some(()) => 200,
            None => self.problem(404, "nothing is there"),
        }
    }

    fn problem(&mut self, status: u16, error: &str) -> u16 {
        serde_json::to_writer(&mut self.body, &Problem { error }).expect("a vector takes it");
        status
    }

    fn order(&mut self, request: &Request<'_>) -> Result<(), Cow<'static, str>> {
        if request.header("content-type").is_none_or(|kind| kind != "application/json") {
            return Err("the body is not JSON".into());
        }
        let body = parsed::body(request.body, &self.arena).map_err(|_| "the body is not JSON")?;
        let name = body.customer.ok_or("who orders?")?;
        let items = body.items.ok_or("what is ordered?")?;
        let mut total = 0;
        for item in &items {
            let sku = item.name().ok_or("an item without a name")?;
            let quantity = item.quantity.ok_or("an item without a quantity")?;
            let price = item.price.ok_or("an item without a price")?;
            if quantity > u64::from(QUANTITY_MAX) {
                return Err(format!("too much of {sku}").into());
            }
            total += quantity * price;
        }
        let number = self.customers.number(&name) as usize;
        if number == self.store.len() {
            self.store.push(Customer::default());
        }
        let customer = &mut self.store[number];
        for item in &items {
            let sku = self.skus.number(item.name().unwrap_or_default());
            let quantity = item.quantity.and_then(|quantity| u32::try_from(quantity).ok());
            customer.items.push(Item { sku, quantity: quantity.expect("it was checked") });
        }
        let note = body.note.filter(|note| !note.is_empty()).map(Into::into);
        customer.orders.push(Order { total, note });
        self.orders += 1;
        let answer = Ordered { customer: &name, order: self.orders, total };
        serde_json::to_writer(&mut self.body, &answer).expect("a vector takes it");
        Ok(())
    }

    fn customer(&mut self, name: &str) -> Option<()> {
        let customer = &self.store[*self.customers.numbers.get(name)? as usize];
        self.tally.clear();
        self.tally.extend_from_slice(&customer.items);
        self.tally.sort_unstable_by_key(|item| item.sku);
        let sum = |items: &[Item]| items.iter().map(|item| u64::from(item.quantity)).sum::<u64>();
        let bought = self.tally.chunk_by(|one, other| one.sku == other.sku);
        let bought = bought.map(|items| (sum(items), &*self.skus.names[items[0].sku as usize]));
        let report = Report {
            customer: name,
            most: bought.max().map(|(_, name)| name),
            notes: customer.orders.slices().cold.iter().filter(|cold| cold.note.is_some()).count(),
            orders: customer.orders.len(),
            total: customer.orders.slices().total.iter().sum(),
        };
        serde_json::to_writer(&mut self.body, &report).expect("a vector takes it");
        Some(())
    }
}
