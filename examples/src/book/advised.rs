//! With the advice applied.
//!
//! - Prices are few, so a side is an array of levels, and the best one an index that moves; no tree.
//! - An order waits in an [`IndexList`] of its level: cancelling it is constant time, by its node. A level
//!   keeps its memory when it is empty.
//! - Names are written when they are shown, into a buffer that is used again: an order and a trade know the
//!   client's number.
//! - Places are an array by the order's number, since numbers are given out in order.
//! - Trades are columns: what is summed or compared is read alone.

use spandrel_cacheline::{IndexList, NodeId, Soa, SoaVec};

use super::{Event, PRICES, add_trade, write_name};
use crate::digest::Digest;

pub(super) struct Book {
    /// By price, of both sides: an order at a price is a bid or an ask, never both.
    levels: Vec<IndexList<Order>>,
    /// No bid is higher.
    best_bid: u32,
    /// No ask is lower.
    best_ask: u32,
    /// By number: where an order waits.
    places: Vec<Option<Place>>,
    trades: SoaVec<Trade>,
}

#[derive(Clone, Copy)]
struct Order {
    number: u32,
    client: u32,
    amount: u32,
}

#[derive(Clone, Copy)]
struct Place {
    node: NodeId,
    price: u32,
}

#[derive(Soa)]
struct Trade {
    buyer: u32,
    seller: u32,
    price: u32,
    amount: u32,
}

impl Book {
    pub(super) fn new() -> Self {
        Self {
            levels: (0..PRICES).map(|_| IndexList::new()).collect(),
            best_bid: 0,
            best_ask: PRICES,
            places: Vec::new(),
            trades: SoaVec::new(),
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        match *event {
            Event::Limit { client, is_buy, price, amount } => {
                let number = u32::try_from(self.places.len()).expect("fewer orders than 2^32");
                self.places.push(None);
                self.limit(Order { number, client, amount }, is_buy, price);
            }
            Event::Cancel { order } => {
                if let Some(place) = self.places[order as usize].take() {
                    self.levels[place.price as usize].remove(place.node);
                }
            }
        }
    }

    fn limit(&mut self, mut order: Order, is_buy: bool, price: u32) {
        while order.amount > 0 {
            let Some(best) = self.best_of_others(is_buy, price) else { break };
            let level = &mut self.levels[best as usize];
            let first = level.front().expect("the best level has orders");
            let other = level.get_mut(first).expect("it is the first");
            let amount = order.amount.min(other.amount);
            order.amount -= amount;
            other.amount -= amount;
            let (buyer, seller) =
                if is_buy { (order.client, other.client) } else { (other.client, order.client) };
            self.trades.push(Trade { buyer, seller, price: best, amount });
            if other.amount == 0 {
                self.places[other.number as usize] = None;
                level.pop_front();
            }
        }
        if order.amount > 0 {
            let node = self.levels[price as usize].push_back(order);
            self.places[order.number as usize] = Some(Place { node, price });
            if is_buy {
                self.best_bid = self.best_bid.max(price);
            } else {
                self.best_ask = self.best_ask.min(price);
            }
        }
    }

    /// The best price of the other side, if it is as good as `price`. Levels that became empty are passed
    /// here.
    fn best_of_others(&mut self, is_buy: bool, price: u32) -> Option<u32> {
        let is_empty = |price: u32| self.levels[price as usize].is_empty();
        if is_buy {
            while self.best_ask <= price && is_empty(self.best_ask) {
                self.best_ask += 1;
            }
            (self.best_ask <= price).then_some(self.best_ask)
        } else {
            while self.best_bid >= price && self.best_bid > 0 && is_empty(self.best_bid) {
                self.best_bid -= 1;
            }
            (self.best_bid >= price && !is_empty(self.best_bid)).then_some(self.best_bid)
        }
    }

    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        let (mut buyer, mut seller) = (String::new(), String::new());
        for trade in &self.trades {
            write_name(&mut buyer, *trade.buyer);
            write_name(&mut seller, *trade.seller);
            add_trade(&mut digest, &buyer, &seller, *trade.price, *trade.amount);
        }
        for (price, level) in (0u64..).zip(&self.levels) {
            for order in level {
                write_name(&mut buyer, order.client);
                digest.add(buyer.as_bytes());
                digest.add_number(price << 32 | u64::from(order.amount));
            }
        }
        digest.value()
    }
}
