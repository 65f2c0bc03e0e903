//! A program that tells what its pools do beside what its heap does. It asks itself once, and prints the rows
//! of its pools: `cargo run -p spandrel-pool --example endpoints`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use spandrel::{MetricKind, Spandrel};
use spandrel_pool::{Keeper, Limits, Pool};

#[global_allocator]
static HEAP: Spandrel = Spandrel::new();

static LINES: Pool<String> = Pool::with(String::new, Limits::new().name("lines").max_item_bytes(1 << 16));

/// Enters the counts of all pools; to be called now and then.
fn publish_pools() {
    for pool in spandrel_pool::metrics() {
        for (name, only_grows, value) in pool.stats.figures() {
            let kind = if only_grows { MetricKind::Counter } else { MetricKind::Gauge };
            spandrel::publish(name, ("pool", pool.name), kind, value);
        }
    }
}

fn asked(address: SocketAddr) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")?;
    let mut text = String::new();
    client.read_to_string(&mut text)?;
    Ok(text)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = spandrel::serve("127.0.0.1:0")?.expect("not a unix socket");
    println!("http://{address}/metrics");
    let _keeper = Keeper::start(Duration::from_secs(1), spandrel::pressure)?;
    for number in 0..1000 {
        let mut line = LINES.get();
        line.clear();
        line.push_str(&number.to_string());
    }
    publish_pools();
    let answer = asked(address)?;
    let rows: Vec<&str> = answer.lines().filter(|line| line.starts_with("pool_")).collect();
    println!("{}", rows.join("\n"));
    assert!(rows.contains(&"pool_hits_local_total{pool=\"lines\"} 999"));
    Ok(())
}
