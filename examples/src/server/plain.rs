//! As one writes it: a map of headers, a tree of JSON values, owned strings in the store, a formatted
//! response.

use serde_json::{Value, json};

use super::QUANTITY_MAX;
use crate::digest::Map;

#[derive(Default)]
pub(super) struct Server {
    customers: Map<String, Customer>,
    orders: u64,
}

#[derive(Default)]
struct Customer {
    orders: Vec<Order>,
}

struct Order {
    items: Vec<Item>,
    note: String,
    total: u64,
}

struct Item {
    sku: String,
    quantity: u32,
}

struct Request {
    method: String,
    path: String,
    headers: Map<String, String>,
    body: Vec<u8>,
}

impl Server {
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(request) = parse(bytes) else { return response(400, &json!({"error": "no request"})) };
        if request.method == "POST" && request.path == "/orders" {
            return match self.order(&request) {
                Ok(answer) => response(201, &answer),
                Err(problem) => response(422, &json!({"error": problem})),
            };
        }
        match request.path.strip_prefix("/customers/").and_then(|name| self.customer(name)) {
            Some(answer) => response(200, &answer),
            None => response(404, &json!({"error": "nothing is there"})),
        }
    }

    fn order(&mut self, request: &Request) -> Result<Value, String> {
        if request.headers.get("content-type").is_none_or(|kind| kind != "application/json") {
            return Err("the body is not JSON".to_owned());
        }
        let body: Value =
            serde_json::from_slice(&request.body).map_err(|_| "the body is not JSON".to_owned())?;
        let customer = body["customer"].as_str().ok_or("who orders?")?.to_owned();
        let mut items = Vec::new();
        let mut total = 0;
        for item in body["items"].as_array().ok_or("what is ordered?")? {
            let sku = item["sku"].as_str().ok_or("an item without a name")?.to_owned();
            let quantity = item["quantity"].as_u64().ok_or("an item without a quantity")?;
            let price = item["price"].as_u64().ok_or("an item without a price")?;
            let quantity = u32::try_from(quantity).ok().filter(|quantity| *quantity <= QUANTITY_MAX);
            let quantity = quantity.ok_or_else(|| format!("too much of {sku}"))?;
            total += u64::from(quantity) * price;
            items.push(Item { sku, quantity });
        }
        let note = body["note"].as_str().unwrap_or_default().to_owned();
        self.orders += 1;
        self.customers.entry(customer.clone()).or_default().orders.push(Order { items, note, total });
        Ok(json!({"order": self.orders, "customer": customer, "total": total}))
    }

    fn customer(&self, name: &str) -> Option<Value> {
        let customer = self.customers.get(name)?;
        let total: u64 = customer.orders.iter().map(|order| order.total).sum();
        let notes = customer.orders.iter().filter(|order| !order.note.is_empty()).count();
        let mut bought: Map<String, u64> = Map::default();
        for item in customer.orders.iter().flat_map(|order| &order.items) {
            *bought.entry(item.sku.clone()).or_default() += u64::from(item.quantity);
        }
        let most = bought.into_iter().max_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        let most = most.map(|(sku, _)| sku);
        Some(json!({
            "customer": name, "most": most, "notes": notes, "orders": customer.orders.len(), "total": total,
        }))
    }
}

fn parse(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let first: Vec<String> = lines.next()?.split(' ').map(str::to_owned).collect();
    let mut headers = Map::default();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let (method, path) = (first.first()?.clone(), first.get(1)?.clone());
    Some(Request { method, path, headers, body: body.as_bytes().to_vec() })
}

fn response(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
