//! As one writes it: sorted maps of queues of boxed orders, names in orders and trades, a map from numbers to
//! places.

use std::collections::{BTreeMap, VecDeque};

use super::{Event, add_trade, client_name};
use crate::digest::{Digest, Map};

#[derive(Default)]
pub(super) struct Book {
    bids: BTreeMap<u32, VecDeque<Box<Order>>>,
    asks: BTreeMap<u32, VecDeque<Box<Order>>>,
    /// Side and price of the orders in the book.
    places: Map<u32, (bool, u32)>,
    orders: u32,
    trades: Vec<Trade>,
}

struct Order {
    number: u32,
    client: String,
    amount: u32,
}

struct Trade {
    buyer: String,
    seller: String,
    price: u32,
    amount: u32,
}

impl Book {
    pub(super) fn take(&mut self, event: &Event) {
        match *event {
            Event::Limit { client, is_buy, price, amount } => {
                let order = Order { number: self.orders, client: client_name(client), amount };
                self.orders += 1;
                self.limit(order, is_buy, price);
            }
            Event::Cancel { order } => self.cancel(order),
        }
    }

    fn limit(&mut self, mut order: Order, is_buy: bool, price: u32) {
        while order.amount > 0 {
            let others = if is_buy { &mut self.asks } else { &mut self.bids };
            let best = if is_buy { others.first_entry() } else { others.last_entry() };
            let Some(mut level) = best else { break };
            let best_price = *level.key();
            if if is_buy { best_price > price } else { best_price < price } {
                break;
            }
            let other = level.get_mut().front_mut().expect("a level without orders is removed");
            let amount = order.amount.min(other.amount);
            order.amount -= amount;
            other.amount -= amount;
            let (one, two) = (order.client.clone(), other.client.clone());
            let (buyer, seller) = if is_buy { (one, two) } else { (two, one) };
            self.trades.push(Trade { buyer, seller, price: best_price, amount });
            if other.amount == 0 {
                self.places.remove(&other.number);
                level.get_mut().pop_front();
                if level.get().is_empty() {
                    level.remove();
                }
            }
        }
        if order.amount > 0 {
            self.places.insert(order.number, (is_buy, price));
            let side = if is_buy { &mut self.bids } else { &mut self.asks };
            side.entry(price).or_default().push_back(Box::new(order));
        }
    }

    fn cancel(&mut self, number: u32) {
        let Some((is_buy, price)) = self.places.remove(&number) else { return };
        let side = if is_buy { &mut self.bids } else { &mut self.asks };
        let level = side.get_mut(&price).expect("an order in the book has a level");
        level.retain(|order| order.number != number);
        if level.is_empty() {
            side.remove(&price);
        }
    }

    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        for trade in &self.trades {
            add_trade(&mut digest, &trade.buyer, &trade.seller, trade.price, trade.amount);
        }
        for (price, level) in self.bids.iter().chain(&self.asks) {
            for order in level {
                digest.add(order.client.as_bytes());
                digest.add_number(u64::from(*price) << 32 | u64::from(order.amount));
            }
        }
        digest.value()
    }
}
