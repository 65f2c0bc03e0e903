//! An index of log lines: every word of every line, and queries for lines that have all of some words.
//!
//! Lines look like those of a service: a time, a level, a service, a user, a path, a status, a duration, and
//! a message. Words are what white space divides, in lower case. A query answers how many lines have all its
//! words, and the first three of them.

mod advised;
mod plain;

use std::fmt::Write as _;

use spandrel_pool::Arena;

use crate::digest::Digest;
use crate::random::Random;
use crate::{Version, Work};

/// Lines that an answer shows.
const SHOWN: usize = 3;

pub(crate) fn prepare(permille: usize, version: Version) -> Work {
    let (text, queries) = (text(150 * permille), queries(10 * permille));
    match version {
        Version::Plain => Box::new(move || {
            let index = plain::Index::of(&text);
            let mut digest = Digest::new();
            for query in &queries {
                let (count, lines) = index.query(query);
                add_answer(&mut digest, count, lines.iter().map(String::as_str));
            }
            digest.value()
        }),
        Version::Advised => Box::new(move || {
            let words = Arena::new();
            let mut index = advised::Index::of(&text, &words);
            let mut digest = Digest::new();
            for query in &queries {
                let found = index.query(query);
                let (count, lines) = (found.len(), found.to_vec());
                add_answer(&mut digest, count, lines.iter().take(SHOWN).map(|line| index.line(*line)));
            }
            digest.value()
        }),
    }
}

fn add_answer<'a>(digest: &mut Digest, count: usize, lines: impl Iterator<Item = &'a str>) {
    digest.add_number(count as u64);
    lines.for_each(|line| digest.add(line.as_bytes()));
}

const LEVELS: [&str; 6] = ["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"];
const SERVICES: [&str; 6] = ["auth", "cart", "search", "billing", "gateway", "mail"];
// One has a word twice, which a line counts once.
const MESSAGES: [&str; 8] = [
    "Request served from cache",
    "Request served",
    "Connection reset by peer, will retry",
    "Slow query on table orders",
    "Token refreshed for session",
    "Retry after the upstream timed out on retry",
    "Queue depth above threshold",
    "Wrote snapshot to disk",
];

fn text(lines: usize) -> String {
    let mut random = Random::new(2);
    let mut text = String::new();
    for line in 0..lines {
        let (second, milli) = (line / 50, random.below(1000));
        writeln!(
            text,
            "2026-03-01T{:02}:{:02}:{:02}.{milli:03}Z {} service={} user=u{:06} path=/api/{}/{} status={} \
            took={}ms {}",
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            random.one_of(&LEVELS),
            random.one_of(&SERVICES),
            random.skewed(20_000),
            random.one_of(&SERVICES),
            random.skewed(5000),
            random.one_of(&["200", "200", "200", "201", "302", "404", "500", "503"]),
            random.skewed(900),
            random.one_of(&MESSAGES),
        )
        .expect("a string takes it");
    }
    text
}

fn queries(count: usize) -> Vec<String> {
    let mut random = Random::new(3);
    let query = |_| {
        let level = random.one_of(&LEVELS).to_lowercase();
        match random.below(4) {
            0 => format!("user=u{:06}", random.skewed(20_000)),
            1 => format!("{level} user=u{:06}", random.skewed(20_000)),
            2 => format!("service={} took={}ms {level}", random.one_of(&SERVICES), random.skewed(900)),
            _ => format!("status=503 took={}ms retry", random.skewed(900)),
        }
    };
    // And one for the word that a line may have twice.
    (0..count).map(query).chain([String::from("RETRY")]).collect()
}
